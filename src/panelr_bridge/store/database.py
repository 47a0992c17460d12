"""The engine, and the one place that knows which database it is.

A transaction is one synchronous function of a connection, run whole and committed before `write` returns. On
PostgreSQL it runs over asyncpg; on SQLite in one writer thread (writer.py), so that there is one writer by
construction, with readers beside it (WAL). The function must not block on anything but the database.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.store.writer import TRIES, Restart, Writer

P = ParamSpec("P")
R = TypeVar("R")

BUSY_MILLISECONDS = 30_000
READERS = 2
CONNECTIONS = 20
# serialization failure and deadlock: PostgreSQL rolled it back for another's sake; unique violation: two
# transactions wrote the same thing at once, and the one that runs again finds what the other wrote
RETRIED_SQLSTATES = frozenset({"40001", "40P01", "23505"})
# Away, full, starting, stopping, read-only after a failover, out of patience: PostgreSQL's classes of such errors
UNAVAILABLE_SQLSTATES = ("08", "25006", "53", "55", "57", "58")
SERVER_SETTINGS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}


class Database(Protocol):
    """Runs transactions. `write` and `read` may be called many times at once."""

    dialect: str

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction of its own and return its result once that is committed."""

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction that only reads."""

    async def close(self) -> None:
        """Let go of every connection."""


def missing_file(url: str) -> Path | None:
    """Return the path of a SQLite file that is not there yet; None where it is, and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists():
        return None
    return Path(parsed.database)


def connect(url: str) -> Database:
    """Return the database at `url`: `sqlite:///path` or `postgresql://...`.

    Raises ConfigurationError for any other; nothing is connected to yet.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return SqliteDatabase(Path(parsed.database))
    if backend in {"postgresql", "postgres"}:
        return PostgresDatabase(_postgres_engine(parsed))
    raise ConfigurationError([f"BRIDGE_DATABASE_URL: {backend} without a file is not supported"])


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Connect to `url` and let go of it at the end."""
    database = connect(url)
    try:
        yield database
    finally:
        await database.close()


class PostgresDatabase:
    """PostgreSQL over asyncpg."""

    dialect = "postgresql"

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction; one that PostgreSQL rolled back for another's sake is run again."""

        def transaction() -> R:  # whole in one greenlet: the asynchronous engine takes one for each of its steps
            with self._engine.sync_engine.begin() as connection:
                return work(connection, *args, **kwargs)

        for last in (False,) * (TRIES - 1) + (True,):
            try:
                return await greenlet_spawn(transaction)
            except Restart:
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

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()


class SqliteDatabase:
    """One SQLite file: a writer, and a few readers that never wait for it."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writing, self._reading = (
            _sqlite_engine(path, begin="BEGIN IMMEDIATE"),
            _sqlite_engine(path, begin="BEGIN"),
        )
        self._writer = Writer(self._writing)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in the writer's thread."""

        def job(connection: Connection) -> R:
            return work(connection, *args, **kwargs)

        result: R = await self._writer.run(job)
        return result

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a reader thread."""

        def transaction() -> R:
            with self._reading.connect() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, transaction)

    async def close(self) -> None:
        """Let the threads finish, then close the connections."""
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.shutdown)
        for engine in (self._writing, self._reading):
            engine.dispose()


def _postgres_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,  # an error must not tell the log a customer's data
        connect_args={"timeout": 10, "command_timeout": 60, "server_settings": SERVER_SETTINGS},
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def look(_adapted: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        """Take another connection for one whose end asyncpg has heard of; asking each costs a round trip."""
        if record.driver_connection is None or record.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def _sqlite_engine(path: Path, *, begin: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a lock taken at the start
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # a commit that was answered survives a loss of power
            "foreign_keys=ON",
            f"busy_timeout={BUSY_MILLISECONDS}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def moment(connection: Connection) -> datetime | None:
    """Return the database's time; None where it has no clock but its machine's."""
    if connection.dialect.name == "sqlite":
        return None
    there: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return there


def is_unavailable(error: BaseException) -> bool:
    """Return whether `error` says that the database cannot store now, rather than that a statement is wrong."""
    if isinstance(error, (OperationalError, PoolTimeoutError, OSError, TimeoutError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or sqlstate.startswith(UNAVAILABLE_SQLSTATES)
