"""What an order's way writes at one time, in the fewest ways to the database and back.

PostgreSQL writes several tables in one statement; each statement less saves a way there and back. On SQLite a statement
is a function call, and none can write two tables: there they run one after the other.
"""

import functools
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, exists, insert, select

from panelr_bridge.store import orders, outbox
from panelr_bridge.store.prepared import Prepared
from panelr_bridge.store.tables import Row, attempts
from panelr_bridge.store.tables import orders as orders_table
from panelr_bridge.store.tables import outbox as owed_calls


def add_owing(connection: Connection, order: Row, call: Row) -> int | None:
    """Insert an order and the call that it owes, which needs no `order_id` yet.

    Returns the order's id; None, and nothing is written, when another transaction has inserted it first.
    """
    if connection.dialect.name == "postgresql":
        values = order | {f"owed_{name}": value for name, value in call.items()}
        return next((order_id for (order_id,) in _add_owing().run(connection, values)), None)
    order_id = orders.add(connection, order)
    if order_id is not None:
        outbox.put(connection, call | {"order_id": order_id})
    return order_id


def conclude(
    connection: Connection, order_id: int, number: int, values: Row, attempt: Row, *, now: datetime
) -> Row | None:
    """Settle create attempt `number` as orders.settle does; the order then owes nothing, and `attempt` is noted.

    Returns which snapshot the order has now; None, and nothing is written, when it does not wait for that attempt.
    """
    if connection.dialect.name == "postgresql":
        written = conclusion(order_id, number, values, attempt, now=now)
        found = concluding(frozenset(values)).run(connection, written)
        return next(({"delivery_id": delivery_id, "woo_status": status} for delivery_id, status in found), None)
    settled = orders.settle(connection, order_id, number, values, now=now)
    if settled is not None:
        outbox.remove(connection, order_id)
        outbox.note_attempt(connection, attempt)
    return settled


def conclusion(order_id: int, number: int, values: Row, attempt: Row, *, now: datetime) -> Row:
    """Return the values of the statement that `concluding` returns."""
    noted = {f"noted_{name}": value for name, value in attempt.items()}
    return values | noted | {"of_order": order_id, "of_attempt": number, "updated_at": now}


@functools.cache
def _add_owing() -> Prepared:
    added = orders.ADD["postgresql"].cte("added")
    columns = [column for column in _kept(owed_calls) if column.name != "order_id"]
    owed = [bindparam(f"owed_{column.name}", type_=column.type) for column in columns]
    written = insert(owed_calls).from_select(["order_id", *columns], select(added.c.id, *owed))
    return Prepared(select(added.c.id).add_cte(written.cte("owed")))


@functools.cache
def concluding(columns: frozenset[str], *, unchanged: bool = False) -> Prepared:
    """Return the one statement of `conclude` on PostgreSQL, which sets `columns` of the order.

    With `unchanged` it writes only where the order has the snapshot `of_delivery` in the status `of_status` still, and
    brings one row that says whether it did.
    """
    settling = orders.settling(columns)
    if unchanged:
        same = (
            orders_table.c.delivery_id == bindparam("of_delivery"),
            orders_table.c.woo_status == bindparam("of_status"),
        )
        settling = settling.where(*same)
    settled = settling.cte("settled")
    removed = delete(owed_calls).where(owed_calls.c.order_id == bindparam("of_order"), exists(select(settled)))
    names = [column.name for column in _kept(attempts)]
    noted = select(*(bindparam(f"noted_{column.name}", type_=column.type) for column in _kept(attempts)))
    written = insert(attempts).from_select(names, noted.select_from(settled))
    found = select(exists(select(settled))) if unchanged else select(settled)
    return Prepared(found.add_cte(removed.cte("removed"), written.cte("noted")), one_row=unchanged)


def _kept(table: Table) -> list[Any]:
    return [column for column in table.c if column.name != "id"]
