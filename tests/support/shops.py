"""A simulated shop on loopback, and a bridge that backfills from it over either kind of API."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from panelr_bridge.application.backfill.compared_order import ComparedOrder, OrderComparison
from panelr_bridge.application.backfill.scheduler import LEASE, BackfillScheduler
from panelr_bridge.application.container import call_policy
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import (
    Cart,
    NewOrderLine,
    SimulatedShop,
    create_app,
    order_payload,
    place_order,
)
from panelr_bridge.store import backfill_cursors
from panelr_bridge.store.rows import BackfillCursorRow
from panelr_bridge.woocommerce.rest.client import ShopClient
from tests.support.bridge_kit import Kit, kit_of

RESOURCE = "myplugin/v1/woo"
WC = "wc/v3"
LISTS = {WC: "orders.list", RESOURCE: "resource.list"}


class Clock:
    """The shop's clock: it starts 30 minutes ago and advances with every order."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Rig:
    """The shop, a bridge without its own backfill schedule, and the orders that backfill runs compared."""

    kit: Kit
    store: SimulatedShop
    clock: Clock
    orders_api: str
    settings: Settings
    seen: list[ComparedOrder] = field(default_factory=list)

    def buy(self, **shopper: str) -> int:
        """Place an order of one PANEL-1000, paid by card, without a webhook; return its number."""
        self.clock.advance(1)
        line = NewOrderLine(self.store.product(sku="PANEL-1000"))
        return place_order(self.store, Cart([line], payment_method="stripe", shopper=shopper)).id

    def buy_many(self, n: int) -> list[int]:
        """Place orders of `n` customers."""
        return [self.buy(email=f"customer-{each}@example.test") for each in range(n)]

    @property
    def backfill(self) -> BackfillScheduler:
        """The bridge's own backfill scheduler."""
        return self.kit.runtime.backfill

    def another(self, shop: Any = None, **options: Any) -> BackfillScheduler:
        """Return the backfill scheduler of another process on the same database."""
        runtime = self.kit.runtime
        given: dict[str, Any] = {
            "shops": {"default": shop or runtime.shops["default"]},
            "policy": self.settings.policy,
            "call_policy": call_policy(self.settings),
            "every": timedelta(minutes=5),
            "wake_worker": runtime.bridge.wake_worker,
        }
        return BackfillScheduler(runtime.bridge, **(given | options))

    def end_leases(self) -> None:
        """Turn the bridge's clock past every lease that a process holds now."""
        clock = self.kit.runtime.bridge.clock
        self.kit.runtime.bridge.clock = lambda: clock() + 2 * LEASE

    async def walk(self, **how: Any) -> tuple[int, int, int]:
        """Run a backfill now that must not fail; return the counts of known, found and failed orders."""
        self.seen.clear()
        walked = await self.backfill.run_store("default", at_once=True, report=self.seen.append, **how)
        assert walked is not None
        assert walked.words is None
        assert walked.looked_at == len(self.seen)
        return walked.known, walked.found, walked.failed

    async def cursor(self) -> BackfillCursorRow:
        """Return the store's cursor."""
        row = await self.kit.runtime.database.read(backfill_cursors.get, store="default")
        assert row is not None
        return row

    async def all_created(self, orders: list[int]) -> None:
        """Wait until each order has its work order; check that there are no others."""
        for each in orders:
            await self.kit.until(each, "created")
        made = sorted(int(each.wc_order_id or 0) for each in self.kit.panel.work_orders.values())
        assert made == sorted(orders)

    def found(self) -> list[int | None]:
        """Return the orders that the last backfill run found, in its order."""
        return [each.woo_order_id for each in self.seen if each.kind is OrderComparison.FOUND]

    def webhook_content(self, order_id: int) -> dict[str, Any]:
        """Return the content that a webhook would deliver for an order now."""
        content: dict[str, Any] = json.loads(order_payload(self.store.orders[order_id], home_url=self.store.home_url))
        return content


@contextlib.asynccontextmanager
async def rig_of(settings: Settings, panel: Panel, orders_api: str, **changes: Any) -> AsyncIterator[Rig]:
    """Run a shop and a bridge that has a mapping for PANEL-1000. It backfills only when the test says so."""
    clock = Clock()
    app = create_app(clock=clock, local_environment=True)
    async with running(app) as url:
        user, password = ("ck_demo", "cs_demo") if orders_api == WC else ("bridge", "application-password")
        api = {
            "woo_url": url,
            "woo_key": SecretStr(user),
            "woo_secret": SecretStr(password),
            "woo_orders_api": orders_api,
            "write_back": False,
            "backfill_minutes": 0,
        }
        chosen = settings.model_copy(update=api | changes)
        async with kit_of(chosen, panel) as kit:
            for shop in kit.runtime.shops.values():
                quicken(shop)
            await kit.map(sku="PANEL-1000", panelr_product_id=3)
            if orders_api != WC:  # it shows no SKU
                await kit.map(woo_product_id=12, panelr_product_id=3)
            yield Rig(kit, app.state.shop, clock, orders_api, chosen)


def quicken(shop: ShopClient) -> None:
    """Shorten the waits before a read is repeated."""
    shop._connection.waits = (0.01, 0.01)
