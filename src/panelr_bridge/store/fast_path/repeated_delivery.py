"""Store a delivery whose bytes are its order's latest snapshot already: sent again, or under another topic.

Such a delivery changes nothing but the table of deliveries, so it is neither parsed nor decided.
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
from panelr_bridge.store.rows import AnsweredOrder
from panelr_bridge.store.tables import Columns

_FROM_UNCHANGED_ORDER = (
    "FROM orders WHERE store = :store AND woo_order_id = :woo_order_id AND woo_status = :woo_status"
    " AND snapshot_sha256 = :body_sha256"
)
_ORDER_COLUMNS = "state, reasons, work_order_id, reference_code"
_RESULT = f"id, times, repeated, {_ORDER_COLUMNS}"
# A delivery that is stored already is counted by its id: its body need not be compressed and sent, and PostgreSQL
# uses the primary key whatever its statistics say.
_COUNT = deliveries.COUNT_REPEAT.format(verdict=":verdict", words=":words", now=":now", unresolved_since="NULL")
_WHERE_STORED = (
    "WHERE deliveries.id = :delivery_id AND deliveries.store = :store AND deliveries.topic = :topic"
    " AND deliveries.body_sha256 = :body_sha256 RETURNING deliveries.id, times, repeated"
)
_COUNT_TYPES = (bindparam("body_sha256", type_=LargeBinary), bindparam("now", type_=UtcDateTime))


def _with_order(statement: str) -> TextClause:
    """Return one statement that finds the unchanged order and runs `statement`, which writes only if it exists."""
    return text(
        f"WITH known AS (SELECT state, CAST(reasons AS text) AS reasons, work_order_id, reference_code"  # noqa: S608
        f" {_FROM_UNCHANGED_ORDER}), stored AS ({statement})"
        f" SELECT {_RESULT} FROM (SELECT 1) one LEFT JOIN (SELECT {_RESULT} FROM stored, known) a ON TRUE"
    )


FIND_ORDER = CompiledStatement(
    text(f"SELECT {_ORDER_COLUMNS} {_FROM_UNCHANGED_ORDER}").bindparams(bindparam("body_sha256", type_=LargeBinary))
)
COUNT_DELIVERY = CompiledStatement(
    text(f"UPDATE deliveries SET {_COUNT} {_WHERE_STORED}").bindparams(*_COUNT_TYPES)  # noqa: S608  our own names
)
COUNT_WITH_ORDER = CompiledStatement(
    _with_order(f"UPDATE deliveries SET {_COUNT} FROM known {_WHERE_STORED}").bindparams(*_COUNT_TYPES),  # noqa: S608
    one_row=True,
)
_ADD_WITH_ORDER = CompiledStatement(
    _with_order(
        f"{deliveries.INSERT_INTO} SELECT {deliveries.INSERT_VALUES} FROM known{deliveries.ON_CONFLICT_COUNT}"  # noqa: S608
    ).bindparams(*deliveries.INSERT_TYPES),
    one_row=True,
)


@dataclass(frozen=True, slots=True)
class RepeatedDelivery:
    """The stored delivery's id, how often it was received, and the columns of its order that an answer shows."""

    delivery_id: int
    times: int
    order: AnsweredOrder


async def store_repeat(
    database: Database, delivery: Delivery, *, woo_status: str, stored_id: int | None, clock: Callable[[], datetime]
) -> RepeatedDelivery | None:
    """Store or count `delivery`, whose bytes are its order's latest snapshot with the status `woo_status`.

    `stored_id` is the id of the row that probably holds the delivery; None if no row is known. Returns None, with
    nothing written, if the order has another snapshot or status by now.
    """

    def build_values() -> Columns:
        return deliveries.insert_values(delivery, now=clock()) | {"woo_status": woo_status, "delivery_id": stored_id}

    if database.dialect == "sqlite":
        return _read_result(await database.write(_store_each, build_values))
    counted = (
        None if stored_id is None else _read_result(await database.execute_autocommit(COUNT_WITH_ORDER, build_values))
    )
    return counted or _read_result(await database.execute_autocommit(_ADD_WITH_ORDER, build_values))


def _store_each(connection: Connection, build_values: Callable[[], Columns]) -> list[Sequence[Any]]:
    values = build_values()
    orders = FIND_ORDER.run(connection, values)
    if not orders:
        return []
    counted = [] if values["delivery_id"] is None else COUNT_DELIVERY.run(connection, values)
    return [(*(counted or deliveries.ADD.run(connection, values))[0], *orders[0])]


def _read_result(rows: list[Sequence[Any]]) -> RepeatedDelivery | None:
    row = next((row for row in rows if row[0] is not None), None)
    if row is None:
        return None
    delivery_id, times, _, state, reasons, work_order_id, reference_code = row
    order: AnsweredOrder = {
        "state": state,
        "reasons": msgspec.json.decode(reasons),
        "work_order_id": work_order_id,
        "reference_code": reference_code,
    }
    return RepeatedDelivery(delivery_id, times, order)
