"""A delivery that tells an order's newest snapshot once more: the same bytes again, or under another topic.

It changes nothing but the inbox, so it needs neither to be read nor to be decided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, TextClause, bindparam, text

from panelr_bridge.store import deliveries
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import Row

_SAME = (
    "FROM orders WHERE store = :store AND woo_order_id = :woo_order_id AND woo_status = :woo_status"
    " AND snapshot_sha256 = :body_sha256"
)
FIND = CompiledStatement(
    text(f"SELECT state, reasons, work_order_id, reference_code {_SAME}").bindparams(
        bindparam("body_sha256", type_=LargeBinary)
    )
)
_TOLD = "id, times, repeated, state, reasons, work_order_id, reference_code"
# Of a delivery whose row is known the body need not be packed and handed over. It is found by its id, which PostgreSQL
# takes for a good way whatever it thinks of the table.
_ONCE_MORE = deliveries.ONCE_MORE.format(verdict=":verdict", words=":words", now=":now")
_THERE = (
    "WHERE deliveries.id = :delivery_id AND deliveries.store = :store AND deliveries.topic = :topic"
    " AND deliveries.body_sha256 = :body_sha256 RETURNING deliveries.id, times, repeated"
)
_THERE_TYPES = (bindparam("body_sha256", type_=LargeBinary), bindparam("now", type_=UtcDateTime))
COUNT = CompiledStatement(text(f"UPDATE deliveries SET {_ONCE_MORE} {_THERE}").bindparams(*_THERE_TYPES))  # noqa: S608


def _alone(told: str) -> TextClause:
    """Return the statement that finds the order and, where it is as expected, does as `told` says."""
    return text(
        f"WITH known AS (SELECT state, CAST(reasons AS text) AS reasons, work_order_id, reference_code {_SAME}),"  # noqa: S608
        f" told AS ({told}) SELECT {_TOLD} FROM (SELECT 1) one LEFT JOIN (SELECT {_TOLD} FROM told, known) a ON TRUE"
    )


_ADD_ALONE = CompiledStatement(
    _alone(f"{deliveries.INTO} SELECT {deliveries.VALUES} FROM known{deliveries.COUNTED}").bindparams(  # noqa: S608
        *deliveries.TYPES
    ),
    one_row=True,
)
COUNT_ALONE = CompiledStatement(
    _alone(f"UPDATE deliveries SET {_ONCE_MORE} FROM known {_THERE}").bindparams(*_THERE_TYPES),  # noqa: S608
    one_row=True,
)


@dataclass(frozen=True, slots=True)
class RepeatedDelivery:
    """Where such a delivery was stored, how often it has come, and the columns of its order that an answer tells."""

    delivery_id: int
    times: int
    order: Row


async def store_repeat(
    database: Database, delivery: Delivery, *, woo_status: str, place: int | None, clock: Callable[[], datetime]
) -> RepeatedDelivery | None:
    """Store or count `delivery`, whose bytes are its order's newest snapshot and tell the status `woo_status`.

    `place` is the id of the row that is thought to hold it; None where there may be none. Returns None, and nothing is
    written, where the order has another snapshot or status by now.
    """

    def values() -> Row:
        return deliveries.row(delivery, now=clock()) | {"woo_status": woo_status, "delivery_id": place}

    if database.dialect == "sqlite":
        return _again(await database.write(_tell, values))
    counted = None if place is None else _again(await database.execute_autocommit(COUNT_ALONE, values))
    return counted or _again(await database.execute_autocommit(_ADD_ALONE, values))


def _tell(connection: Connection, values: Callable[[], Row]) -> list[Sequence[Any]]:
    given = values()
    known = FIND.run(connection, given)
    if not known:
        return []
    counted = [] if given["delivery_id"] is None else COUNT.run(connection, given)
    return [(*(counted or deliveries.ADD.run(connection, given))[0], *known[0])]


def _again(found: list[Sequence[Any]]) -> RepeatedDelivery | None:
    row = next((row for row in found if row[0] is not None), None)
    if row is None:
        return None
    delivery_id, times, _, state, reasons, work_order_id, reference_code = row
    order = {
        "state": state,
        "reasons": msgspec.json.decode(reasons),
        "work_order_id": work_order_id,
        "reference_code": reference_code,
    }
    return RepeatedDelivery(delivery_id, times, order)
