"""The unread deliveries: they brought no order, and nothing has made up for it. A small index holds them alone."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, literal_column, select, text, update

from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.deliveries import LISTED_COLUMNS, READ_VERDICTS, UNREAD_VERDICTS, ResolvedBy
from panelr_bridge.store.rows import DeliveryRow, Json, ListedDeliveryRow, UnreadDeliveryRow, fetch_all, fetch_one
from panelr_bridge.store.tables import UNRESOLVED, deliveries

BATCH = 500
"""How many unread deliveries are read at once."""
_C = deliveries.c
_BY_ORDER = [verdict for verdict, by in UNREAD_VERDICTS.items() if by is ResolvedBy.ORDER]
_R = deliveries.alias("r")
_READ_AS = (
    select(_R.c.id)
    .where(
        _R.c.store == _C.store,
        _R.c.woo_order_id == _C.woo_order_id,
        _R.c.verdict.in_(READ_VERDICTS),
        _C.verdict.in_(_BY_ORDER),
        (_R.c.last_received_at > _C.last_received_at)
        | ((_R.c.last_received_at == _C.last_received_at) & (_R.c.id > _C.id)),
    )
    .limit(1)
    .correlate(deliveries)
    .scalar_subquery()
)
_BATCH = (
    select(*LISTED_COLUMNS, _READ_AS.label("read_as"))
    .where(text(UNRESOLVED), _C.id > bindparam("after"))
    .order_by(_C.id)
    .limit(literal_column(str(BATCH), Integer))  # for a parameter, PostgreSQL plans to read a tenth of all rows
)
_MARK = (
    update(deliveries)
    .where(
        _C.id == bindparam("of_id"),
        text(UNRESOLVED),
        _C.last_received_at == bindparam("as_received_at", type_=UtcDateTime),
    )
    .values(unresolved_since=None, resolution=bindparam("as_resolution", type_=_C.resolution.type))
)


def list_batch(connection: Connection, *, after: int) -> list[UnreadDeliveryRow]:
    """Return up to BATCH unread deliveries with ids above `after`, in the order of their ids.

    `read_as` is the id of a later delivery that was read and makes up for this one, because it is of the same order.
    """
    return fetch_all(connection, _BATCH, {"after": after}, UnreadDeliveryRow)


def lock(connection: Connection, delivery_id: int) -> DeliveryRow | None:
    """Return one delivery and lock its row."""
    query = select(deliveries).where(_C.id == delivery_id).with_for_update(key_share=True)
    return fetch_one(connection, query, {}, DeliveryRow)


def resolve(connection: Connection, resolutions: Iterable[tuple[ListedDeliveryRow, Json]]) -> None:
    """Resolve deliveries in the order of their ids, each with who resolved it; one that came again stays unread."""
    values = [
        {"of_id": row["id"], "as_received_at": row["last_received_at"], "as_resolution": resolution}
        for row, resolution in sorted(resolutions, key=lambda each: each[0]["id"])
    ]
    if values:
        connection.execute(_MARK, values)


def resolution(*, by: str, note: str, now: datetime) -> Json:
    """Return the column `resolution`."""
    return {"by": by, "at": now.isoformat(), "note": note}
