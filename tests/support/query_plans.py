"""Query plans: which indexes a statement uses, and whether it reads a whole table."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, event, make_url

from panelr_bridge.store.database import Database

GROWING = (
    *("orders", "deliveries", "attempts", "follow_ups", "product_mappings", "audit_log"),
    *("subscription_orders", "activations"),
)
ALIASES = {name: name for name in GROWING} | {
    "o": "orders",
    "d": "deliveries",
    "n": "deliveries",
    "b": "orders",
    "m": "product_mappings",
}
EXPLAINED = {"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"}
Statements = list[tuple[str, Any]]


@contextlib.contextmanager
def captured(connection: Connection) -> Iterator[Statements]:
    """Record every statement that is executed, with its parameters."""
    found: Statements = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        found.append((statement, parameters))

    event.listen(connection.engine, "before_cursor_execute", note)
    yield found
    event.remove(connection.engine, "before_cursor_execute", note)


class RolledBack(Exception):
    """Rolls a transaction back; carries the statements that it executed."""

    def __init__(self, statements: Statements) -> None:
        super().__init__()
        self.statements = statements


def _run_and_roll_back(connection: Connection, work: Callable[[Connection], Any]) -> None:
    with captured(connection) as statements:
        work(connection)
    raise RolledBack(statements)


async def used_by(opened: Database, url: str, work: Callable[[Connection], Any]) -> set[str]:
    """Return the indexes that the statements of `work` use, and `whole <table>` for scans. Roll `work` back."""
    try:
        await opened.write(_run_and_roll_back, work)
    except RolledBack as found:
        statements = [each for each in found.statements if each[0].lstrip().partition(" ")[0].upper() in EXPLAINED]
    if opened.dialect == "sqlite":
        # without foreign keys: the plan of an INSERT would list look-ups of referring rows that never happen
        with contextlib.closing(sqlite3.connect(make_url(url).database or "")) as plain:
            return {name for statement, values in statements for name in _of_sqlite(plain, statement, values)}
    return await opened.read(_of_postgresql, statements)


def _of_sqlite(connection: sqlite3.Connection, statement: str, parameters: Any) -> set[str]:
    lines = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    sorting = {parent for _, parent, _, words in lines if "USE TEMP B-TREE" in words}
    used: set[str] = set()
    for _, parent, _, words in lines:
        names = set(_sqlite(words))
        if "LIMIT" in statement and parent not in sorting:
            # without a sort, a limit ends the scan early: rows are read in the order of the key
            names = {name.replace("whole ", "the beginning of ") for name in names}
        used |= names
    return used


def _of_postgresql(connection: Connection, statements: Statements) -> set[str]:
    used: set[str] = set()
    for statement, parameters in statements:
        found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
        tree = json.loads(found) if isinstance(found, str) else found
        used |= set(_postgresql(tree[0]["Plan"]))
    return used


def _sqlite(line: str) -> Iterator[str]:
    """Yield the names in a line of SQLite's plan, such as `SEARCH orders USING INDEX name (columns)`."""
    words = line.split()
    if words[0] not in {"SEARCH", "SCAN"}:
        return
    if "AUTOMATIC" in words:  # SQLite reads the whole table to build an index for this one statement
        yield f"whole {ALIASES.get(words[1], words[1])}"
    elif "INDEX" in words:
        name = words[words.index("INDEX") + 1]
        yield name if words[0] == "SEARCH" else f"along {name}"
    elif "PRIMARY" in words:
        yield "primary key"
    elif words[1] in ALIASES:
        yield f"whole {ALIASES[words[1]]}"


def _postgresql(node: dict[str, Any], *, limited: bool = False) -> Iterator[str]:
    """Yield the names in a node of PostgreSQL's plan and below it. `limited` is whether a limit ends the scan."""
    kind = node["Node Type"]
    limited = kind == "Limit" or (limited and kind in {"Append", "Subquery Scan", "Seq Scan"})
    if "Index Name" in node:
        name = node["Index Name"]
        yield name if "Index Cond" in node else f"along {name}"
    elif kind == "Seq Scan" and node["Relation Name"] in GROWING:
        yield f"{'the beginning of' if limited else 'whole'} {node['Relation Name']}"
    for below in node.get("Plans", ()):
        yield from _postgresql(below, limited=limited)
