"""Ask Panelr from a command, within the rate limit of the running bridge."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import Connection

from panelr_bridge.application.container import call_policy, panelr_client
from panelr_bridge.application.panelr_caller import PanelrCaller, utc_now
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings import Settings
from panelr_bridge.store import rate_limit
from panelr_bridge.store.database import Database


@contextlib.asynccontextmanager
async def open_caller(database: Database, settings: Settings) -> AsyncIterator[PanelrCaller]:
    """Open a client of Panelr for the time of the context; raises ConfigurationError if its address is not set."""
    if not settings.panelr_url:
        raise ConfigurationError(["BRIDGE_PANELR_URL is missing: it is needed to ask Panelr"])
    await database.write(_prepare_rate_limit, rate_per_minute=settings.panelr_rate_per_minute)
    async with panelr_client(settings) as panelr:
        caller = PanelrCaller(database=database, panelr=panelr, call_policy=call_policy(settings))
        yield caller
        await caller.probe.drain()


def _prepare_rate_limit(connection: Connection, *, rate_per_minute: int) -> None:
    """Insert the rows of the rate limit if they are missing. A closed gate stays closed."""
    rate_limit.prepare(connection, name=RATE, limit=rate_per_minute, now=utc_now())
