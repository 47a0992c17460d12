"""Check each shop's webhooks periodically: WooCommerce disables one after failures without notifying anyone."""

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

CHECK_INTERVAL = timedelta(minutes=15)
START_DELAY = timedelta(seconds=10)
"""A process that has just started has more urgent work."""
RETRY_DELAY = timedelta(minutes=1)
"""How long to wait after an error, such as an unavailable database."""
WRONG_KEY_CODE = "woocommerce_rest_authentication_error"
"""WooCommerce's error code for a secret that does not match its key."""
INTERNAL_ERROR = "the shop's webhooks could not be checked because of an internal error: see the log"

log = logs.get(__name__)


class WebhookLister(Protocol):
    """A shop whose webhooks can be listed."""

    async def list_webhooks(self) -> tuple[Payload, ...]:
        """Return every webhook of the shop; raise ShopError if it cannot list them."""


async def check_webhooks(shop: WebhookLister, endpoint: DeliveryEndpoint) -> tuple[bool, str]:
    """Ask a shop for its webhooks now; return whether they are well, and the result in words.

    A shop that does not list them counts as well, because nothing is known to be wrong.
    """
    try:
        webhooks = webhook_setup.read_webhooks(await shop.list_webhooks())
    except ShopUnreachable as error:
        return False, f"the shop could not be asked for its webhooks: {error.words}"
    except ShopError as error:
        if error.code == WRONG_KEY_CODE:
            return False, f"the shop does not accept the key: {error.words}"
        return True, f"the state of its webhooks is unknown: {error.words}"
    return webhook_setup.summary(webhook_setup.check_topics(webhooks, endpoint), endpoint)


class WebhookMonitor:
    """Checks the shops' webhooks in one process. All processes together check a shop once per `CHECK_INTERVAL`."""

    def __init__(
        self,
        database: Database,
        *,
        shops: Mapping[str, WebhookLister],
        endpoints: Mapping[str, DeliveryEndpoint],
        clock: Clock,
    ) -> None:
        self._database = database
        self._shops = shops
        self._endpoints = endpoints
        self._clock = clock

    @contextlib.asynccontextmanager
    async def run_in_background(self) -> AsyncIterator[None]:
        """Check the shops while the context is open."""
        task = asyncio.create_task(self._run(), name="webhook monitor")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        due = self._clock() + START_DELAY
        while True:
            await asyncio.sleep(max((due - self._clock()).total_seconds(), 1))
            try:
                due = await self.check_due_shops()
            except Exception as error:
                due = self._clock() + RETRY_DELAY
                if is_unavailable(error):
                    log.warning("worker.waits", reason="the database is unavailable")
                else:
                    log.exception("worker.failed")

    async def check_due_shops(self) -> datetime:
        """Check every shop that is due; return when the next one is."""
        await self._database.write(webhook_health.remove_others, besides=self._shops)
        next_due = self._clock() + CHECK_INTERVAL
        for store in self._shops:
            checked_at = await self._database.read(webhook_health.looked_at, store)
            if checked_at is not None and checked_at + CHECK_INTERVAL > self._clock():
                next_due = min(next_due, checked_at + CHECK_INTERVAL)
            else:
                await self._check_shop(store)
        return next_due

    async def _check_shop(self, store: str) -> None:
        try:
            ok, words = await check_webhooks(self._shops[store], self._endpoints[store])
        except Exception:
            log.exception("worker.failed", store=store)
            ok, words = False, INTERNAL_ERROR
        await self._database.write(webhook_health.save, self._clock(), store=store, ok=ok, words=words)
        if ok:
            log.info("shop.looked_at", store=store)
        else:
            log.warning("shop.webhooks_amiss", store=store, reason=words)
