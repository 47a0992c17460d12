"""Asks each shop now and then for its webhooks: WooCommerce switches one off without telling anybody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from panelr_bridge import logs
from panelr_bridge.application.panelr_caller import Clock
from panelr_bridge.errors import ShopError, ShopUnreachable
from panelr_bridge.store import webhook_health
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.woocommerce import webhook_setup
from panelr_bridge.woocommerce.rest.models import Payload
from panelr_bridge.woocommerce.webhook_setup import DeliveryEndpoint

EVERY = timedelta(minutes=15)
FIRST = timedelta(seconds=10)
"""A process that has just started has more urgent things to do."""
AGAIN = timedelta(minutes=1)
"""How long a fault of the database is waited for."""

log = logs.get(__name__)


class WebhookLister(Protocol):
    """A shop that tells its webhooks."""

    async def list_webhooks(self) -> tuple[Payload, ...]:
        """Return every webhook of the shop."""


async def check_webhooks(shop: WebhookLister, door: DeliveryEndpoint) -> tuple[bool, str]:
    """Ask a shop now; returns whether its webhooks are well, in words. A shop that does not tell them is well."""
    try:
        hooks = webhook_setup.read_webhooks(await shop.list_webhooks())
    except ShopUnreachable as error:
        return False, f"the shop could not be asked for its webhooks: {error.words}"
    except ShopError as error:
        if error.code == WRONG_KEY:
            return False, f"the shop does not accept the key: {error.words}"
        return True, f"whether its webhooks are there cannot be told: {error.words}"
    return webhook_setup.summary(webhook_setup.check_topics(hooks, door))


WRONG_KEY = "woocommerce_rest_authentication_error"
"""WooCommerce's word for a secret that does not belong to its key."""


class WebhookMonitor:
    """One process's looks at the shops. Several processes look at most once in a quarter of an hour, as one does."""

    def __init__(
        self,
        database: Database,
        *,
        shops: Mapping[str, WebhookLister],
        doors: Mapping[str, DeliveryEndpoint],
        clock: Clock,
    ) -> None:
        self._database = database
        self._shops = shops
        self._doors = doors
        self._clock = clock

    @contextlib.asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """Look while the context is open."""
        task = asyncio.create_task(self._run(), name="watching")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        due = self._clock() + FIRST
        while True:
            await asyncio.sleep(max((due - self._clock()).total_seconds(), 1))
            try:
                due = await self.turn()
            except Exception as error:
                due = self._clock() + AGAIN
                if is_unavailable(error):
                    log.warning("worker.waits", reason="the database is unavailable")
                else:
                    log.exception("worker.failed")

    async def turn(self) -> datetime:
        """Ask every shop that is due; returns when the next one is."""
        await self._database.write(webhook_health.remove_others, besides=self._shops)
        next_due = self._clock() + EVERY
        for store, shop in self._shops.items():
            seen = await self._database.read(webhook_health.looked_at, store)
            if seen is not None and seen + EVERY > self._clock():
                next_due = min(next_due, seen + EVERY)
                continue
            try:
                ok, words = await check_webhooks(shop, self._doors[store])
            except Exception:
                log.exception("worker.failed", store=store)
                ok, words = False, "looking at the shop's webhooks failed for a fault of the bridge; the log says which"
            await self._database.write(webhook_health.save, self._clock(), store=store, ok=ok, words=words)
            if ok:
                log.info("shop.looked_at", store=store)
            else:
                log.warning("shop.webhooks_amiss", store=store, reason=words)
        return next_due
