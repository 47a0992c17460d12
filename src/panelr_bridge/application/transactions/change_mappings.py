"""Change the mapping tables. Every change writes a line into the audit log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.errors import Conflict, NotFound
from panelr_bridge.store import audit_log, mappings
from panelr_bridge.store.mappings import M, MappingTable
from panelr_bridge.store.rows import ImportedMappingRow, MappingRow
from panelr_bridge.store.tables import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """How many mappings an import added, changed and left as they were; for a dry run, how many it would."""

    added: int
    changed: int
    unchanged: int


def get(connection: Connection, table: MappingTable[M], mapping_id: int) -> M:
    """Return one mapping; raises NotFound."""
    return _require(mappings.get(connection, table, mapping_id), table, mapping_id)


def add(connection: Connection, now: datetime, table: MappingTable[M], values: Columns, *, actor: str) -> M:
    """Add a mapping and return it; raises Conflict if it contradicts another one."""
    row = mappings.add(connection, now, table, values)
    _write_audit_line(connection, now, table, "add", row, actor)
    return row


def change(
    connection: Connection, now: datetime, table: MappingTable[M], mapping_id: int, values: Columns, *, actor: str
) -> M:
    """Replace the values of a mapping and return it; raises NotFound, and Conflict as `add` does."""
    row = _require(mappings.change(connection, now, table, mapping_id, values), table, mapping_id)
    _write_audit_line(connection, now, table, "change", row, actor)
    return row


def remove(connection: Connection, now: datetime, table: MappingTable[M], mapping_id: int, *, actor: str) -> M:
    """Delete a mapping and return it; raises NotFound."""
    row = get(connection, table, mapping_id)
    mappings.remove(connection, table, mapping_id)
    _write_audit_line(connection, now, table, "remove", row, actor)
    return row


def import_mappings(
    connection: Connection, now: datetime, wanted: list[ProductMapping], *, actor: str, dry_run: bool
) -> ImportResult:
    """Add new product mappings, and change the quantity of stored ones.

    Raises Conflict if one contradicts another; nothing is written then, nor in a dry run. The changes are worked out
    in memory and written in few statements, because SQLite can store no order meanwhile.
    """
    rows = [mapping.as_row() for mapping in wanted]
    stores = {row["store"] for row in rows}
    with connection.begin_nested() as savepoint:
        mappings.increment_revision(connection, *stores)  # locks the stores' mappings against other changes
        plan = _ImportPlan(mappings.list_for_import(connection, stores))
        for number, values in enumerate(rows, start=1):
            plan.add_entry(number, values)
        result = ImportResult(added=len(plan.added), changed=plan.changes, unchanged=plan.unchanged)
        if dry_run or not (plan.added or plan.changed):
            savepoint.rollback()  # the revision too: no order needs another decision
        else:
            mappings.add_products(connection, now, plan.added)
            mappings.change_products(connection, now, plan.changed)
    if not dry_run:
        audit_log.add(connection, actor=actor, action="import", subject="product mappings", now=now, **asdict(result))
    return result


class _ImportPlan:
    """The changes of an import: rows to add, and rows to change by their ids."""

    def __init__(self, stored: list[ImportedMappingRow]) -> None:
        self.added: list[Columns] = []
        self.changed: dict[int, Columns] = {}
        self.changes = self.unchanged = 0
        self._rows: dict[tuple[Any, ...], Columns] = {_identity(row): {**row} for row in stored}
        self._products = {_lookup_key(row): (f"mapping {row['id']}", row["panelr_product_id"]) for row in stored}

    def add_entry(self, number: int, values: Columns) -> None:
        """Plan the import's entry with this number; raises Conflict if it contradicts a mapping or another entry."""
        row = self._rows.get(_identity(values))
        if row is None:
            self._add_row(number, values)
        elif row["quantity"] == values["quantity"]:
            self.unchanged += 1
        else:
            self.changes += 1
            row.update(values)  # also changes a row that this import adds
            if "id" in row:
                self.changed[row["id"]] = values

    def _add_row(self, number: int, values: Columns) -> None:
        entry = (f"entry {number}", values["panelr_product_id"])
        other, product = self._products.setdefault(_lookup_key(values), entry)
        if (product is None) is not (values["panelr_product_id"] is None):
            words = f"{other} contradicts this: a product is for Panelr or it is not; delete one"
            raise Conflict(f"entry {number} ({values['key']}): {words}")
        self.added.append(values)
        self._rows[_identity(values)] = values


def _lookup_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the store, the key and the conditions: an order's line finds its mappings by them."""
    return row["store"], row["key"], row["conditions"]


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the identity of a mapping: two rows with the same one are the same mapping."""
    return *_lookup_key(row), row["panelr_product_id"], row["panelr_product_id"] and row["intent"]


def _require(row: M | None, table: MappingTable[M], mapping_id: int) -> M:
    if row is None:
        raise NotFound(f"there is no {table.name} {mapping_id}")
    return row


def _write_audit_line(
    connection: Connection, now: datetime, table: MappingTable[Any], action: str, row: MappingRow, actor: str
) -> None:
    details = {name: value for name, value in row.items() if isinstance(value, (str, int, type(None)))}
    subject = f"{table.name} {row['id']}"
    audit_log.add(connection, actor=actor, action=action, store=row["store"], subject=subject, now=now, row=details)
