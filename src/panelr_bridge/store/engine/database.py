"""The engine, and the one place that knows which database it is.

A transaction is one synchronous function of a connection, run whole and committed before `write` returns. On
PostgreSQL it runs over asyncpg (postgres.py), on SQLite on one connection (writer.py), so that there is one writer by
construction, with readers in threads beside it (WAL). The function must not block on anything but the database.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from panelr_bridge import json_codec
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.store.engine.compiled import Prepared
from panelr_bridge.store.engine.sqlite_writer import Writer
from panelr_bridge.store.tables import Row

P = ParamSpec("P")
R = TypeVar("R")

BUSY_MILLISECONDS = 30_000
READERS = 2
WRITERS_CACHE, READERS_CACHE = 16_000, 2_000
"""KB of pages that a SQLite connection keeps: an order touches two dozen, the indexes of digests at any place."""
PAGES_AHEAD = 4_000
"""How many pages SQLite's log holds (-wal, 16 MB) before they go into the file: most orders change the same."""
# Away, full, starting, stopping, read-only after a failover, out of patience: PostgreSQL's classes of such errors
UNAVAILABLE_SQLSTATES = ("08", "25006", "53", "55", "57", "58")


class Database(Protocol):
    """Runs transactions. `write` and `read` may be called many times at once."""

    dialect: str

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction of its own and return its result once that is committed."""

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction that only reads."""

    async def alone(self, statement: Prepared, values: Callable[[], Row]) -> list[Sequence[Any]]:
        """Run one statement that commits by itself, with the values as they are when it begins; returns its rows.

        Without rows, it may have been taken back for another transaction's sake: then nothing has happened.
        """

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
        from panelr_bridge.store.engine.postgres import PostgresDatabase  # noqa: PLC0415  SQLite needs none of its libraries

        return PostgresDatabase(parsed)
    raise ConfigurationError([f"BRIDGE_DATABASE_URL: {backend} without a file is not supported"])


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Connect to `url` and let go of it at the end."""
    database = connect(url)
    try:
        yield database
    finally:
        await database.close()


class SqliteDatabase:
    """One SQLite file: a writer, and a few readers that never wait for it."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writing = _sqlite_engine(path, begin="BEGIN IMMEDIATE", patience=0, cache=WRITERS_CACHE)
        self._reading = _sqlite_engine(path, begin="BEGIN", patience=BUSY_MILLISECONDS, cache=READERS_CACHE)
        self._writer = Writer(self._writing)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` when the writer comes to it."""

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

    async def alone(self, statement: Prepared, values: Callable[[], Row]) -> list[Sequence[Any]]:
        """Run one statement when the writer comes to it."""
        return await self.write(lambda connection: statement.run(connection, values()))

    async def close(self) -> None:
        """Finish what was asked for, then close the connections."""
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        for engine in (self._writing, self._reading):
            engine.dispose()


def _sqlite_engine(path: Path, *, begin: str, patience: int, cache: int) -> Engine:
    """Return an engine whose transactions begin by `begin` and wait `patience` milliseconds for another process.

    Each of its connections keeps `cache` KB of pages.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False},
        json_serializer=json_codec.ascii_only,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a lock taken at the start
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",  # a commit that was answered survives a loss of power
            "foreign_keys=ON",
            f"cache_size=-{cache}",
            f"wal_autocheckpoint={PAGES_AHEAD}",
            f"busy_timeout={patience}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:  # past SQLAlchemy, which takes more for this than SQLite
        driver: Any = connection.connection.dbapi_connection
        for before in engine.dispatch.before_cursor_execute:
            before(connection, None, begin, (), None, False)
        driver.execute(begin)

    return engine


def moment(connection: Connection) -> datetime | None:
    """Return the database's time; None where it has no clock but its machine's."""
    if connection.dialect.name == "sqlite":
        return None
    there: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return there


def at_one_moment(connection: Connection) -> None:
    """Let every statement of this transaction see the same: a total, and the rows that it is the total of."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def is_unavailable(error: BaseException) -> bool:
    """Return whether `error` says that the database cannot store now, rather than that a statement is wrong."""
    if isinstance(error, (OperationalError, sqlite3.OperationalError, PoolTimeoutError, OSError, TimeoutError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or sqlstate.startswith(UNAVAILABLE_SQLSTATES)
