"""A simulated shop and a real bridge, both on sockets of this machine, with settings in the environment."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.cli import console
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.settings import Settings, load_settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import Store
from panelr_bridge.simulators.woocommerce import create_app as create_shop
from panelr_bridge.simulators.woocommerce.deliveries import Webhook
from panelr_bridge.store import mappings
from panelr_bridge.web.app import create_app
from panelr_bridge.woocommerce.rest.client import ShopClient
from tests.support.bridge_kit import ADMIN_TOKEN, PANELR_KEY, SECRET


@dataclass
class Scene:
    """What is on the stage."""

    shop: Store
    gate: Any
    shop_url: str
    panel: Panel
    runtime: BridgeContainer
    url: str

    @property
    def door(self) -> str:
        return f"{self.url}/webhooks/woocommerce"

    @property
    def hooks(self) -> dict[str, Webhook]:
        """The shop's active webhooks by their topics."""
        return {each.topic: each for each in self.shop.webhooks.registered.values() if each.status == "active"}

    def pings(self) -> list[int | None]:
        return [each.answer.status for each in self.shop.webhooks.deliveries if each.topic == "ping"]

    async def order(self, **fields: Any) -> int:
        """Have somebody make an order in the shop, and its webhooks delivered; returns its number."""
        async with ShopClient(url=self.shop_url, key="ck_demo", secret="cs_demo") as client:
            made = await client.create_order({"line_items": [{"product_id": 13, "quantity": 1}]} | fields)
        await self.shop.webhooks.settle()
        return int(made["id"])

    async def map(self, **values: Any) -> None:
        """Add a product mapping."""
        mapping = ProductMapping(**({"panelr_product_id": 1} | values))
        await self.runtime.bridge.write(mappings.add_product, mapping.as_row())


@pytest.fixture
def dialect() -> str:
    """Which database it is does not matter to these commands."""
    return "sqlite"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lines are not broken, and no .env of this folder is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(console.err, "width", 300)


def told(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Set settings in the environment."""
    for name, value in values.items():
        monkeypatch.setenv(f"BRIDGE_{name}", value)


@contextlib.asynccontextmanager
async def staged(
    monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel], **changes: str
) -> AsyncIterator[Scene]:
    """Run a shop, and a bridge with the settings of the environment and `changes`."""
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
            "BACKFILL_MINUTES": "0",  # what a webhook does not bring, nothing else brings meanwhile
        }
        told(monkeypatch, **(base | changes))
        settings: Settings = load_settings()
        app = create_app(settings)
        async with running(app) as url:
            told(monkeypatch, PUBLIC_URL=url)
            yield Scene(shop.state.store, shop.state.gate, shop_url, panelr[1], app.state.runtime, url)


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel]) -> AsyncIterator[Scene]:
    """The stage as it is before the shop is connected."""
    async with staged(monkeypatch, database_url, panelr) as scene:
        yield scene
