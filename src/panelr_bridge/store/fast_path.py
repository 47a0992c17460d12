"""What an ordinary order needs, written all at once or not at all; then the transaction that it stands for runs.

On PostgreSQL that is one statement, which commits by itself. One that meets another's row is taken back as a whole: no
part of it is written without the others. SQLite's statements write one table each, and the first of them, which takes
the slot, looks whether all of it may be written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, text

from panelr_bridge.store import deliveries, orders, rate_limit, together
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import Row
from panelr_bridge.store.tables import orders as orders_table

_MOMENT = bindparam("now", type_=UtcDateTime())
_BY_THEMSELVES = {"id", "delivery_id", "sent_delivery_id", "call_slot"}
_NOT_YET = {
    *("attention", "work_order_id", "reference_code", "confirmation_token", "panelr_status", "follow_at"),
    *("customer_lines", "not_found_since"),
}
"""Columns that are null in an order that is sent as it comes."""
_THIS_MOMENT = {"created_at", "updated_at", "first_sent_at", "next_attempt_at", "owes_since"}


def _written() -> tuple[str, str, list["BindParameter[Any]"]]:
    """Return the columns that are written of an order, their values' names, and the types of these."""
    columns = [column for column in orders_table.c if column.name not in _BY_THEMSELVES | _NOT_YET]
    names = {each.name: "now" if each.name in _THIS_MOMENT else each.name for each in columns}
    types = [bindparam(names[column.name], type_=column.type) for column in columns if names[column.name] != "now"]
    return ", ".join(names), ", ".join(f":{name}" for name in names.values()), types


_ORDER, _ORDER_VALUES, _ORDER_TYPES = _written()
_REVISION = "coalesce((SELECT r.revision FROM mapping_revisions r WHERE r.store = :store), 0)"
_SIMPLE = (
    f" AND {_REVISION} = :mapping_revision"  # noqa: S608  our own names
    " AND NOT EXISTS (SELECT 1 FROM orders k WHERE k.store = :store AND k.woo_order_id = :woo_order_id)"
)
_TAKE = rate_limit.taking_ahead(_SIMPLE)
# The order of all locks: delivery, order; nobody waits for a slot. A delivery that is known, or an order that another
# brings at once, breaks a unique key, and all is taken back: the slot as well.
_ADD = CompiledStatement(
    rate_limit.typed(
        f"WITH taken AS ({_TAKE['postgresql']}),"  # noqa: S608  our own names
        f" delivered AS ({deliveries.INTO} SELECT {deliveries.VALUES} FROM taken RETURNING id),"
        f" added AS (INSERT INTO orders (delivery_id, sent_delivery_id, call_slot, {_ORDER})"
        f"  SELECT delivered.id, delivered.id, taken.slot, {_ORDER_VALUES} FROM delivered, taken RETURNING id)"
        " SELECT (SELECT id FROM delivered), (SELECT id FROM added), (SELECT slot FROM taken)"
    ).bindparams(*_ORDER_TYPES, *deliveries.TYPES),
    one_row=True,
)
_TAKE_SLOT = CompiledStatement(rate_limit.typed(_TAKE["sqlite"]))
_DELIVER = CompiledStatement(
    text(f"{deliveries.INTO} VALUES ({deliveries.VALUES}) ON CONFLICT DO NOTHING RETURNING id").bindparams(
        *deliveries.TYPES
    )
)
_PLACE = CompiledStatement(
    text(
        f"INSERT INTO orders (delivery_id, sent_delivery_id, call_slot, {_ORDER})"  # noqa: S608  our own names
        f" VALUES (:delivery_id, :delivery_id, :slot, {_ORDER_VALUES}) RETURNING id"
    ).bindparams(*_ORDER_TYPES, _MOMENT)
)
_NOW = CompiledStatement(text(f"SELECT {_REVISION}"), one_row=True)


class _Known(Exception):
    """The delivery was stored before: what this has written is taken back."""


@dataclass(frozen=True, slots=True)
class InsertedOrder:
    """Where an order and its delivery were stored, and the slot that its call has taken."""

    order_id: int
    delivery_id: int
    slot: rate_limit.RateSlot


async def insert_order(database: Database, values: Callable[[], Row]) -> InsertedOrder | int | None:
    """Store a delivery that brings a new order, the order, the call that it owes and that call's slot.

    `values` is what `of_order` returns. Returns the revision that the store's mappings have now where nothing was
    written: the mappings are others, the order or the delivery is known, or `rate_limit.take_ahead` gives no slot.
    None where another transaction was quicker, or the delivery is known.
    """
    if database.dialect == "sqlite":
        try:
            return await database.write(_add_each, values)
        except _Known:
            return None
    for delivery_id, order_id, slot in await database.execute_autocommit(_ADD, values):
        if order_id is not None:
            return InsertedOrder(order_id, delivery_id, rate_limit.RateSlot(slot))
        for (revision,) in await database.execute_autocommit(_NOW, values):
            return int(revision)
    return None


def _add_each(connection: Connection, values: Callable[[], Row]) -> InsertedOrder | int:
    given = values()
    slot = next((slot for (slot,) in _TAKE_SLOT.run(connection, given)), None)
    if slot is None:
        return int(_NOW.run(connection, given)[0][0])
    delivery_id = next((each for (each,) in _DELIVER.run(connection, given)), None)
    if delivery_id is None:
        raise _Known
    ((order_id,),) = _PLACE.run(connection, given | {"delivery_id": delivery_id, "slot": slot})
    return InsertedOrder(order_id, delivery_id, rate_limit.RateSlot(slot))


def of_order(delivery: Delivery, order: Row, leave: Row, *, now: datetime) -> Row:
    """Return the values of `insert_order`: an order's row, what it owes, and `rate_limit.ahead_values`."""
    return order | leave | deliveries.row(delivery, now=now)


def concludes(database: Database) -> bool:
    """Return whether `conclude` is for `database`: SQLite writes a call's end in as many statements either way."""
    return database.dialect == "postgresql"


async def conclude(database: Database, values: Callable[[], Row], shape: orders.Shape) -> bool:
    """Write a call's end as `together.conclude` does, where the order's snapshot is still the one that was sent.

    `values` is what `together.conclusion` returns, `shape` that of those of the order. Returns whether it was written.
    """
    found = await database.execute_autocommit(together.concluding(shape, unchanged=True), values)
    return any(written for (written,) in found)
