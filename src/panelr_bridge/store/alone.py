"""Single statements on PostgreSQL that commit by themselves: no BEGIN, no COMMIT, and nothing between them and asyncpg.

They have connections of their own. SQLAlchemy's events are told of them, for those who watch statements.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from panelr_bridge.store.prepared import Context, Form, Prepared
from panelr_bridge.store.tables import Row

PATIENCE = 30.0
"""How many seconds to wait for a connection, as SQLAlchemy's pool does."""
Connect = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Listened:
    """What SQLAlchemy's events get in the place of its connection."""

    engine: Engine
    info: Row = field(default_factory=dict)


class Alone:
    """A few connections, each of which runs one statement at a time."""

    def __init__(self, engine: Engine, connect: Connect, *, connections: int, beaten: frozenset[str]) -> None:
        self._engine = engine
        self._connect = connect
        self._beaten = beaten
        self._places = asyncio.Semaphore(connections)
        self._idle: list[Any] = []

    async def run(self, statement: Prepared, values: Callable[[], Row]) -> list[Sequence[Any]]:
        """Run `statement` and return its rows; none where PostgreSQL took it back for another transaction's sake.

        `values` is asked when it begins. Raises SQLAlchemy's DBAPIError for what the database refuses, OSError or
        TimeoutError where it cannot be reached.
        """
        form = statement.form(self._engine.dialect)
        if self._places.locked():
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            return await self._on(await self._connection(), form, values())
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if getattr(error, "sqlstate", None) in self._beaten:
                return []
            raise self._told(form, error) from error
        finally:
            self._places.release()

    async def _connection(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _on(self, connection: Any, form: Form, values: Row) -> list[Sequence[Any]]:
        usable = False
        try:
            parameters = form.parameters(values)
            heard, listened = self._engine.dispatch, Listened(self._engine)
            for before in heard.before_cursor_execute:
                before(listened, None, form.sql, parameters, Context([values]), False)
            found: list[Sequence[Any]] = await connection.fetch(form.sql, *parameters)
            for after in heard.after_cursor_execute:
                after(listened, None, form.sql, parameters, Context([values]), False)
            for committed in heard.commit:
                committed(listened)
            usable = True
            return found
        except asyncpg.PostgresError:
            usable = True
            raise
        finally:
            if usable and not connection.is_closed():
                self._idle.append(connection)
            else:  # cancelled in the middle, or lost
                connection.terminate()

    def _told(self, form: Form, error: Exception) -> Any:
        """Return asyncpg's error as SQLAlchemy tells it, without the values, which are a customer's."""
        dbapi: Any = self._engine.dialect.loaded_dbapi
        lost = isinstance(error, asyncpg.InterfaceError)
        told = dbapi.Error(f"{type(error)}: {error}", error)
        return DBAPIError.instance(form.sql, None, told, dbapi.Error, hide_parameters=True, connection_invalidated=lost)

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().close()
