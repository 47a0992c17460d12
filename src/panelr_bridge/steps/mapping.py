"""Changes of the mapping tables, each with its line in the audit log."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from panelr_bridge.errors import NotFound
from panelr_bridge.mapping import ProductMapping
from panelr_bridge.store import audit, mappings
from panelr_bridge.store.tables import Row, payment_method_mappings, product_mappings


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two mapping tables: what its rows are called, and how one is added and changed."""

    name: str
    table: Table
    add: Callable[[Connection, datetime, Row], Row]
    change: Callable[[Connection, datetime, int, Row], Row | None]


PRODUCT = Kind("product mapping", product_mappings, mappings.add_product, mappings.change_product)
PAYMENT_METHOD = Kind(
    "payment method mapping",
    payment_method_mappings,
    mappings.add_payment_method,
    mappings.change_payment_method,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, or would do."""

    added: int
    changed: int
    unchanged: int


def get(connection: Connection, kind: Kind, mapping_id: int) -> Row:
    """Return one mapping; raises NotFound."""
    row = mappings.get(connection, kind.table, mapping_id)
    if row is None:
        raise NotFound(f"there is no {kind.name} {mapping_id}")
    return row


def add(connection: Connection, now: datetime, kind: Kind, values: Row, *, actor: str) -> Row:
    """Add a mapping and return it; raises Conflict."""
    row = kind.add(connection, now, values)
    _note(connection, now, kind, "add", row, actor)
    return row


def change(connection: Connection, now: datetime, kind: Kind, mapping_id: int, values: Row, *, actor: str) -> Row:
    """Change a mapping to `values`, the whole of it, and return it; raises NotFound or Conflict."""
    row = kind.change(connection, now, mapping_id, values)
    if row is None:
        raise NotFound(f"there is no {kind.name} {mapping_id}")
    _note(connection, now, kind, "change", row, actor)
    return row


def remove(connection: Connection, now: datetime, kind: Kind, mapping_id: int, *, actor: str) -> None:
    """Delete a mapping; raises NotFound."""
    row = get(connection, kind, mapping_id)
    mappings.remove(connection, kind.table, mapping_id)
    _note(connection, now, kind, "remove", row, actor)


def bring_in(
    connection: Connection, now: datetime, wanted: list[ProductMapping], *, actor: str, dry_run: bool
) -> Imported:
    """Add what is not there and change the quantity of what is; all of it or, when one contradicts, none.

    Raises Conflict. With `dry_run` everything is tried, told and rolled back.
    """
    attempt = connection.begin_nested()
    there = {_identity(row): row for row in mappings.export(connection, store=None)}
    counts = Counter(_bring_one(connection, now, mapping.as_row(), there) for mapping in wanted)
    imported = Imported(added=counts["added"], changed=counts["changed"], unchanged=counts["unchanged"])
    if dry_run:
        attempt.rollback()
        return imported
    attempt.commit()
    audit.note(connection, actor=actor, action="import", subject="product mappings", now=now, **asdict(imported))
    return imported


def _bring_one(connection: Connection, now: datetime, values: Row, there: dict[tuple[Any, ...], Row]) -> str:
    row = there.get(_identity(values))
    if row is None:
        there[_identity(values)] = mappings.add_product(connection, now, values)
        return "added"
    if row["quantity"] == values["quantity"]:
        return "unchanged"
    there[_identity(values)] = mappings.change_product(connection, now, row["id"], values) or row
    return "changed"


def _identity(row: Row) -> tuple[Any, ...]:
    """What makes two rows the same mapping."""
    return row["store"], row["key"], row["panelr_product_id"], row["panelr_product_id"] and row["intent"]


def _note(connection: Connection, now: datetime, kind: Kind, action: str, row: Row, actor: str) -> None:
    details = {name: value for name, value in row.items() if isinstance(value, (str, int, type(None)))}
    subject = f"{kind.name} {row['id']}"
    audit.note(connection, actor=actor, action=action, store=row["store"], subject=subject, now=now, row=details)
