"""A client of the Orders resource of a simulated shop, for its tests."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from tests.support.rest_shop import FixedClock

PATH = "/wp-json/myplugin/v1/woo/orders"
AUTH = ("bridge", "application-password")


@contextlib.asynccontextmanager
async def open_orders_resource(clock: FixedClock) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a simulated shop and return a client with the manager's application password."""
    async with (
        running(create_app(clock=clock)) as url,
        httpx.AsyncClient(base_url=url, auth=AUTH) as client,
    ):
        yield client


async def create_order(shop: httpx.AsyncClient, **payload: Any) -> dict[str, Any]:
    """Create an order and return it."""
    answer = await shop.post(PATH, json=payload or {"status": "pending"})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def list_ids(shop: httpx.AsyncClient, **query: Any) -> list[int]:
    """Return the ids of a list of orders."""
    answer = await shop.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [order["id"] for order in answer.json()["data"]]


def read_field_errors(answer: httpx.Response) -> Any:
    """Check the envelope of an error and return its field errors."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("validation_failed", "Invalid request.")
    assert error["requestId"].startswith("req_")
    return error["details"]["fieldErrors"]
