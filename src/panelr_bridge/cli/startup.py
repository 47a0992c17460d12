"""What the commands have in common before they work, and when they are told to stop."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from panelr_bridge import logs
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings import Settings
from panelr_bridge.store import database
from panelr_bridge.store.database import Database, missing_sqlite_file
from panelr_bridge.store.schema_version import is_behind

T = TypeVar("T")

STOPPING = (signal.SIGTERM, signal.SIGINT)
log = logs.get(__name__)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def freeze_garbage() -> None:
    """Tell Python that what is loaded stays: to look through it for garbage again and again holds up every order.

    An order leaves little that only such a look finds, so that it is rarely worth one.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def require_file(url: str) -> None:
    """Raise ConfigurationError when a SQLite file is not there: a command that reads must not make an empty one."""
    path = missing_sqlite_file(url)
    if path is not None:
        where = "run panelr-bridge migrate, or change to the folder that BRIDGE_DATABASE_URL counts from"
        raise ConfigurationError([f"there is no database {path} (from here: {path.absolute()}): {where}"])


async def require_migrated(database: Database) -> None:
    """Raise ConfigurationError when the tables are not of this version."""
    if await database.read(is_behind):
        raise ConfigurationError(["the database's tables are not of this version: run panelr-bridge migrate"])


async def ready_database(chosen: Settings) -> None:
    """Bring a SQLite file to this version; PostgreSQL is shared, so its migration is a step of its own."""
    async with database.open_database(chosen.database_url) as opened:
        if opened.dialect == "sqlite" and await opened.read(is_behind):
            from panelr_bridge.store.migrate import upgrade

            await opened.write(upgrade)
        await require_migrated(opened)


def end_at_once() -> None:
    """Leave everything as it is: what was under way is looked up later, as after a crash."""
    log.warning("bridge.ended", reason="told to stop twice")
    sys.stdout.flush()
    os._exit(130)
