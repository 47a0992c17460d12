"""The simulated shop as an ASGI app."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Literal

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from panelr_bridge.simulators.woocommerce.control.routes import control_routes
from panelr_bridge.simulators.woocommerce.fault_middleware import FaultMiddleware
from panelr_bridge.simulators.woocommerce.faults import ShopSwitches
from panelr_bridge.simulators.woocommerce.oddities import ListOddityMiddleware, OddityMiddleware
from panelr_bridge.simulators.woocommerce.orders_resource.routes import OrdersApi, wordpress_error
from panelr_bridge.simulators.woocommerce.payload import HOME_URL
from panelr_bridge.simulators.woocommerce.rest import ApiKey, RestAuthenticator, rest_routes
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop, utc_now


def create_app(  # noqa: PLR0913  one for each thing that a shop may be set up with
    *,
    user: str = "bridge",
    password: str = "application-password",  # noqa: S107 - a simulator's, on loopback
    consumer_key: str = "ck_demo",
    consumer_secret: str = "cs_demo",  # noqa: S107
    more_keys: Sequence[ApiKey] = (),
    behind_tls: bool = False,
    local_environment: bool = False,
    vendor: str = "myplugin/v1",
    delete_mode: Literal["force", "trash"] = "force",
    delivery_delay_seconds: float = 0.0,
    home_url: str = HOME_URL,
    clock: Callable[[], datetime] = utc_now,
) -> Starlette:
    """Create a shop with the seed catalogue, without orders and webhooks. Its state is `app.state.shop`.

    `app.state.authenticator.keys` holds its REST API keys; tests may add and remove keys.

    `user` and `password` are a shop manager's application password. The Orders resource below `/wp-json/{vendor}/woo`
    always accepts it, and deletes according to `delete_mode`. WooCommerce's own API below `/wp-json/wc/v3` accepts it
    over https or with `local_environment`. There, `consumer_key` and `consumer_secret` have read and write permission;
    `more_keys` have their own permissions. A request counts as https if `behind_tls` is true or its `X-Forwarded-Proto`
    is https.

    Webhooks are delivered `delivery_delay_seconds` after their event. `home_url` is the shop's URL in payloads, without
    a trailing slash. `clock` returns aware UTC times. Serve the app with `panelr_bridge.simulators.server.running`,
    because faults need the connection's transport.
    """
    shop = SimulatedShop(clock=clock, home_url=home_url, delivery_delay_seconds=delivery_delay_seconds)
    shop.switches = ShopSwitches(behind_tls=behind_tls, local_environment=local_environment)
    keys = [ApiKey(consumer_key, consumer_secret), *more_keys]
    authenticator = RestAuthenticator(shop.switches, user=user, password=password, keys=keys)
    orders = OrdersApi(shop, user, password, delete_mode)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with shop.webhooks.deliver_in_background():
            yield

    app = Starlette(
        routes=[*orders.routes(vendor), *rest_routes(shop, authenticator, vendor), *control_routes(shop)],
        middleware=[
            Middleware(OddityMiddleware, shop=shop),
            Middleware(FaultMiddleware, shop=shop),
            Middleware(ListOddityMiddleware, shop=shop),
        ],
        lifespan=lifespan,
        exception_handlers={404: _no_route, 405: _no_route},
    )
    app.state.shop = shop
    app.state.authenticator = authenticator
    return app


async def _no_route(_: Request, __: Exception) -> Response:
    # WordPress also answers 404 for a wrong method.
    return wordpress_error("rest_no_route", "No route was found matching the URL and request method.", 404)
