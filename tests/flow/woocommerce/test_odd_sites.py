"""Sites whose web server or permalinks keep the API away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from panelr_bridge.errors import ShopMisconfigured
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import SimulatedShop, create_app
from panelr_bridge.woocommerce.rest.models import OrdersQuery
from tests.support.shop_client import client, resource


@dataclass
class Site:
    """A simulated shop and its address."""

    shop: SimulatedShop
    url: str


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A site with an order."""
    app = create_app(local_environment=True)
    async with running(app) as url:
        app.state.shop.home_url = url
        yield Site(app.state.shop, url)


async def test_plain_permalinks_are_named(site: Site) -> None:
    site.shop.switches.plain_permalinks = True
    for shop in (client(site.url), resource(site.url)):
        async with shop:
            with pytest.raises(ShopMisconfigured, match="choose anything but Plain"):
                await shop.list_orders(query=OrdersQuery())


async def test_an_address_with_rest_route_is_named(site: Site) -> None:
    async with client(f"{site.url}/?rest_route=/") as shop:
        with pytest.raises(ShopMisconfigured, match=r"without \?rest_route="):
            await shop.list_orders(query=OrdersQuery())


async def test_a_web_server_that_removes_the_key_is_named(site: Site) -> None:
    site.shop.switches.strips_authorization = True
    async with resource(site.url) as shop:
        with pytest.raises(ShopMisconfigured, match="removes the header Authorization"):
            await shop.list_orders(query=OrdersQuery())
