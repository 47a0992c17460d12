"""SQLite: one writer by construction, and readers in threads beside it (WAL)."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event

from panelr_bridge import json_codec
from panelr_bridge.store.engine.compiled import CompiledStatement
from panelr_bridge.store.engine.sqlite_writer import SqliteWriter
from panelr_bridge.store.tables import Row

P = ParamSpec("P")
R = TypeVar("R")

BUSY_MILLISECONDS = 30_000
READERS = 2
WRITERS_CACHE, READERS_CACHE = 16_000, 2_000
"""KB of pages that a SQLite connection keeps: an order touches two dozen, the indexes of digests at any place."""
PAGES_AHEAD = 4_000
"""How many pages SQLite's log holds (-wal, 16 MB) before they go into the file: most orders change the same."""


class SqliteDatabase:
    """One SQLite file: a writer, and a few readers that never wait for it."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writing = _sqlite_engine(path, begin="BEGIN IMMEDIATE", patience=0, cache=WRITERS_CACHE)
        self._reading = _sqlite_engine(path, begin="BEGIN", patience=BUSY_MILLISECONDS, cache=READERS_CACHE)
        self._writer = SqliteWriter(self._writing)
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

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Row]) -> list[Sequence[Any]]:
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
