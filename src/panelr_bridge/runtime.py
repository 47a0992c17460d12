"""Puts the parts together by the settings, and takes them apart in the right order."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.bridge import Bridge
from panelr_bridge.calls import Clock, utc_now
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.settings import Settings
from panelr_bridge.steps.claim import RATE, Terms
from panelr_bridge.store import database, rate
from panelr_bridge.store.database import Database
from panelr_bridge.worker import Worker

LEASE_MARGIN = timedelta(seconds=10)
"""How much longer a lease lasts than the call that it is for can take."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one running process."""

    settings: Settings
    database: Database
    panelr: PanelrClient
    bridge: Bridge
    worker: Worker


@contextlib.asynccontextmanager
async def assembled(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[Runtime]:
    """Build the parts; at the end let calls under way finish, bounded by their own timeout, then let go of all."""
    async with contextlib.AsyncExitStack() as stack:
        opened = await stack.enter_async_context(database.opened(settings.database_url))
        panelr = await stack.enter_async_context(
            PanelrClient(
                base_url=settings.panelr_url,
                api_key=settings.panelr_api_key.get_secret_value(),
                timeout_seconds=settings.panelr_timeout_seconds,
            )
        )
        bridge = Bridge(
            database=opened,
            panelr=panelr,
            policy=settings.policy,
            terms=terms_of(settings),
            sync_budget=timedelta(seconds=settings.sync_budget_seconds),
            clock=clock,
        )
        worker = Worker(bridge, wake_ignored=timedelta(days=settings.wake_ignored_days))
        try:
            yield Runtime(settings, opened, panelr, bridge, worker)
        finally:
            await bridge.drain(seconds=settings.panelr_timeout_seconds + LEASE_MARGIN.total_seconds())


def terms_of(settings: Settings) -> Terms:
    """Return how Panelr is called."""
    return Terms(
        rate_per_minute=settings.panelr_rate_per_minute,
        lease=timedelta(seconds=settings.panelr_timeout_seconds) + LEASE_MARGIN,
        grace=timedelta(seconds=settings.grace_seconds),
        retry_schedule=settings.retry_schedule_seconds,
    )


def prepare(connection: Connection, now: datetime, *, rate_per_minute: int) -> None:
    """Make the rate limit's rows, and let one call probe again what was closed: the operator may have mended it."""
    rate.prepare(connection, name=RATE, limit=rate_per_minute, now=now)
    rate.probe_now(connection, name=RATE, now=now)
