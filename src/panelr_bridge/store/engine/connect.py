"""Which of the two databases an address names, and what both can do."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, make_url

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.store.engine.compiled import CompiledStatement
from panelr_bridge.store.engine.sqlite import SqliteDatabase
from panelr_bridge.store.tables import Row

P = ParamSpec("P")
R = TypeVar("R")


class Database(Protocol):
    """Runs transactions. `write` and `read` may be called many times at once."""

    dialect: str

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction of its own and return its result once that is committed."""

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction that only reads."""

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Row]) -> list[Sequence[Any]]:
        """Run one statement that commits by itself, with the values as they are when it begins; returns its rows.

        Without rows, it may have been taken back for another transaction's sake: then nothing has happened.
        """

    async def close(self) -> None:
        """Let go of every connection."""


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
