"""PostgreSQL, over asyncpg. Only `store/database.py` knows it, and imports it where it is used."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from panelr_bridge import json_codec
from panelr_bridge.errors import RetryTransaction
from panelr_bridge.store.engine.autocommit import AutocommitPool
from panelr_bridge.store.engine.compiled import CompiledStatement
from panelr_bridge.store.engine.sqlite_writer import TRIES
from panelr_bridge.store.tables import Row

P = ParamSpec("P")
R = TypeVar("R")

CONNECTIONS = 10
"""For transactions, and as many for single statements."""
# serialization failure and deadlock: PostgreSQL rolled it back for another's sake; unique violation: two
# transactions wrote the same thing at once, and the one that runs again finds what the other wrote
RETRIED_SQLSTATES = frozenset({"40001", "40P01", "23505"})
# a single statement waits half a second for a lock: others may share its commit, and a transaction can do and wait
BEATEN_SQLSTATES = RETRIED_SQLSTATES | {"55P03"}
SERVER_SETTINGS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
CONNECT = {"timeout": 10, "command_timeout": 60, "server_settings": SERVER_SETTINGS}
# A single statement goes by its indexes. PostgreSQL keeps the plan that it has made of one, which on tables that were
# all but empty then reads them from end to end, until they are analyzed: a minute and thousands of orders later.
OF_SINGLE_STATEMENTS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "jit": "off",
    "lock_timeout": "500ms",
}
_SQLALCHEMYS = frozenset({"prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn"})


class PostgresDatabase:
    """PostgreSQL over asyncpg."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self._engine = _engine(url)
        self._alone = AutocommitPool(
            self._engine.sync_engine, _connecting(self._engine), connections=CONNECTIONS, beaten=BEATEN_SQLSTATES
        )

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction; one that PostgreSQL rolled back for another's sake is run again."""

        def transaction() -> R:  # whole in one greenlet: the asynchronous engine takes one for each of its steps
            with self._engine.sync_engine.begin() as connection:
                return work(connection, *args, **kwargs)

        for last in (False,) * (TRIES - 1) + (True,):
            try:
                return await greenlet_spawn(transaction)
            except RetryTransaction:
                if last:
                    raise
            except DBAPIError as error:
                if last or getattr(error.orig, "sqlstate", None) not in RETRIED_SQLSTATES:
                    raise
            await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311  spreads the retries, guards nothing
        raise AssertionError("unreachable")

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(work, *args, **kwargs)

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Row]) -> list[Sequence[Any]]:
        """Run one statement that commits by itself; without rows, PostgreSQL may have taken it back."""
        return await self._alone.run(statement, values)

    async def close(self) -> None:
        """Close the connections."""
        await self._alone.close()
        await self._engine.dispose()


def _engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,  # an error must not tell the log a customer's data
        connect_args=CONNECT,
        json_serializer=json_codec.ascii_only,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def look(_adapted: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        """Take another connection for one whose end asyncpg has heard of; asking each costs a round trip."""
        if record.driver_connection is None or record.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def _connecting(engine: AsyncEngine) -> Callable[[], Any]:
    """Return what connects as `engine` does, without SQLAlchemy around it."""
    _, options = engine.dialect.create_connect_args(engine.url)
    known = {name: value for name, value in options.items() if name not in _SQLALCHEMYS}

    def connect() -> Any:
        told = CONNECT | {"server_settings": SERVER_SETTINGS | OF_SINGLE_STATEMENTS}
        return asyncpg.connect(**known, **told, max_cached_statement_lifetime=0)

    return connect
