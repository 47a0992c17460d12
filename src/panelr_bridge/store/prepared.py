"""Statements of an order's way, compiled once for each database and then handed to its driver.

SQLAlchemy looks up, fills in and wraps a statement each time it runs; for the eight that every order needs that costs
more than the database itself takes. Here only the last step is left. What comes back is the driver's own values:
numbers, text and bytes, so statements that read moments, money or JSON go SQLAlchemy's way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, CompilerElement

from panelr_bridge.store.tables import Row

Taking = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as one driver takes it, and how each of its parameters is had from the values."""

    sql: str
    parameters: tuple[Taking, ...]


class Prepared:
    """One statement; give a mapping of dialect name to statement where the two databases need different words."""

    def __init__(self, statement: CompilerElement | Mapping[str, CompilerElement]) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    def run(self, connection: Connection, values: Row) -> CursorResult[Any]:
        """Run it with `values`, which may hold more than it needs; raises KeyError for one that is missing."""
        form = self._forms.get(connection.dialect.name) or self._formed(connection.dialect)
        return connection.exec_driver_sql(form.sql, tuple([take(values) for take in form.parameters]))

    def _formed(self, dialect: Dialect) -> _Form:
        known = self._statement
        statement = known[dialect.name] if isinstance(known, Mapping) else known
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101  DDL is not prepared
        names = compiled.positiontup or ()
        form = _Form(str(compiled), tuple(_taking(compiled.binds[name], name, dialect) for name in names))
        self._forms[dialect.name] = form
        return form


def _taking(bind: "BindParameter[Any]", name: str, dialect: Dialect) -> Taking:
    """Return what has a parameter from the values; what was a constant in the statement stays one."""
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if not bind.required:
        constant = process(bind.effective_value) if process is not None else bind.effective_value
        return lambda _: constant
    if process is None:
        return lambda values: values[name]
    return lambda values: process(values[name])
