"""How the commands speak."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop
from rich.console import Console
from rich.markup import escape

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.store.database import Database, missing_file
from panelr_bridge.store.migrate import pending

T = TypeVar("T")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

STATE_STYLES = {
    "created": "green",
    "queued": "cyan",
    "sending": "cyan",
    "waiting": "blue",
    "ignored": "dim",
    "closed": "dim",
    "held": "yellow",
    "unconfirmed": "magenta",
    "refused": "red",
}


def complain(head: str, *points: str) -> None:
    """Say what is wrong, on standard error."""
    err.print(f"[bold red]{escape(head)}[/]", soft_wrap=True)
    for point in points:
        err.print(f"  [red]•[/] {escape(point)}", soft_wrap=True)


def state(name: str) -> str:
    """Return a state in its colour."""
    return f"[{STATE_STYLES.get(name, 'white')}]{name}[/]"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def require_file(url: str) -> None:
    """Raise ConfigurationError when a SQLite file is not there: a command that reads must not make an empty one."""
    path = missing_file(url)
    if path is not None:
        where = "run panelr-bridge migrate, or change to the folder that BRIDGE_DATABASE_URL counts from"
        raise ConfigurationError([f"there is no database {path} (from here: {path.absolute()}): {where}"])


async def require_migrated(database: Database) -> None:
    """Raise ConfigurationError when the tables are not of this version."""
    if await database.read(pending):
        raise ConfigurationError(["the database's tables are not of this version: run panelr-bridge migrate"])
