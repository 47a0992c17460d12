"""connect: read the shop's webhooks, create and repair them, and read them again."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from panelr_bridge.application.container import open_container
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.errors import BridgeError, ShopError, ShopRefused, ShopUnclear, ShopUnreachable
from panelr_bridge.settings import Settings, prefix_of
from panelr_bridge.store import deliveries, webhook_health
from panelr_bridge.store.database import missing_sqlite_file, open_database
from panelr_bridge.store.schema_version import is_behind
from panelr_bridge.woocommerce import webhook_setup
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from panelr_bridge.woocommerce.webhook_setup import (
    NAMES,
    CreateWebhook,
    DeliveryEndpoint,
    TopicStatus,
    UpdateWebhook,
    WebhookFault,
    WebhookStep,
)

Backfill = Callable[[Settings, str, datetime | None], Awaitable[tuple[bool, str]]]
"""Fetches a store's orders since a moment. Returns whether it reached the end, and the result in words."""

SAVE_TOPIC = "order.updated"
"""The topic that fires when an order is saved, even without a change."""
ORDER_TOPICS = ("order.created", SAVE_TOPIC)
"""If one of these topics has no working webhook, the bridge misses orders."""


async def run_backfill(settings: Settings, store: str, since: datetime | None) -> tuple[bool, str]:
    """Fetch the orders whose webhook never arrived, since a moment or since the backfill cursor."""
    command = f"panelr-bridge backfill --store {store}"
    if missing_sqlite_file(settings.database_url) is not None or not await _is_migrated(settings):
        return False, f"there is no database of this version yet: start the bridge, then run {command}"
    async with open_container(settings) as container:
        stats = await container.backfill.run_store(store, since=since, at_once=True)
    if stats is None:
        return True, "another process already searches the shop for missed orders"
    if stats.words is not None:
        return False, f"the search for missed orders stopped before its end: {stats.words}. Run {command}"
    words = f"orders checked: {stats.looked_at}; {stats.found} of them had been missed"
    if stats.recent:
        words += f"; {stats.recent} too new to decide: the next backfill run checks them again"
    return True, words


async def _is_migrated(settings: Settings) -> bool:
    async with open_database(settings.database_url) as database:
        return not await database.read(is_behind)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConnector:
    """Connects the webhooks of one shop to the delivery endpoint."""

    checklist: Checklist
    client: ShopClient
    settings: Settings
    store: str
    endpoint: DeliveryEndpoint

    async def connect(self, *, dry_run: bool, repair: bool, new_secret: bool, backfill: Backfill) -> None:
        """Create and change webhooks as needed. The checklist shows each step and what is still missing."""
        topics = await self._read_topics()
        if topics is None:
            return
        steps = webhook_setup.plan_changes(topics, self.endpoint, repair=repair, new_secret=new_secret)
        if dry_run:
            self._print_plan(topics, steps)
            return
        gap_start = await self._find_gap_start(
            [each.topic for each in topics if each.fault and each.topic in ORDER_TOPICS]
        )
        optional = [step for step in steps if isinstance(step, CreateWebhook) and step.is_optional]
        needed = [step for step in steps if step not in optional]
        if not await self._apply(needed):
            return
        if not needed:
            await self._check_write_access(topics)
        await self._create_where_possible(optional)
        topics_after = await self._read_topics()
        if topics_after is not None:
            self._print_topics(topics_after)
            await self._save_health(topics_after)
        activated = [step for step in steps if isinstance(step, UpdateWebhook) and step.revives]
        if activated:
            await self._reset_failure_counts(activated)
        if repair and any(each.hook and each.fault not in {None, WebhookFault.DUPLICATE} for each in topics):
            is_complete, words = await backfill(self.settings, self.store, gap_start)
            (self.checklist.ok if is_complete else self.checklist.fail)("gap", words)

    async def _read_topics(self) -> tuple[TopicStatus, ...] | None:
        try:
            hooks = webhook_setup.read_webhooks(await self.client.list_webhooks())
        except (ShopUnreachable, ShopUnclear) as error:
            self.checklist.fail("webhooks", error.words)
        except ShopError as error:
            self.checklist.fail("webhooks", f"the shop does not show its webhooks to this key: {error.words}")
            self._print_manual_steps(NAMES)
        else:
            return webhook_setup.check_topics(hooks, self.endpoint)
        return None

    def _print_topics(self, topics: Sequence[TopicStatus]) -> None:
        for each in topics:
            if each.fault is None:
                self.checklist.ok("webhook", each.words)
            else:
                self.checklist.fail("webhook", f"{each.words}. Run connect again with --repair to repair it")

    def _print_plan(self, topics: Sequence[TopicStatus], steps: Sequence[WebhookStep]) -> None:
        """Print the webhooks and the planned steps. A missing webhook counts as a failure."""
        for each in topics:
            (self.checklist.ok if each.fault is None else self.checklist.fail)("webhook", each.words)
        for step in steps:
            self.checklist.add_details(f"would be done: {step.words}")
        self.checklist.add_details("Nothing was changed (--dry-run).")

    async def _save_health(self, topics: Sequence[TopicStatus]) -> None:
        """Store the state of the webhooks, so that /readyz need not wait for the next regular check."""
        url = self.settings.database_url
        if missing_sqlite_file(url) is None and await _is_migrated(self.settings):
            ok, words = webhook_setup.summary(topics, self.endpoint)
            async with open_database(url) as database:
                await database.write(webhook_health.save, utc_now(), store=self.store, ok=ok, words=words)

    async def _apply(self, steps: Sequence[WebhookStep]) -> bool:
        """Apply the steps in order. Return whether all succeeded."""
        for number, step in enumerate(steps):
            try:
                await (self._create(step) if isinstance(step, CreateWebhook) else self._update(step))
            except (ShopUnreachable, ShopUnclear) as error:
                self.checklist.fail("webhooks", f"could not {step.words}: {error.words}. {self._again}")
                return False
            except ShopError as error:
                self.checklist.fail("webhooks", f"could not {step.words}: {error.words}")
                self._print_manual_steps([each.topic for each in steps[number:] if isinstance(each, CreateWebhook)])
                return False
            self.checklist.add_details(f"done: {step.words}")
        return True

    async def _create_where_possible(self, steps: Sequence[CreateWebhook]) -> None:
        """Create the webhooks of the topics that the shop has; it refuses a topic that it does not know."""
        for step in steps:
            try:
                await self._create(step)
            except ShopError as error:
                if isinstance(error, ShopRefused):
                    words = f"{step.topic}: the shop has no such topic, so it has no WooCommerce Subscriptions"
                else:
                    words = f"could not {step.words}: {error.words}"
                self.checklist.add_details(f"not done: {words}")
                return
            self.checklist.add_details(f"done: {step.words}")

    async def _create(self, step: CreateWebhook) -> None:
        await self.client.create_webhook(
            name=step.name, topic=step.topic, delivery_url=self.endpoint.url or "", secret=self._secret
        )

    async def _update(self, step: UpdateWebhook) -> None:
        changes: dict[str, Any] = dict(step.changes)
        if step.with_secret:
            changes["secret"] = self._secret
        await self.client.update_webhook(step.hook.id, changes)

    @property
    def _again(self) -> str:
        return f"Run panelr-bridge connect{self.endpoint.store_option} again"

    @property
    def _secret(self) -> str:
        return self.settings.all_stores[self.store].webhook_secret.get_secret_value()

    async def _check_write_access(self, topics: Sequence[TopicStatus]) -> None:
        """Save a webhook without a change: reading the webhooks does not prove that the key may write."""
        hook = next((each.hook for each in topics if each.hook is not None and each.fault is None), None)
        if hook is None:
            return
        try:
            await self.client.update_webhook(hook.id, {"status": webhook_setup.ACTIVE})
        except ShopError as error:
            words = "the webhooks exist, but the key may not write: the write-back into orders needs a read/write key"
            self.checklist.fail("shop", f"{words} ({error.words})")

    async def _reset_failure_counts(self, activated: Sequence[UpdateWebhook]) -> None:
        """Trigger a successful delivery: WooCommerce keeps the failure count of a webhook that is activated again."""
        topics = [step.hook.topic for step in activated]
        if SAVE_TOPIC in topics and await self._save_newest_order():
            topics.remove(SAVE_TOPIC)
        if topics:
            words = "WooCommerce may still count 6 failures, and disables the webhook at the next one"
            self.checklist.warn("webhooks", f"{', '.join(topics)}: {words}, unless a delivery succeeds first")
            smoke = f"panelr-bridge smoke{self.endpoint.store_option}"
            self.checklist.add_details(f"Run {smoke}: it makes order.created and order.updated succeed.")

    async def _save_newest_order(self) -> bool:
        newest = OrdersQuery(sort="-id", per_page=1, fields=("id",))
        try:
            page = await self.client.list_orders(query=newest)
            if not page.orders:
                return False
            number = page.orders[0]["id"]
            await self.client.update_order(number, {})
        except BridgeError as error:
            self.checklist.warn("webhooks", f"could not save an order to trigger a successful delivery: {error}")
            return False
        self.checklist.ok("webhooks", f"order {number} was saved unchanged, so that {SAVE_TOPIC} succeeds once")
        return True

    async def _find_gap_start(self, topics: Sequence[str]) -> datetime | None:
        """Return the moment since which orders may be missing.

        It is the earliest of the last deliveries of `topics`, or None if none was received.
        """
        url = self.settings.database_url
        if not topics or missing_sqlite_file(url) is not None or not await _is_migrated(self.settings):
            return None
        async with open_database(url) as database:
            last = [await database.read(deliveries.last_sent, store=self.store, topic=topic) for topic in topics]
        return min((moment for moment in last if moment is not None), default=None)

    def _print_manual_steps(self, topics: Iterable[str]) -> None:
        missing = list(topics)
        if missing:
            setting = f"{prefix_of(self.store)}WEBHOOK_SECRET"
            self.checklist.add_details("The shop's API cannot create the webhooks. Create them by hand:")
            self.checklist.add_details(
                *webhook_setup.manual_steps(missing, endpoint=self.endpoint, secret_setting=setting)
            )
