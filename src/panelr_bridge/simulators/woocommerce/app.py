"""The simulated shop as an ASGI app."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from panelr_bridge.simulators.woocommerce.control import control_routes
from panelr_bridge.simulators.woocommerce.orders_api import OrdersApi, wordpress_error
from panelr_bridge.simulators.woocommerce.payload import HOME_URL
from panelr_bridge.simulators.woocommerce.store import Store, utc_now


def create_app(
    *,
    user: str = "bridge",
    password: str = "application-password",  # noqa: S107 - a simulator's, on loopback
    vendor: str = "myplugin/v1",
    delete_mode: Literal["force", "trash"] = "force",
    delivery_delay_seconds: float = 0.0,
    home_url: str = HOME_URL,
    clock: Callable[[], datetime] = utc_now,
) -> Starlette:
    """Make a shop with the seed catalogue, no orders and no webhooks; its `Store` is `app.state.store`.

    `user` and `password` are those of the Orders resource below `/wp-json/{vendor}/woo`, which deletes by
    `delete_mode`. Webhooks go out `delivery_delay_seconds` after their event. `home_url` is what the shop
    calls itself in payloads, without a slash on its end. `clock` gives aware UTC times.
    """
    store = Store(clock=clock, home_url=home_url, delivery_delay_seconds=delivery_delay_seconds)
    orders = OrdersApi(store, user, password, delete_mode)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with store.webhooks.running():
            yield

    app = Starlette(
        routes=[*orders.routes(vendor), *control_routes(store)],
        lifespan=lifespan,
        exception_handlers={404: _no_route, 405: _no_route},
    )
    app.state.store = store
    return app


async def _no_route(_: Request, __: Exception) -> Response:
    # WordPress answers 404 for a wrong method too.
    return wordpress_error("rest_no_route", "No route was found matching the URL and request method.", 404)
