"""A simulated shop and a real bridge, both on loopback, with settings in the environment."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.settings import Settings, load_settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import SimulatedShop
from panelr_bridge.simulators.woocommerce import create_app as create_shop
from panelr_bridge.simulators.woocommerce.deliveries import Webhook
from panelr_bridge.store import mappings
from panelr_bridge.web.app import create_app
from panelr_bridge.woocommerce.rest.client import ShopClient
from tests.support.bridge_kit import ADMIN_TOKEN, PANELR_KEY, SECRET


@dataclass
class Scene:
    """A shop, a bridge and Panelr."""

    shop: SimulatedShop
    gate: Any
    shop_url: str
    panel: Panel
    runtime: BridgeContainer
    url: str

    @property
    def delivery_url(self) -> str:
        return f"{self.url}/webhooks/woocommerce"

    @property
    def webhooks(self) -> dict[str, Webhook]:
        """The shop's active webhooks by their topics."""
        return {each.topic: each for each in self.shop.webhooks.registered.values() if each.status == "active"}

    def pings(self) -> list[int | None]:
        return [each.answer.status for each in self.shop.webhooks.deliveries if each.topic == "ping"]

    async def order(self, **fields: Any) -> int:
        """Make an order in the shop and deliver its webhooks; return its number."""
        async with ShopClient(url=self.shop_url, key="ck_demo", secret="cs_demo") as client:
            made = await client.create_order({"line_items": [{"product_id": 13, "quantity": 1}]} | fields)
        await self.shop.webhooks.wait_until_idle()
        return int(made["id"])

    async def map(self, **values: Any) -> None:
        """Add a product mapping."""
        mapping = ProductMapping(**({"panelr_product_id": 1} | values))
        await self.runtime.bridge.write(mappings.add, mappings.PRODUCT, mapping.as_row())


def set_environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Set settings in the environment."""
    for name, value in values.items():
        monkeypatch.setenv(f"BRIDGE_{name}", value)


@contextlib.asynccontextmanager
async def open_scene(
    monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel], **changes: str
) -> AsyncIterator[Scene]:
    """Run a shop and a bridge; the environment gets their settings and `changes`."""
    shop = create_shop()
    async with running(shop) as shop_url:
        base = {
            "WEBHOOK_SECRET": SECRET,
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "PANELR_URL": panelr[0],
            "PANELR_API_KEY": PANELR_KEY,
            "DATABASE_URL": database_url,
            "WOO_URL": shop_url,
            "WOO_KEY": "ck_demo",
            "WOO_SECRET": "cs_demo",
            "BACKFILL_MINUTES": "0",  # orders come by webhooks only
        }
        set_environment(monkeypatch, **(base | changes))
        settings: Settings = load_settings()
        app = create_app(settings)
        async with running(app) as url:
            set_environment(monkeypatch, PUBLIC_URL=url)
            yield Scene(shop.state.shop, shop.state.authenticator, shop_url, panelr[1], app.state.container, url)
