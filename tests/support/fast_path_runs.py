"""A shop, the bridge and Panelr on loopback: webhooks go to the bridge, write-backs go to the shop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import SimulatedShop
from panelr_bridge.simulators.woocommerce import create_app as create_shop
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, OrderChanges
from panelr_bridge.web.app import create_app
from tests.support.bridge_kit import SECRET, Kit

APIS: dict[str, dict[str, str]] = {
    "wc/v3": {"woo_key": "ck_demo", "woo_secret": "cs_demo"},
    "myplugin/v1/woo": {"woo_key": "bridge", "woo_secret": "application-password"},
}
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
PANEL_CREDITS = 12
"""A product of the shop's seed catalogue."""


@dataclass
class Both:
    """The bridge and the shop."""

    kit: Kit
    store: SimulatedShop
    url: str

    async def placed(self, *, status: str = "on-hold", **changes: Any) -> int:
        """Place an order for one PANEL_CREDITS and deliver its webhooks; return its number."""
        line = NewOrderLine(self.store.products[PANEL_CREDITS])
        billing = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.test"}
        wanted = OrderChanges(status=status, payment_method="bacs", lines=[line], billing=billing, **changes)
        order = self.store.create(wanted, created_via="checkout")
        await self.store.webhooks.wait_until_idle()
        return order.id

    def meta(self, number: int) -> dict[str, Any]:
        """Return the meta data about Panelr of an order in the shop."""
        return {each.key: each.value for each in self.store.orders[number].meta if "panelr" in each.key}

    def notes(self, number: int) -> list[str]:
        return [note.text for note in self.store.orders[number].notes]

    def writes(self) -> list[str]:
        """Return the actions of all requests that wrote to the shop, in their order."""
        return [each.action or "" for each in self.store.requests if each.method != "GET"]

    async def until(self, wanted: Callable[[], Any], *, seconds: float = 60) -> None:
        """Wait until `wanted()` is true."""
        end = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < end, f"not true within {seconds} s"
            await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Wait until the shop has no webhook to deliver and no request has come for a while."""
        while True:
            await self.store.webhooks.wait_until_idle()
            before = len(self.store.requests), len(self.store.webhooks.deliveries)
            await asyncio.sleep(0.4)
            if (len(self.store.requests), len(self.store.webhooks.deliveries)) == before:
                return


@contextlib.asynccontextmanager
async def both_ways(settings: Settings, panel: Panel, *, api: str = "wc/v3", **changes: Any) -> AsyncIterator[Both]:
    """Run a shop with webhooks to a bridge that has a mapping for PANEL_CREDITS."""
    shop = create_shop(local_environment=True)  # application passwords without TLS
    async with running(shop) as shop_url:
        chosen = settings.model_copy(update={"woo_url": shop_url, "woo_orders_api": api} | APIS[api] | changes)
        app = create_app(chosen)
        async with running(app) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
            kit = Kit(app.state.container, panel, http)
            for client in kit.runtime.shops.values():  # only real shops need longer waits
                client._look_up_waits, client._connection.waits = (0.02, 0.2), (0.05, 0.1)
            await kit.map(woo_product_id=PANEL_CREDITS, panelr_product_id=3)
            for topic in TOPICS:
                shop.state.shop.webhooks.register(
                    topic=topic, delivery_url=f"{url}/webhooks/woocommerce", secret=SECRET
                )
            yield Both(kit, shop.state.shop, shop_url)
