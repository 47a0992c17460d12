"""What the bridge found out about this Panelr, shared by all processes: one row a fact."""

import json
from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from panelr_bridge.domain.panelr_values import PanelrFacts
from panelr_bridge.store.column_types import UtcDateTime

RECKONING = "reckoning"
"""How Panelr adds up a work order: the fields of PanelrFacts as JSON."""
_READ = text("SELECT value, found_at FROM panelr_facts WHERE name = :name").columns(found_at=UtcDateTime())
_SAVE = text(
    "INSERT INTO panelr_facts (name, value, found_at) VALUES (:name, :value, :now)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value, found_at = excluded.found_at"
).bindparams(bindparam("now", type_=UtcDateTime()))


def get(connection: Connection, name: str) -> tuple[str, datetime] | None:
    """Return a fact's value and when it was found; None if it is not known."""
    row = connection.execute(_READ, {"name": name}).one_or_none()
    return None if row is None else (row.value, row.found_at)


def save(connection: Connection, name: str, value: str, *, now: datetime) -> None:
    """Store a fact, in place of an earlier one of this name."""
    connection.execute(_SAVE, {"name": name, "value": value, "now": now})


def read_reckoning(value: str | None) -> PanelrFacts:
    """Return the facts in the value of `RECKONING`; None stands for nothing known."""
    if value is None:
        return PanelrFacts()
    content = json.loads(value)
    return PanelrFacts(**{name: content.get(name) for name in PanelrFacts.__dataclass_fields__})


def dump_reckoning(facts: PanelrFacts) -> str:
    """Return the value of `RECKONING` that holds these facts."""
    return json.dumps({name: getattr(facts, name) for name in PanelrFacts.__dataclass_fields__})
