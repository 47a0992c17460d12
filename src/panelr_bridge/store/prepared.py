"""Statements of an order's way, compiled once for each database and then handed to its driver.

SQLAlchemy looks up, fills in and wraps a statement each time it runs; for the eight that every order needs that costs
more than the database itself takes. Here only the last step is left, and SQLAlchemy's events around it, which those
who watch statements listen to. What comes back is the driver's own values:
numbers, text and bytes, so statements that read moments, money or JSON go SQLAlchemy's way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, CompilerElement

from panelr_bridge.store.tables import Row

Taking = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Form:
    """A statement as one driver takes it, how each of its parameters is had from the values, and if it brings rows."""

    sql: str
    parameters: tuple[Taking, ...]
    returns: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What SQLAlchemy's events tell of a statement's values by their names."""

    compiled_parameters: list[Row]


class Prepared:
    """One statement; give a mapping of dialect name to statement where the two databases need different words."""

    def __init__(self, statement: CompilerElement | Mapping[str, CompilerElement]) -> None:
        self._statement = statement
        self._forms: dict[str, Form] = {}

    def run(self, connection: Connection, values: Row) -> list[Sequence[Any]]:
        """Run it with `values`, which may hold more than it needs, and return its rows.

        Raises KeyError for a value that is missing, and SQLAlchemy's DBAPIError for what the database refuses.
        """
        form = self.form(connection.dialect)
        parameters = tuple([take(values) for take in form.parameters])
        cursor = connection.connection.cursor()
        told = (connection, cursor, form.sql, parameters, Context([values]), False)
        try:
            for before in connection.dispatch.before_cursor_execute:
                before(*told)
            cursor.execute(form.sql, parameters)
            for after in connection.dispatch.after_cursor_execute:
                after(*told)
            return list(cursor.fetchall()) if form.returns else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise _told(connection, form, error) from error
        finally:
            cursor.close()

    def form(self, dialect: Dialect) -> Form:
        """Return the statement as `dialect`'s driver takes it."""
        form = self._forms.get(dialect.name)
        if form is None:
            known = self._statement
            form = _formed(known[dialect.name] if isinstance(known, Mapping) else known, dialect)
            self._forms[dialect.name] = form
        return form


def _formed(statement: CompilerElement, dialect: Dialect) -> Form:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101  DDL is not prepared
    parameters = tuple(_taking(compiled.binds[name], name, dialect) for name in compiled.positiontup or ())
    sql = str(compiled)
    return Form(sql, parameters, returns=sql.lstrip().startswith("SELECT") or " RETURNING " in sql)


def _taking(bind: "BindParameter[Any]", name: str, dialect: Dialect) -> Taking:
    """Return what has a parameter from the values; what was a constant in the statement stays one."""
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if not bind.required:
        constant = process(bind.effective_value) if process is not None else bind.effective_value
        return lambda _: constant
    if process is None:
        return lambda values: values[name]
    return lambda values: process(values[name])


def _told(connection: Connection, form: Form, error: Exception) -> BaseException:
    """Return a driver's error as SQLAlchemy tells it, without the values, which are a customer's."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    return DBAPIError.instance(
        form.sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=lost
    )
