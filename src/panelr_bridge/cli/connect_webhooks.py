"""connect's work in the shop: its webhooks are looked at, made, mended, and looked at again."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from panelr_bridge.application.container import open_container
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.errors import BridgeError, ShopError, ShopUnclear, ShopUnreachable
from panelr_bridge.settings import Settings, prefix_of
from panelr_bridge.store import database, deliveries
from panelr_bridge.store.database import missing_sqlite_file
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
"""Brings a store's orders since a moment; returns whether that came to its end, in words."""

TOLD = "order.updated"
"""What a change of nothing in an order makes the shop send."""
TELLS = ("order.created", TOLD)
"""The topics without which orders are missed."""


async def last_backfill(chosen: Settings, store: str, since: datetime | None) -> tuple[bool, str]:
    """Ask the store for the orders whose webhook never came, since a moment or since its mark."""
    command = f"panelr-bridge backfill --store {store}"
    if missing_sqlite_file(chosen.database_url) is not None or not await _is_migrated(chosen):
        return False, f"there is no database of this version yet: start the bridge, then {command}"
    async with open_container(chosen) as runtime:
        walk = await runtime.backfill.run_store(store, since=since, at_once=True)
    if walk is None:
        return True, "the bridge is asking the store for orders that were missed at this moment"
    if walk.words is not None:
        return False, f"asking for orders that were missed did not come to its end: {walk.words}. {command}"
    words = f"{walk.looked_at} orders were looked at, {walk.found} of them had been missed"
    if walk.recent:
        words += f"; {walk.recent} so new that a webhook may still come: the next walk looks at them again"
    return True, words


async def _is_migrated(chosen: Settings) -> bool:
    async with database.open_database(chosen.database_url) as opened:
        return not await opened.read(is_behind)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConnector:
    """One shop, whose webhooks shall come to the door."""

    report: Checklist
    client: ShopClient
    settings: Settings
    store: str
    door: DeliveryEndpoint

    async def link(self, *, dry_run: bool, repair: bool, new_secret: bool, backfill: Backfill) -> None:
        """Do what is called for; what is missing in the end is in the report."""
        found = await self._looked()
        if found is None:
            return
        called_for = webhook_setup.plan_changes(found, self.door, repair=repair, new_secret=new_secret)
        if dry_run:
            self._foretell(found, called_for)
            return
        since = await self._last_heard([each.topic for each in found if each.fault and each.topic in TELLS])
        if not await self._carry_out(called_for):
            return
        if not called_for:
            await self._prove_rights(found)
        after = await self._looked()
        if after is not None:
            self._tell(after)
        revived = [step for step in called_for if isinstance(step, UpdateWebhook) and step.revives]
        if revived:
            await self._touch(revived)
        if repair and any(each.hook and each.fault not in {None, WebhookFault.DUPLICATE} for each in found):
            well, words = await backfill(self.settings, self.store, since)
            (self.report.good if well else self.report.bad)("gap", words)

    async def _looked(self) -> tuple[TopicStatus, ...] | None:
        try:
            hooks = webhook_setup.read_webhooks(await self.client.list_webhooks())
        except (ShopUnreachable, ShopUnclear) as error:
            self.report.bad("webhooks", error.words)
        except ShopError as error:
            self.report.bad("webhooks", f"the shop does not show its webhooks to this key: {error.words}")
            self._by_hand(NAMES)
        else:
            return webhook_setup.check_topics(hooks, self.door)
        return None

    def _tell(self, found: Sequence[TopicStatus]) -> None:
        for each in found:
            if each.fault is None:
                self.report.good("webhook", each.words)
            else:
                self.report.bad("webhook", f"{each.words}. Run this again with --repair to mend it")

    def _foretell(self, found: Sequence[TopicStatus], called_for: Sequence[WebhookStep]) -> None:
        """Say what is there and what would be done: what is missing now counts."""
        for each in found:
            (self.report.good if each.fault is None else self.report.bad)("webhook", each.words)
        for step in called_for:
            self.report.more(f"would be done: {step.words}")
        self.report.more("Nothing was changed: --dry-run.")

    async def _carry_out(self, called_for: Sequence[WebhookStep]) -> bool:
        """Return whether everything could be done."""
        for number, step in enumerate(called_for):
            try:
                await (self._create(step) if isinstance(step, CreateWebhook) else self._change(step))
            except (ShopUnreachable, ShopUnclear) as error:
                self.report.bad("webhooks", f"could not {step.words}: {error.words}. Run this again")
                return False
            except ShopError as error:
                self.report.bad("webhooks", f"could not {step.words}: {error.words}")
                self._by_hand([each.topic for each in called_for[number:] if isinstance(each, CreateWebhook)])
                return False
            self.report.more(f"done: {step.words}")
        return True

    async def _create(self, step: CreateWebhook) -> None:
        await self.client.create_webhook(
            name=NAMES[step.topic], topic=step.topic, delivery_url=self.door.url or "", secret=self._secret
        )

    async def _change(self, step: UpdateWebhook) -> None:
        changes: dict[str, Any] = dict(step.changes)
        if step.with_secret:
            changes["secret"] = self._secret
        await self.client.update_webhook(step.hook.id, changes)

    @property
    def _secret(self) -> str:
        return self.settings.all_stores[self.store].webhook_secret.get_secret_value()

    async def _prove_rights(self, found: Sequence[TopicStatus]) -> None:
        """Change a webhook to what it is: that it is there does not tell whether the key may write."""
        hook = next((each.hook for each in found if each.hook is not None and each.fault is None), None)
        if hook is None:
            return
        try:
            await self.client.update_webhook(hook.id, {"status": webhook_setup.ACTIVE})
        except ShopError as error:
            words = "the webhooks are there, but the key may not write, which the way back into orders needs"
            self.report.bad("shop", f"{words}: {error.words}")

    async def _touch(self, revived: Sequence[UpdateWebhook]) -> None:
        """Let one delivery succeed: WooCommerce keeps the count of failures of a webhook that is activated again."""
        topics = [step.hook.topic for step in revived]
        if TOLD in topics and await self._touched():
            topics.remove(TOLD)
        if topics:
            words = "WooCommerce may still count 6 failures there, and then disables it again at the next"
            self.report.warn("webhooks", f"{', '.join(topics)}: {words}, unless one succeeds before")
            self.report.more("panelr-bridge smoke makes order.created and order.updated succeed.")

    async def _touched(self) -> bool:
        newest = OrdersQuery(sort="-id", per_page=1, fields=("id",))
        try:
            page = await self.client.list_orders(query=newest)
            if not page.orders:
                return False
            number = page.orders[0]["id"]
            await self.client.update_order(number, {})
        except BridgeError as error:
            self.report.warn("webhooks", f"no order could be saved, to let a delivery succeed: {error}")
            return False
        self.report.good("webhooks", f"order {number} was saved unchanged, so that {TOLD} succeeds once")
        return True

    async def _last_heard(self, topics: Sequence[str]) -> datetime | None:
        """Return since when orders may have been missed: since the last delivery of the quietest of these topics."""
        chosen = self.settings
        if not topics or missing_sqlite_file(chosen.database_url) is not None or not await _is_migrated(chosen):
            return None
        async with database.open_database(chosen.database_url) as opened:
            heard = [await opened.read(deliveries.last_sent, store=self.store, topic=topic) for topic in topics]
        return min((moment for moment in heard if moment is not None), default=None)

    def _by_hand(self, topics: Iterable[str]) -> None:
        wanted = list(topics)
        if wanted:
            setting = f"{prefix_of(self.store)}WEBHOOK_SECRET"
            self.report.more("The API does not make them; do it by hand:")
            self.report.more(*webhook_setup.manual_steps(wanted, endpoint=self.door, secret_setting=setting))
