"""What the commands share: the event loop, checks before the work, and the reaction to a stop signal."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from panelr_bridge import logs
from panelr_bridge.errors import ConfigurationError, InvalidValue
from panelr_bridge.settings import DEFAULT_STORE, Settings, StoreSettings, load_settings, require_shop
from panelr_bridge.store.database import Database, missing_sqlite_file, open_database
from panelr_bridge.store.schema_version import is_behind

T = TypeVar("T")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
ACTOR = "command line"
"""The name under which the audit log records what an operator does with a command."""
log = logs.get(__name__)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop and return its result."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def run_with_database(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Read the settings, open the database, check that it is migrated, and run `work` with both."""

    async def open_and_work() -> T:
        settings = load_settings()
        require_file(settings.database_url)
        async with open_database(settings.database_url) as database:
            await require_migrated(database)
            return await work(database, settings)

    return run(open_and_work())


def freeze_garbage() -> None:
    """Exclude the loaded modules from garbage collection, and collect less often.

    Each full collection would search all modules again and delay every order. An order leaves little garbage that
    only a collection finds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def require_store(settings: Settings, name: str) -> StoreSettings:
    """Return the settings of the store `name`.

    Raises InvalidValue if no such store is configured, and ConfigurationError if its REST API is not set up.
    """
    stores = settings.all_stores
    if stores and name not in stores:
        raise InvalidValue(f"there is no store {name}; the stores are {', '.join(stores)}. Choose one with --store")
    if not stores and name != DEFAULT_STORE:
        raise InvalidValue(f"there is no store {name}: no store is configured, see .env.example")
    store = stores.get(name, StoreSettings())
    require_shop(name, store)
    return store


def require_file(url: str) -> None:
    """Raise ConfigurationError if the SQLite file is missing. A command that reads must not create an empty file."""
    path = missing_sqlite_file(url)
    if path is not None:
        advice = "run panelr-bridge migrate, or change to the folder to which BRIDGE_DATABASE_URL is relative"
        raise ConfigurationError([f"there is no database {path} (full path: {path.absolute()}): {advice}"])


async def require_migrated(database: Database) -> None:
    """Raise ConfigurationError if the tables do not have this version."""
    if await database.read(is_behind):
        raise ConfigurationError(["the database tables do not have this version: run panelr-bridge migrate"])


async def prepare_database(settings: Settings) -> None:
    """Migrate a SQLite file. PostgreSQL is shared by processes: only check that `migrate` was run."""
    async with open_database(settings.database_url) as database:
        if database.dialect == "sqlite" and await database.read(is_behind):
            from panelr_bridge.store.migrate import upgrade  # noqa: PLC0415  alembic is slow to load and rarely needed

            await database.write(upgrade)
        await require_migrated(database)


def exit_immediately() -> None:
    """End the process without waiting. After the next start, the worker looks up calls without an answer."""
    log.warning("bridge.ended", reason="second stop signal")
    sys.stdout.flush()
    os._exit(130)
