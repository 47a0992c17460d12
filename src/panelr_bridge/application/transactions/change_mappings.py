"""Changes of the mapping tables, each with its line in the audit log."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.errors import Conflict, NotFound
from panelr_bridge.store import audit_log, mappings
from panelr_bridge.store.mappings import MappingTable
from panelr_bridge.store.tables import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did, or would do."""

    added: int
    changed: int
    unchanged: int


def get(connection: Connection, kind: MappingTable, mapping_id: int) -> Row:
    """Return one mapping; raises NotFound."""
    row = mappings.get(connection, kind, mapping_id)
    if row is None:
        raise NotFound(f"there is no {kind.name} {mapping_id}")
    return row


def add(connection: Connection, now: datetime, kind: MappingTable, values: Row, *, actor: str) -> Row:
    """Add a mapping and return it; raises Conflict."""
    row = mappings.add(connection, now, kind, values)
    _note(connection, now, kind, "add", row, actor)
    return row


def change(
    connection: Connection, now: datetime, kind: MappingTable, mapping_id: int, values: Row, *, actor: str
) -> Row:
    """Change a mapping to `values`, the whole of it, and return it; raises NotFound or Conflict."""
    row = mappings.change(connection, now, kind, mapping_id, values)
    if row is None:
        raise NotFound(f"there is no {kind.name} {mapping_id}")
    _note(connection, now, kind, "change", row, actor)
    return row


def remove(connection: Connection, now: datetime, kind: MappingTable, mapping_id: int, *, actor: str) -> None:
    """Delete a mapping; raises NotFound."""
    row = get(connection, kind, mapping_id)
    mappings.remove(connection, kind, mapping_id)
    _note(connection, now, kind, "remove", row, actor)


def import_mappings(
    connection: Connection, now: datetime, wanted: list[ProductMapping], *, actor: str, dry_run: bool
) -> ImportResult:
    """Add what is not there and change the quantity of what is; all of it or, when one contradicts, none.

    Raises Conflict. With `dry_run` everything is looked at and told, and nothing is written. It is worked out in
    memory and written by few statements: while it is, no order can be stored on SQLite.
    """
    rows = [each.as_row() for each in wanted]
    stores = {row["store"] for row in rows}
    with connection.begin_nested() as attempt:
        mappings.increment_revision(connection, *stores)  # from here on nobody else changes them
        plan = _Plan(mappings.list_for_import(connection, stores))
        for number, values in enumerate(rows, start=1):
            plan.take(number, values)
        imported = ImportResult(added=len(plan.added), changed=plan.changes, unchanged=plan.unchanged)
        if dry_run or not (plan.added or plan.changed):
            attempt.rollback()  # the revision too: orders need not be decided anew
        else:
            mappings.add_products(connection, now, plan.added)
            mappings.change_products(connection, now, plan.changed)
    if not dry_run:
        audit_log.add(connection, actor=actor, action="import", subject="product mappings", now=now, **asdict(imported))
    return imported


class _Plan:
    """What an import comes to, one row after the other: rows to add, and by their ids rows to change."""

    def __init__(self, known: list[Row]) -> None:
        self.added: list[Row] = []
        self.changed: dict[int, Row] = {}
        self.changes = self.unchanged = 0
        self._there = {_identity(row): row for row in known}
        self._of_key = {_key(row): (f"mapping {row['id']}", row["panelr_product_id"]) for row in known}

    def take(self, number: int, values: Row) -> None:
        """Take the import's row of that number; raises Conflict."""
        row = self._there.get(_identity(values))
        if row is None:
            self._add(number, values)
        elif row["quantity"] == values["quantity"]:
            self.unchanged += 1
        else:
            self.changes += 1
            row.update(values)  # if it is one that this import adds, it is added so
            if "id" in row:
                self.changed[row["id"]] = values

    def _add(self, number: int, values: Row) -> None:
        other, product = self._of_key.setdefault(_key(values), (f"entry {number}", values["panelr_product_id"]))
        if (product is None) is not (values["panelr_product_id"] is None):
            words = f"{other} contradicts this: a product is for Panelr or it is not; delete one"
            raise Conflict(f"entry {number} ({values['key']}): {words}")
        self.added.append(values)
        self._there[_identity(values)] = values


def _key(row: Row) -> tuple[str, str]:
    """What a line of an order is looked up by."""
    return row["store"], row["key"]


def _identity(row: Row) -> tuple[Any, ...]:
    """What makes two rows the same mapping."""
    return row["store"], row["key"], row["panelr_product_id"], row["panelr_product_id"] and row["intent"]


def _note(connection: Connection, now: datetime, kind: MappingTable, action: str, row: Row, actor: str) -> None:
    details = {name: value for name, value in row.items() if isinstance(value, (str, int, type(None)))}
    subject = f"{kind.name} {row['id']}"
    audit_log.add(connection, actor=actor, action=action, store=row["store"], subject=subject, now=now, row=details)
