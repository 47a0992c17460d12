"""SQLite in WAL mode: one writer, and reader threads that never wait for it."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event

from panelr_bridge import json_codec
from panelr_bridge.store.engine.compiled import CompiledStatement, Rows, Values
from panelr_bridge.store.engine.sqlite_writer import SqliteWriter

P = ParamSpec("P")
R = TypeVar("R")

BUSY_TIMEOUT_MS = 30_000
READERS = 2
WRITER_CACHE_KB, READER_CACHE_KB = 16_000, 2_000
"""Page cache of a connection. An order touches two dozen pages, those of the digests' indexes at random places."""
WAL_CHECKPOINT_PAGES = 4_000
"""How large the -wal file grows (16 MB) before its pages are copied into the database: most orders change the same."""


class SqliteDatabase:
    """One SQLite file, with one writer and a few readers."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_engine = _create_engine(path, begin="BEGIN IMMEDIATE", busy_timeout_ms=0, cache_kb=WRITER_CACHE_KB)
        self._read_engine = _create_engine(
            path, begin="BEGIN", busy_timeout_ms=BUSY_TIMEOUT_MS, cache_kb=READER_CACHE_KB
        )
        self._writer = SqliteWriter(self._write_engine)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` on the writer's connection, commit it, and return its result."""

        def transaction(connection: Connection) -> R:
            return work(connection, *args, **kwargs)

        result: R = await self._writer.run(transaction)
        return result

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a reader thread and return its result."""

        def transaction() -> R:
            with self._read_engine.connect() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, transaction)

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Values]) -> Rows:
        """Run one statement in a transaction of the writer and return its rows."""
        return await self.write(lambda connection: statement.run(connection, values()))

    async def close(self) -> None:
        """Finish the work that was begun, then close every connection."""
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        for engine in (self._write_engine, self._read_engine):
            engine.dispose()


def _create_engine(path: Path, *, begin: str, busy_timeout_ms: int, cache_kb: int) -> Engine:
    """Return an engine that begins its transactions with the statement `begin`."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False},
        json_serializer=json_codec.ascii_only,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is deferred: it takes the write lock too late
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",  # to change the journal mode
            "journal_mode=WAL",
            "synchronous=FULL",  # an acknowledged commit survives a loss of power
            "foreign_keys=ON",
            f"cache_size=-{cache_kb}",
            f"wal_autocheckpoint={WAL_CHECKPOINT_PAGES}",
            f"busy_timeout={busy_timeout_ms}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:  # straight to the driver: SQLAlchemy's way takes longer than BEGIN
        driver: Any = connection.connection.dbapi_connection
        for before in engine.dispatch.before_cursor_execute:
            before(connection, None, begin, (), None, False)
        driver.execute(begin)

    return engine
