"""What the bridge found out about this Panelr, for all processes: the table `panelr_facts`."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.tables import panelr_facts

_GET = select(panelr_facts.c.value).where(panelr_facts.c.name == bindparam("of_name"))
_PUT = text(
    "INSERT INTO panelr_facts (name, value, found_at) VALUES (:name, :value, :now)"
    " ON CONFLICT (name) DO UPDATE SET value = :value, found_at = :now"
).bindparams(bindparam("now", type_=UtcDateTime))


def get(connection: Connection, name: str) -> str | None:
    """Return the value of a fact; None if it is not known."""
    value: str | None = connection.execute(_GET, {"of_name": name}).scalar()
    return value


def put(connection: Connection, name: str, value: str, *, now: datetime) -> None:
    """Store a fact."""
    connection.execute(_PUT, {"name": name, "value": value, "now": now})
