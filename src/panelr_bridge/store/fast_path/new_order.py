"""Insert a delivery, its new order, the call that the order owes, and the call's slot: all of it or nothing.

On PostgreSQL this is one statement. A delivery or order that another transaction inserts at the same time violates a
unique key, and PostgreSQL rolls the whole statement back. On SQLite the first of three statements, which takes the
slot, checks whether the others may run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, text

from panelr_bridge.store import deliveries, rate_limit
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.rows import NewOrderRow
from panelr_bridge.store.tables import Columns, orders

_NOW_TYPE = bindparam("now", type_=UtcDateTime())
_KEY_COLUMNS = {"id", "delivery_id", "sent_delivery_id", "call_slot"}
"""Columns whose values the statement itself produces."""
_NULL_COLUMNS = {
    *("attention", "work_order_id", "reference_code", "confirmation_token", "panelr_status", "follow_at"),
    *("customer_lines", "shop_refunds", "not_found_since", "order_total", "acknowledged", "overridden", "continuation"),
}
"""Columns that are null while the order's first call is under way."""
_NOW_COLUMNS = {"created_at", "updated_at", "first_sent_at", "next_attempt_at", "owes_since"}


def _build_order_columns() -> tuple[str, str, list["BindParameter[Any]"]]:
    """Return the SQL list of the order's other columns, that of their values, and the values' types."""
    columns = [column for column in orders.c if column.name not in _KEY_COLUMNS | _NULL_COLUMNS]
    names = {column.name: "now" if column.name in _NOW_COLUMNS else column.name for column in columns}
    types = [bindparam(names[column.name], type_=column.type) for column in columns if names[column.name] != "now"]
    return ", ".join(names), ", ".join(f":{name}" for name in names.values()), types


_ORDER_COLUMNS, _ORDER_VALUES, _ORDER_TYPES = _build_order_columns()
_REVISION = "coalesce((SELECT r.revision FROM mapping_revisions r WHERE r.store = :store), 0)"
_IS_UNCHANGED_AND_NEW = (
    f" AND {_REVISION} = :mapping_revision"  # noqa: S608  our own names
    " AND NOT EXISTS (SELECT 1 FROM orders k WHERE k.store = :store AND k.woo_order_id = :woo_order_id)"
)
_TAKE_SLOT_SQL = rate_limit.take_ahead_sql(_IS_UNCHANGED_AND_NEW)
# Locks the slot, the delivery, the order, as every transaction does; SKIP LOCKED never waits for a slot.
_INSERT_ALL = CompiledStatement(
    rate_limit.typed(
        f"WITH taken AS ({_TAKE_SLOT_SQL['postgresql']}),"  # noqa: S608  our own names
        f" delivered AS ({deliveries.INSERT_INTO} SELECT {deliveries.INSERT_VALUES} FROM taken RETURNING id),"
        f" added AS (INSERT INTO orders (delivery_id, sent_delivery_id, call_slot, {_ORDER_COLUMNS})"
        f"  SELECT delivered.id, delivered.id, taken.slot, {_ORDER_VALUES} FROM delivered, taken RETURNING id)"
        " SELECT (SELECT id FROM delivered), (SELECT id FROM added), (SELECT slot FROM taken)"
    ).bindparams(*_ORDER_TYPES, *deliveries.INSERT_TYPES),
    one_row=True,
)
_TAKE_SLOT = CompiledStatement(rate_limit.typed(_TAKE_SLOT_SQL["sqlite"]))
_INSERT_DELIVERY = CompiledStatement(
    text(
        f"{deliveries.INSERT_INTO} VALUES ({deliveries.INSERT_VALUES}) ON CONFLICT DO NOTHING RETURNING id"
    ).bindparams(*deliveries.INSERT_TYPES)
)
_INSERT_ORDER = CompiledStatement(
    text(
        f"INSERT INTO orders (delivery_id, sent_delivery_id, call_slot, {_ORDER_COLUMNS})"  # noqa: S608  our own names
        f" VALUES (:delivery_id, :delivery_id, :slot, {_ORDER_VALUES}) RETURNING id"
    ).bindparams(*_ORDER_TYPES, _NOW_TYPE)
)
_READ_REVISION = CompiledStatement(text(f"SELECT {_REVISION}"), one_row=True)


class _DeliveryKnownError(Exception):
    """The delivery was stored before. Raised to roll the transaction back."""


@dataclass(frozen=True, slots=True)
class InsertedOrder:
    """The ids of the inserted order and delivery, and the slot of the order's call."""

    order_id: int
    delivery_id: int
    slot: rate_limit.RateSlot


async def insert_order(database: Database, build_values: Callable[[], Columns]) -> InsertedOrder | int | None:
    """Insert a delivery, its new order, the call that it owes and that call's slot; return where they are stored.

    `build_values` returns what `insert_order_values` returns. If nothing was written because the mappings have
    changed, the order exists or `rate_limit.take_ahead` would return no slot, returns the current revision of the
    store's mappings. Returns None if the delivery exists or another transaction was first.
    """
    if database.dialect == "sqlite":
        try:
            return await database.write(_insert_each, build_values)
        except _DeliveryKnownError:
            return None
    for delivery_id, order_id, slot in await database.execute_autocommit(_INSERT_ALL, build_values):
        if order_id is not None:
            return InsertedOrder(order_id, delivery_id, rate_limit.RateSlot(slot))
        for (revision,) in await database.execute_autocommit(_READ_REVISION, build_values):
            return int(revision)
    return None


def _insert_each(connection: Connection, build_values: Callable[[], Columns]) -> InsertedOrder | int:
    values = build_values()
    slot = next((slot for (slot,) in _TAKE_SLOT.run(connection, values)), None)
    if slot is None:
        return int(_READ_REVISION.run(connection, values)[0][0])
    delivery_id = next((new_id for (new_id,) in _INSERT_DELIVERY.run(connection, values)), None)
    if delivery_id is None:
        raise _DeliveryKnownError
    ((order_id,),) = _INSERT_ORDER.run(connection, values | {"delivery_id": delivery_id, "slot": slot})
    return InsertedOrder(order_id, delivery_id, rate_limit.RateSlot(slot))


def insert_order_values(delivery: Delivery, order: NewOrderRow, slot_values: Columns, *, now: datetime) -> Columns:
    """Return the values of `insert_order`: the order's row with its call, and `rate_limit.take_ahead_values`."""
    return order | slot_values | deliveries.insert_values(delivery, now=now)
