"""Single autocommit statements on PostgreSQL: no BEGIN, no COMMIT, and no SQLAlchemy between them and asyncpg.

They have connections of their own. Several of one kind that wait are sent together, as one implicit transaction with
one commit, or none of them is written. They fire SQLAlchemy's statement and commit events, for tests and tracing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import Engine

from panelr_bridge.store.engine.batcher import BuildValues, StatementBatcher
from panelr_bridge.store.engine.compiled import (
    CompiledStatement,
    DialectForm,
    EventContext,
    Rows,
    Values,
    wrap_driver_error,
)

Connect = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class EventConnection:
    """The stand-in for SQLAlchemy's connection that event listeners receive."""

    engine: Engine
    info: dict[str, Any] = field(default_factory=dict)


class AutocommitPool:
    """A pool of at most `connections` connections; each runs one statement, or one batch of it, at a time.

    A statement that fails with one of `conflict_sqlstates` was rolled back because of another transaction.
    """

    def __init__(
        self, engine: Engine, connect: Connect, *, connections: int, conflict_sqlstates: frozenset[str]
    ) -> None:
        self._engine = engine
        self._connect = connect
        self._conflict_sqlstates = conflict_sqlstates
        self._batcher = StatementBatcher(self._run_one, self._run_many, max_in_flight=connections)
        self._idle: list[Any] = []
        self._is_closed = False

    async def run(self, statement: CompiledStatement, build_values: BuildValues) -> Rows:
        """Run `statement` and return its rows; [] also when PostgreSQL rolled it back on a conflict.

        `build_values` is called when the statement is sent, and again when it is retried after a failed batch.
        Raises SQLAlchemy's DBAPIError for an error of the database, OSError or TimeoutError if it is unreachable.
        """
        return await self._batcher.run(statement, build_values)

    async def _run_one(self, statement: CompiledStatement, build_values: BuildValues) -> Rows:
        form = statement.form(self._engine.dialect)
        values = build_values()
        parameters = form.parameters(values)  # it may raise: before a connection is acquired
        try:
            return await self._execute(await self._acquire(), form, [values], [parameters])
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if getattr(error, "sqlstate", None) in self._conflict_sqlstates:
                return []
            raise self._wrap_error(form, error) from error

    async def _run_many(self, statement: CompiledStatement, builders: list[BuildValues]) -> Rows | None:
        """Run a statement of one row once for each of `builders`, in one transaction, and return the rows.

        Returns None when one of them failed: nothing was written. Raises as `run` does if the connection was lost.
        """
        form = statement.form(self._engine.dialect)
        try:
            all_values = [build_values() for build_values in builders]
            all_parameters = [form.parameters(values) for values in all_values]
        except Exception:  # noqa: BLE001  each then runs alone, and the faulty one raises to its own caller
            return None
        try:
            connection = await self._acquire()
            try:
                return await self._execute(connection, form, all_values, all_parameters)
            except asyncpg.PostgresError:
                if connection.is_closed():
                    raise
                return None
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._wrap_error(form, error) from error

    async def _acquire(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _execute(
        self, connection: Any, form: DialectForm, all_values: list[Values], all_parameters: list[list[Any]]
    ) -> Rows:
        """Execute the statement once for each of `all_parameters`; `all_values` are the same values by name."""
        is_usable = False
        try:
            events, stand_in = self._engine.dispatch, EventConnection(self._engine)
            for before in events.before_cursor_execute:
                for parameters, values in zip(all_parameters, all_values, strict=True):
                    before(stand_in, None, form.sql, parameters, EventContext([values]), False)
            if len(all_parameters) == 1:
                rows: Rows = await connection.fetch(form.sql, *all_parameters[0])
            else:  # an implicit transaction with one commit at its end
                rows = await connection.fetchmany(form.sql, all_parameters)
            for after in events.after_cursor_execute:
                for parameters, values in zip(all_parameters, all_values, strict=True):
                    after(stand_in, None, form.sql, parameters, EventContext([values]), False)
            for committed in events.commit:
                committed(stand_in)
            is_usable = True
            return rows
        except asyncpg.PostgresError:
            is_usable = True
            raise
        finally:
            if is_usable and not self._is_closed and not connection.is_closed():
                self._idle.append(connection)
            else:  # cancelled in the middle of a statement, or lost
                connection.terminate()

    def _wrap_error(self, form: DialectForm, error: Exception) -> Any:
        """Return SQLAlchemy's form of asyncpg's error."""
        dialect: Any = self._engine.dialect
        dbapi_error = dialect.loaded_dbapi.Error(f"{type(error)}: {error}", error)
        return wrap_driver_error(dialect, form, dbapi_error, is_lost=isinstance(error, asyncpg.InterfaceError))

    async def close(self) -> None:
        """Finish the statements in flight and the queued ones, then close the connections."""
        await self._batcher.close()
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()
