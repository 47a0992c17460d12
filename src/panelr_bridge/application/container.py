"""Build the parts of a process from the settings, and close them in the right order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.backfill.scheduler import BackfillScheduler
from panelr_bridge.application.bridge import Bridge
from panelr_bridge.application.follow_ups.runner import FollowUpRunner, FollowUpStores
from panelr_bridge.application.panelr_caller import Clock, utc_now
from panelr_bridge.application.panelr_catalogue import PanelrCatalogue
from panelr_bridge.application.refusal_counter import RefusalCounter
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.application.webhook_monitor import WebhookMonitor
from panelr_bridge.application.worker import Worker
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import StoreOptions
from panelr_bridge.domain.models import AdjustmentMode, PluginKeys
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.settings import DEFAULT_STORE, Settings, StoreSettings
from panelr_bridge.store import database, rate_limit
from panelr_bridge.store.database import Database
from panelr_bridge.woocommerce.delivery_url import bridge_base_url, delivery_path
from panelr_bridge.woocommerce.order_received import CheckoutPaths
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.request import WC, orders_base
from panelr_bridge.woocommerce.webhook_setup import DeliveryEndpoint

LEASE_MARGIN = timedelta(seconds=10)
"""How much longer a lease lasts than the longest call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeContainer:
    """The parts of one running process."""

    settings: Settings
    stores: Mapping[str, StoreSettings]
    database: Database
    panelr: PanelrClient
    shops: Mapping[str, ShopClient]
    bridge: Bridge
    follow_ups: FollowUpRunner
    catalogue: PanelrCatalogue
    worker: Worker
    webhook_monitor: WebhookMonitor
    backfill: BackfillScheduler
    refusals: RefusalCounter

    async def work(self) -> None:
        """Run the worker, the backfill, the webhook monitor and the renewal of Panelr's catalogue until `stop`."""
        async with self.webhook_monitor.run_in_background():
            await asyncio.gather(self.worker.run(), self.backfill.run(), self.catalogue.run())

    def stop(self) -> None:
        """Start nothing more; `work` returns soon. Owed calls stay owed."""
        self.worker.stop()
        self.backfill.stop()
        self.catalogue.stop()

    async def drain(self) -> None:
        """Wait for the calls under way, up to their own time-out."""
        seconds = self.settings.panelr_timeout_seconds + LEASE_MARGIN.total_seconds()
        await self.bridge.drain(seconds=seconds)
        await self.follow_ups.drain(seconds=seconds)
        await self.catalogue.drain()
        await self.refusals.close()


@contextlib.asynccontextmanager
async def open_container(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[BridgeContainer]:
    """Open the parts. At the end, wait for the calls under way, then close all parts."""
    async with contextlib.AsyncExitStack() as stack:
        opened = await stack.enter_async_context(database.open_database(settings.database_url))
        panelr = await stack.enter_async_context(panelr_client(settings))
        shops = {
            name: await stack.enter_async_context(shop_client(store))
            for name, store in stores_with_api(settings).items()
        }
        container = build_container(settings, opened, panelr=panelr, shops=shops, clock=clock)
        if panelr.address is None:
            container.bridge.probe.start()
        try:
            yield container
        finally:
            await container.drain()


def build_container(
    settings: Settings, opened: Database, *, panelr: PanelrClient, shops: Mapping[str, ShopClient], clock: Clock
) -> BridgeContainer:
    """Build the parts on an open database and open clients."""
    bridge = Bridge(
        database=opened,
        panelr=panelr,
        policy=settings.policy,
        call_policy=call_policy(settings),
        sync_budget=timedelta(seconds=settings.sync_budget_seconds),
        clock=clock,
    )
    follow_ups = FollowUpRunner(
        bridge,
        policy=settings.policy,
        call_policy=call_policy(settings),
        stores=FollowUpStores(options=store_options(settings), clients=shops),
        wake_worker=bridge.wake_worker,
    )
    endpoints = {name: delivery_endpoint(name, settings.public_url) for name in shops}
    return BridgeContainer(
        settings=settings,
        stores=settings.all_stores,
        database=opened,
        panelr=panelr,
        shops=shops,
        bridge=bridge,
        follow_ups=follow_ups,
        catalogue=PanelrCatalogue(
            bridge,
            call_policy(settings),
            wake_worker=bridge.wake_worker,
            reckons=settings.adjustment is AdjustmentMode.AUTO,
        ),
        worker=Worker(
            bridge,
            wake_ignored=timedelta(days=settings.wake_ignored_days),
            follow_ups=follow_ups,
        ),
        refusals=RefusalCounter(opened, clock=clock),
        webhook_monitor=WebhookMonitor(opened, shops=shops, endpoints=endpoints, clock=clock),
        backfill=BackfillScheduler(
            bridge,
            shops=shops,
            policy=settings.policy,
            call_policy=call_policy(settings),
            every=timedelta(minutes=settings.backfill_minutes),
            wake_worker=bridge.wake_worker,
        ),
    )


def panelr_client(settings: Settings) -> PanelrClient:
    """Return the client of Panelr."""
    return PanelrClient(
        base_url=settings.panelr_url,
        api_key=settings.panelr_api_key.get_secret_value(),
        timeout_seconds=settings.panelr_timeout_seconds,
    )


def stores_with_api(settings: Settings) -> Mapping[str, StoreSettings]:
    """Return by name the stores whose REST API is configured."""
    return {name: store for name, store in settings.all_stores.items() if store.has_api}


def shop_client(store: StoreSettings) -> ShopClient:
    """Return the client of a store's REST API."""
    return ShopClient(
        url=store.woo_url,
        key=store.woo_key.get_secret_value(),
        secret=store.woo_secret.get_secret_value(),
        orders_api=store.woo_orders_api,
    )


def delivery_endpoint(store: str, public_url: str) -> DeliveryEndpoint:
    """Return the address for a store's deliveries; without `public_url` only its path is known."""
    path = delivery_path(store, default=DEFAULT_STORE)
    url = f"{bridge_base_url(public_url)}{path}" if public_url else None
    return DeliveryEndpoint(path, url, store_option="" if store == DEFAULT_STORE else f" --store {store}")


def store_options(settings: Settings) -> Mapping[str, StoreOptions]:
    """Return the follow-up options of each store."""
    return {
        name: StoreOptions(
            url=store.woo_url.rstrip("/").removesuffix("/wp-json") or None,
            checkout=CheckoutPaths(page=store.checkout_page, endpoint=store.order_received_endpoint),
            has_api=store.has_api,
            writes_back=store.has_api and store.write_back,
            with_token=store.write_back_token,
            plugin_keys=store.write_back_plugin_keys if writes_wc_v3(store) else PluginKeys.NEVER,
            completes=store.complete_orders,
        )
        for name, store in settings.all_stores.items()
    }


def writes_wc_v3(store: StoreSettings) -> bool:
    """Return whether write-backs use WooCommerce's own API; an Orders resource refuses keys with an underscore."""
    return orders_base(store.woo_orders_api) == WC


def backfill_intervals(settings: Settings) -> Mapping[str, timedelta]:
    """Return by name how often each store is backfilled; stores without an API are left out."""
    every = timedelta(minutes=settings.backfill_minutes)
    return dict.fromkeys(stores_with_api(settings), every) if every else {}


def call_policy(settings: Settings) -> CallPolicy:
    """Return the call policy of the settings."""
    return CallPolicy(
        rate_per_minute=settings.panelr_rate_per_minute,
        lease=timedelta(seconds=settings.panelr_timeout_seconds) + LEASE_MARGIN,
        grace=timedelta(seconds=settings.grace_seconds),
        retry_schedule=settings.retry_schedule_seconds,
    )


def prepare_rate_limit(connection: Connection, now: datetime, *, rate_per_minute: int) -> None:
    """Create the rate limit's rows, and let the probe go if the gate is closed: the cause may have been fixed."""
    rate_limit.prepare(connection, name=RATE, limit=rate_per_minute, now=now)
    rate_limit.probe_now(connection, name=RATE, now=now)
