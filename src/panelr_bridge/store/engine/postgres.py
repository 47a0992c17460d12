"""PostgreSQL over asyncpg. Imported only when the settings name a PostgreSQL database."""

import asyncio
import random
from collections.abc import Callable
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
from panelr_bridge.store.engine.compiled import CompiledStatement, Rows, Values
from panelr_bridge.store.engine.pending import MAX_TRIES

P = ParamSpec("P")
R = TypeVar("R")

CONNECTIONS = 10
"""The size of each pool: one for transactions, one for autocommit statements."""
# Serialization failure and deadlock: PostgreSQL rolled the transaction back because of another one. Unique violation:
# two transactions wrote the same row at once, and the one that is retried finds the other's row.
RETRIED_SQLSTATES = frozenset({"40001", "40P01", "23505"})
# An autocommit statement waits half a second for a lock, because others may share its commit. Then its caller runs the
# transaction that it replaces, which can wait.
CONFLICT_SQLSTATES = RETRIED_SQLSTATES | {"55P03"}
SERVER_SETTINGS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
CONNECT_ARGS = {"timeout": 10, "command_timeout": 60, "server_settings": SERVER_SETTINGS}
# Forces index scans. PostgreSQL keeps a prepared statement's plan. One made while the tables were nearly empty scans
# them sequentially until they are analyzed, which is a minute and thousands of orders later.
AUTOCOMMIT_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "jit": "off",
    "lock_timeout": "500ms",
}
_SQLALCHEMY_OPTIONS = frozenset({"prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn"})


class PostgresDatabase:
    """PostgreSQL with a pool for transactions and a pool for autocommit statements."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self._engine = _create_engine(url)
        self._autocommit = AutocommitPool(
            self._engine.sync_engine,
            _build_connect(self._engine),
            connections=CONNECTIONS,
            conflict_sqlstates=CONFLICT_SQLSTATES,
        )

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction; run it again if PostgreSQL rolled it back on a conflict."""

        def transaction() -> R:  # in one greenlet: the asynchronous engine spawns one for each of its steps
            with self._engine.sync_engine.begin() as connection:
                return work(connection, *args, **kwargs)

        for is_last in (False,) * (MAX_TRIES - 1) + (True,):
            try:
                return await greenlet_spawn(transaction)
            except RetryTransaction:
                if is_last:
                    raise
            except DBAPIError as error:
                if is_last or getattr(error.orig, "sqlstate", None) not in RETRIED_SQLSTATES:
                    raise
            await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311  spreads the retries, guards nothing
        raise AssertionError("unreachable")

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction and return its result."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(work, *args, **kwargs)

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Values]) -> Rows:
        """Run one autocommit statement; returns [] also when PostgreSQL rolled it back on a conflict."""
        return await self._autocommit.run(statement, values)

    async def close(self) -> None:
        """Finish the autocommit statements, then close every connection."""
        await self._autocommit.close()
        await self._engine.dispose()


def _create_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,  # errors are logged, and the values are customer data
        connect_args=CONNECT_ARGS,
        json_serializer=json_codec.ascii_only,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def replace_closed(_adapted: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        """Replace a connection that asyncpg knows to be closed; `pool_pre_ping` would cost a round trip."""
        if record.driver_connection is None or record.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def _build_connect(engine: AsyncEngine) -> Callable[[], Any]:
    """Return a function that opens an asyncpg connection with the options of `engine`, without SQLAlchemy."""
    _, options = engine.dialect.create_connect_args(engine.url)
    driver_options = {name: value for name, value in options.items() if name not in _SQLALCHEMY_OPTIONS}
    driver_options |= CONNECT_ARGS | {"server_settings": SERVER_SETTINGS | AUTOCOMMIT_SETTINGS}

    def connect() -> Any:
        return asyncpg.connect(**driver_options, max_cached_statement_lifetime=0)

    return connect
