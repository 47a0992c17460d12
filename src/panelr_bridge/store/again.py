"""A delivery that tells an order's newest snapshot once more: the same bytes again, or under another topic.

It changes nothing but the inbox, so it needs neither to be read nor to be decided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, bindparam, text

from panelr_bridge.store import deliveries
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.prepared import Prepared
from panelr_bridge.store.tables import Row

_SAME = (
    "FROM orders WHERE store = :store AND woo_order_id = :woo_order_id AND woo_status = :woo_status"
    " AND snapshot_sha256 = :body_sha256"
)
_FIND = Prepared(
    text(f"SELECT state, reasons, work_order_id, reference_code {_SAME}").bindparams(
        bindparam("body_sha256", type_=LargeBinary)
    )
)
_TOLD = "id, times, repeated, state, reasons, work_order_id, reference_code"
_ALONE = Prepared(
    text(
        f"WITH known AS (SELECT state, CAST(reasons AS text) AS reasons, work_order_id, reference_code {_SAME}),"  # noqa: S608
        f" told AS ({deliveries.INTO} SELECT {deliveries.VALUES} FROM known{deliveries.COUNTED})"
        f" SELECT {_TOLD} FROM (SELECT 1) one LEFT JOIN (SELECT {_TOLD} FROM told, known) a ON TRUE"
    ).bindparams(*deliveries.TYPES),
    one_row=True,
)


@dataclass(frozen=True, slots=True)
class Again:
    """Where such a delivery was stored, how often it has come, and the columns of its order that an answer tells."""

    delivery_id: int
    times: int
    order: Row


async def tell(
    database: Database, delivery: Delivery, *, woo_status: str, clock: Callable[[], datetime]
) -> Again | None:
    """Store or count `delivery`, whose bytes are its order's newest snapshot and tell the status `woo_status`.

    None, and nothing is written, where the order has another snapshot or status by now.
    """

    def values() -> Row:
        return deliveries.row(delivery, now=clock()) | {"woo_status": woo_status}

    if database.dialect == "postgresql":
        found = await database.alone(_ALONE, values)
    else:
        found = await database.write(_tell, values)
    return next((_again(row) for row in found if row[0] is not None), None)


def _tell(connection: Connection, values: Callable[[], Row]) -> list[Sequence[Any]]:
    given = values()
    known = _FIND.run(connection, given)
    return [(*deliveries.ADD.run(connection, given)[0], *known[0])] if known else []


def _again(row: Sequence[Any]) -> Again:
    delivery_id, times, _, state, reasons, work_order_id, reference_code = row
    order = {
        "state": state,
        "reasons": msgspec.json.decode(reasons),
        "work_order_id": work_order_id,
        "reference_code": reference_code,
    }
    return Again(delivery_id, times, order)
