"""Record a created work order: settle the order and add the attempt.

PostgreSQL does both in one statement, inside the transaction or as an autocommit statement. On SQLite they are two
statements of the transaction.
"""

import functools
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, insert, select

from panelr_bridge.store import orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.rows import NewAttemptRow, SettledOrderRow
from panelr_bridge.store.tables import Columns
from panelr_bridge.store.tables import attempts as attempts_table
from panelr_bridge.store.tables import orders as orders_table


def record_created(
    connection: Connection, order_id: int, number: int, values: Columns, attempt: NewAttemptRow, *, now: datetime
) -> SettledOrderRow | None:
    """Settle create attempt `number` as `orders.settle` does, and add the row `attempt`.

    Returns the order's `delivery_id` and `woo_status`. Returns None, with nothing written, if the order does not wait
    for that attempt.
    """
    if connection.dialect.name == "postgresql":
        statement = _build_statement(orders.shape(values), only_unchanged=False)
        rows = statement.run(connection, record_created_values(order_id, number, values, attempt, now=now))
        return next((SettledOrderRow(delivery_id=delivery_id, woo_status=status) for delivery_id, status in rows), None)
    settled = orders.settle(connection, order_id, number, values, now=now)
    if settled is not None:
        orders.add_attempt(connection, attempt)
    return settled


def supports_record_created(database: Database) -> bool:
    """Return whether `record_created_autocommit` saves anything: on SQLite the transaction is as short."""
    return database.dialect == "postgresql"


async def record_created_autocommit(
    database: Database, build_values: Callable[[], Columns], shape: orders.Shape
) -> bool:
    """Record a created work order if the order still has the snapshot that was sent; return whether it was written.

    `build_values` returns what `record_created_values` returns, with the snapshot that was sent as `of_delivery` and
    its status as `of_status`. `shape` is the shape of the order's values.
    """
    rows = await database.execute_autocommit(_build_statement(shape, only_unchanged=True), build_values)
    return any(is_written for (is_written,) in rows)


def record_created_values(
    order_id: int, number: int, values: Columns, attempt: NewAttemptRow, *, now: datetime
) -> Columns:
    """Return the values of the statement: the order's, the attempt's, and the attempt that the order waits for."""
    attempt_values = {f"noted_{name}": value for name, value in attempt.items()}
    return values | attempt_values | {"of_order": order_id, "of_attempt": number, "updated_at": now}


@functools.cache
def _build_statement(shape: orders.Shape, *, only_unchanged: bool) -> CompiledStatement:
    """Return PostgreSQL's one statement for order values of this shape.

    With `only_unchanged` it writes only if the order has the snapshot `of_delivery` in the status `of_status`, and
    returns one row that says whether it did.
    """
    settle = orders.settle_statement(shape)
    if only_unchanged:
        settle = settle.where(
            orders_table.c.delivery_id == bindparam("of_delivery"),
            orders_table.c.woo_status == bindparam("of_status"),
        )
    settled = settle.cte("settled")
    columns = [column for column in attempts_table.c if column.name != "id"]
    attempt = select(*(bindparam(f"noted_{column.name}", type_=column.type) for column in columns))
    add_attempt = insert(attempts_table).from_select([column.name for column in columns], attempt.select_from(settled))
    result = select(exists(select(settled))) if only_unchanged else select(settled)
    return CompiledStatement(result.add_cte(add_attempt.cte("noted")), one_row=only_unchanged)
