"""What an order's way writes at one time, in the fewest ways to the database and back.

PostgreSQL writes several tables in one statement; each statement less saves a way there and back. On SQLite a statement
is a function call, and none can write two tables: there they run one after the other.
"""

import functools
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, insert, select

from panelr_bridge.store import attempts, orders
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import Row
from panelr_bridge.store.tables import attempts as attempts_table
from panelr_bridge.store.tables import orders as orders_table


def conclude(
    connection: Connection, order_id: int, number: int, values: Row, attempt: Row, *, now: datetime
) -> Row | None:
    """Settle create attempt `number` as orders.settle does, and note `attempt`.

    Returns which snapshot the order has now; None, and nothing is written, when it does not wait for that attempt.
    """
    if connection.dialect.name == "postgresql":
        written = conclusion(order_id, number, values, attempt, now=now)
        found = concluding(orders.shape(values)).run(connection, written)
        return next(({"delivery_id": delivery_id, "woo_status": status} for delivery_id, status in found), None)
    settled = orders.settle(connection, order_id, number, values, now=now)
    if settled is not None:
        attempts.add(connection, attempt)
    return settled


def conclusion(order_id: int, number: int, values: Row, attempt: Row, *, now: datetime) -> Row:
    """Return the values of the statement that `concluding` returns."""
    noted = {f"noted_{name}": value for name, value in attempt.items()}
    return values | noted | {"of_order": order_id, "of_attempt": number, "updated_at": now}


@functools.cache
def concluding(values: orders.Shape, *, unchanged: bool = False) -> CompiledStatement:
    """Return the one statement of `conclude` on PostgreSQL, which gives the order values of this shape.

    With `unchanged` it writes only where the order has the snapshot `of_delivery` in the status `of_status` still, and
    brings one row that says whether it did.
    """
    settling = orders.settling(values)
    if unchanged:
        same = (
            orders_table.c.delivery_id == bindparam("of_delivery"),
            orders_table.c.woo_status == bindparam("of_status"),
        )
        settling = settling.where(*same)
    settled = settling.cte("settled")
    columns_noted = [column for column in attempts_table.c if column.name != "id"]
    noted = select(*(bindparam(f"noted_{column.name}", type_=column.type) for column in columns_noted))
    written = insert(attempts_table).from_select([column.name for column in columns_noted], noted.select_from(settled))
    found = select(exists(select(settled))) if unchanged else select(settled)
    return CompiledStatement(found.add_cte(written.cte("noted")), one_row=unchanged)
