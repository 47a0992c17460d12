"""The interface that both databases implement, and the choice between them by URL."""

from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, make_url

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.store.engine.compiled import CompiledStatement, Rows, Values
from panelr_bridge.store.engine.sqlite import SqliteDatabase

P = ParamSpec("P")
R = TypeVar("R")


class Database(Protocol):
    """Runs transactions; `write` and `read` may be called concurrently."""

    dialect: str

    async def write(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction, commit it, and return its result; `work` may run more than once."""

    async def read(self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction that only reads, and return its result."""

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Values]) -> Rows:
        """Run one statement in its own transaction and return its rows; `values` is called when it is sent.

        Returns [] also when PostgreSQL rolled it back on a conflict; nothing was written.
        """

    async def close(self) -> None:
        """Finish the work that was begun, then close every connection."""


def connect(url: str) -> Database:
    """Return the database at `url`: `sqlite:///path` or `postgresql://...`. It connects on first use.

    Raises ConfigurationError for any other URL.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return SqliteDatabase(Path(parsed.database))
    if backend in {"postgresql", "postgres"}:
        from panelr_bridge.store.engine.postgres import PostgresDatabase  # noqa: PLC0415  SQLite needs none of its libraries

        return PostgresDatabase(parsed)
    raise ConfigurationError([f"BRIDGE_DATABASE_URL: {backend} without a file is not supported"])
