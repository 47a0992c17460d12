"""The database as the rest of the bridge sees it.

A transaction is one synchronous function of a connection. `Database.write` runs it and commits before it returns. The
function must not block on anything but the database. `engine/` drives the databases.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from panelr_bridge.store.engine import Database, connect

__all__ = [
    "Database",
    "connect",
    "database_time",
    "is_unavailable",
    "missing_sqlite_file",
    "open_database",
    "use_one_snapshot",
]

# PostgreSQL's codes: unreachable, read-only after a failover, full, lock time-out, starting or stopping, disk error
UNAVAILABLE_SQLSTATES = ("08", "25006", "53", "55", "57", "58")


def missing_sqlite_file(url: str) -> Path | None:
    """Return the path of a SQLite file that does not exist yet; None if it exists, and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists():
        return None
    return Path(parsed.database)


@contextlib.asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """Yield the database at `url` and close it at the end."""
    database = connect(url)
    try:
        yield database
    finally:
        await database.close()


def database_time(connection: Connection) -> datetime | None:
    """Return the time of the database's own clock; None for SQLite, which has none."""
    if connection.dialect.name == "sqlite":
        return None
    now: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return now


def use_one_snapshot(connection: Connection) -> None:
    """Give every statement of this transaction the same snapshot, so that a total fits the rows."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


DATABASE_ERRORS = (DBAPIError, sqlite3.Error, PoolTimeoutError, OSError, TimeoutError)
"""The kinds of errors among which `is_unavailable` distinguishes."""


def is_unavailable(error: BaseException) -> bool:
    """Return whether `error` means that the database cannot store at the moment, and not that a statement is wrong."""
    if isinstance(error, (OperationalError, sqlite3.OperationalError, PoolTimeoutError, OSError, TimeoutError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or sqlstate.startswith(UNAVAILABLE_SQLSTATES)
