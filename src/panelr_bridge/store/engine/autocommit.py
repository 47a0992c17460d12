"""Single statements on PostgreSQL that commit by themselves: no BEGIN, no COMMIT, and nothing between them and asyncpg.

They have connections of their own. Where several of one kind wait, they go in one way, which PostgreSQL takes for one
transaction: they share its commit, or none of them has happened. SQLAlchemy's events are told of them, for those who
watch statements.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from panelr_bridge.store.engine.batcher import Rows, StatementBatcher, Values
from panelr_bridge.store.engine.compiled import CompiledStatement, DialectForm, EventContext
from panelr_bridge.store.tables import Row

Connect = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class EventConnection:
    """What SQLAlchemy's events get in the place of its connection."""

    engine: Engine
    info: Row = field(default_factory=dict)


class AutocommitPool:
    """A few connections, each of which runs one statement at a time, with one set of values or with several."""

    def __init__(self, engine: Engine, connect: Connect, *, connections: int, beaten: frozenset[str]) -> None:
        self._engine = engine
        self._connect = connect
        self._beaten = beaten
        self._turns = StatementBatcher(self._one, self._many, most=connections)
        self._idle: list[Any] = []
        self._closed = False

    async def run(self, statement: CompiledStatement, values: Values) -> Rows:
        """Run `statement` and return its rows; none where PostgreSQL took it back for another transaction's sake.

        `values` is asked when it begins, and again where it was taken back with others. Raises SQLAlchemy's DBAPIError
        for what the database refuses, OSError or TimeoutError where it cannot be reached.
        """
        return await self._turns.run(statement, values)

    async def _one(self, statement: CompiledStatement, values: Values) -> Rows:
        form = statement.form(self._engine.dialect)
        row = values()
        parameters = form.parameters(row)  # before a connection is taken: it may raise
        try:
            return await self._on(await self._connection(), form, [row], [parameters])
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if getattr(error, "sqlstate", None) in self._beaten:
                return []
            raise self._told(form, error) from error

    async def _many(self, statement: CompiledStatement, values: list[Values]) -> Rows | None:
        """Run a statement that brings one row once for each of `values`, in one transaction, and return the rows.

        None, and nothing has happened, where one of them failed. Raises as `run` does where the connection was lost.
        """
        form = statement.form(self._engine.dialect)
        try:
            rows = [each() for each in values]
            every = [form.parameters(row) for row in rows]
        except Exception:  # noqa: BLE001  whoever's mistake it is, is told when each is run by itself
            return None
        try:
            connection = await self._connection()
            try:
                return await self._on(connection, form, rows, every)
            except asyncpg.PostgresError:
                if connection.is_closed():
                    raise
                return None
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._told(form, error) from error

    async def _connection(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _on(self, connection: Any, form: DialectForm, rows: list[Row], every: list[list[Any]]) -> Rows:
        """Run a statement once for each of `every`, its parameters; `rows` are the same by their names."""
        usable = False
        try:
            heard, listened = self._engine.dispatch, EventConnection(self._engine)
            for before in heard.before_cursor_execute:
                for parameters, row in zip(every, rows, strict=True):
                    before(listened, None, form.sql, parameters, EventContext([row]), False)
            if len(every) == 1:
                found: Rows = await connection.fetch(form.sql, *every[0])
            else:  # an implicit transaction, with one commit at its end
                found = await connection.fetchmany(form.sql, every)
            for after in heard.after_cursor_execute:
                for parameters, row in zip(every, rows, strict=True):
                    after(listened, None, form.sql, parameters, EventContext([row]), False)
            for committed in heard.commit:
                committed(listened)
            usable = True
            return found
        except asyncpg.PostgresError:
            usable = True
            raise
        finally:
            if usable and not self._closed and not connection.is_closed():
                self._idle.append(connection)
            else:  # cancelled in the middle, or lost
                connection.terminate()

    def _told(self, form: DialectForm, error: Exception) -> Any:
        """Return asyncpg's error as SQLAlchemy tells it, without the values, which are a customer's."""
        dbapi: Any = self._engine.dialect.loaded_dbapi
        lost = isinstance(error, asyncpg.InterfaceError)
        told = dbapi.Error(f"{type(error)}: {error}", error)
        return DBAPIError.instance(form.sql, None, told, dbapi.Error, hide_parameters=True, connection_invalidated=lost)

    async def close(self) -> None:
        """Finish what is under way, then close the connections."""
        await self._turns.close()
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
