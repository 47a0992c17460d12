"""The attempts: one row of each call that was made for an order, and of what came of it."""

from sqlalchemy import Connection, bindparam, insert, select

from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import Row, attempts

_NOTE = CompiledStatement(
    insert(attempts).values(
        {column.name: bindparam(column.name, type_=column.type) for column in attempts.c if column.name != "id"}
    )
)


def add(connection: Connection, values: Row) -> None:
    """Write one row."""
    _NOTE.run(connection, values)


def list_for_order(connection: Connection, order_id: int) -> list[Row]:
    """Return every attempt of an order, the first first."""
    wanted = select(attempts).where(attempts.c.order_id == order_id).order_by(attempts.c.id)
    return [dict(row) for row in connection.execute(wanted).mappings()]
