"""Statements of an order's way, compiled once for each database and then handed to its driver.

SQLAlchemy looks up, fills in and wraps a statement each time it runs; for the eight that every order needs that costs
more than the database itself takes. Here only the last step is left, and SQLAlchemy's events around it, which those
who watch statements listen to. What comes back is the driver's own values:
numbers, text and bytes, so statements that read moments, money or JSON go SQLAlchemy's way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, LargeBinary
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, CompilerElement

from panelr_bridge.store.tables import Row

Taking = Callable[[Row], tuple[Any, ...]]
Writing = Callable[[Any], Any]
AS_THEY_ARE = (Boolean, LargeBinary)
"""Types whose values both drivers take without SQLAlchemy's help."""


@dataclass(frozen=True, slots=True)
class DialectForm:
    """A statement as one driver takes it, how its parameters are had from the values, and whether it brings rows.

    `take` returns the named ones in their order, those at the places of `written` are still to be written as the
    driver wants them, and `constants` stand between them.
    """

    sql: str
    take: Taking
    written: tuple[tuple[int, Writing], ...]
    constants: tuple[tuple[int, Any], ...]
    returns: bool

    def parameters(self, values: Row) -> list[Any]:
        """Return the parameters; raises KeyError for a value that is missing."""
        given = list(self.take(values))
        for place, write in self.written:
            given[place] = write(given[place])
        for place, constant in self.constants:
            given.insert(place, constant)
        return given


@dataclass(frozen=True, slots=True)
class EventContext:
    """What SQLAlchemy's events tell of a statement's values by their names."""

    compiled_parameters: list[Row]


class CompiledStatement:
    """One statement; give a mapping of dialect name to statement where the two databases need different words.

    `one_row` says that it brings one row whatever it finds, by which many that are run in one way are told apart.
    """

    def __init__(self, statement: CompilerElement | Mapping[str, CompilerElement], *, one_row: bool = False) -> None:
        self.one_row = one_row
        self._statement = statement
        self._forms: dict[str, DialectForm] = {}

    def run(self, connection: Connection, values: Row) -> list[Sequence[Any]]:
        """Run it with `values`, which may hold more than it needs, and return its rows.

        Raises KeyError for a value that is missing, and SQLAlchemy's DBAPIError for what the database refuses.
        """
        form = self.form(connection.dialect)
        parameters = tuple(form.parameters(values))
        cursor = connection.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
        heard = connection.engine.dispatch
        try:
            for before in heard.before_cursor_execute:
                before(connection, cursor, form.sql, parameters, EventContext([values]), False)
            cursor.execute(form.sql, parameters)
            for after in heard.after_cursor_execute:
                after(connection, cursor, form.sql, parameters, EventContext([values]), False)
            return list(cursor.fetchall()) if form.returns else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise _told(connection, form, error) from error
        finally:
            cursor.close()

    def form(self, dialect: Dialect) -> DialectForm:
        """Return the statement as `dialect`'s driver takes it."""
        form = self._forms.get(dialect.name)
        if form is None:
            known = self._statement
            form = _formed(known[dialect.name] if isinstance(known, Mapping) else known, dialect)
            self._forms[dialect.name] = form
        return form


def _formed(statement: CompilerElement, dialect: Dialect) -> DialectForm:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101  DDL is not prepared
    binds = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
    writing = [_writing(bind, dialect) for _, bind in binds]
    named = [(name, write) for (name, bind), write in zip(binds, writing, strict=True) if bind.required]
    constants = [  # what was a constant in the statement stays one
        (place, bind.effective_value if write is None else write(bind.effective_value))
        for place, ((_, bind), write) in enumerate(zip(binds, writing, strict=True))
        if not bind.required
    ]
    sql = str(compiled)
    return DialectForm(
        sql,
        _taking([name for name, _ in named]),
        written=tuple((place, write) for place, (_, write) in enumerate(named) if write is not None),
        constants=tuple(constants),
        returns=sql.lstrip().startswith("SELECT") or " RETURNING " in sql,
    )


def _writing(bind: "BindParameter[Any]", dialect: Dialect) -> Writing | None:
    if isinstance(bind.type, AS_THEY_ARE):
        return None
    return bind.type.dialect_impl(dialect).bind_processor(dialect)


def _taking(names: list[str]) -> Taking:
    """Return what has the values of these names, in one step for all."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


def _told(connection: Connection, form: DialectForm, error: Exception) -> BaseException:
    """Return a driver's error as SQLAlchemy tells it, without the values, which are a customer's."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    return DBAPIError.instance(
        form.sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=lost
    )
