"""A simulated shop on a socket for the tests of wc/v3, with a client that uses a key over (assumed) https."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import SimulatedShop, create_app

KEY = ("ck_demo", "cs_demo")
ORDERS = "/wp-json/wc/v3/orders"
HOOKS = "/wp-json/wc/v3/webhooks"
PRODUCTS = "/wp-json/wc/v3/products"


class FixedClock:
    """A clock with a fixed time, until a test advances it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 19, 16, 41, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class RestShop:
    """The client, and the state of the simulated shop."""

    client: httpx.AsyncClient
    simulator: SimulatedShop
    clock: FixedClock
    url: str

    async def create_order(self, **payload: Any) -> dict[str, Any]:
        answer = await self.client.post(ORDERS, json=payload)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def update_order(self, number: int, **payload: Any) -> dict[str, Any]:
        answer = await self.client.put(f"{ORDERS}/{number}", json=payload)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def list_ids(self, path: str = ORDERS, /, **query: Any) -> list[int]:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()]

    async def read_error(self, method: str, path: str, **sent: Any) -> tuple[int, str, str]:
        """Check the form of an error and return its status, code and message."""
        answer = await self.client.request(method, path, **sent)
        error = answer.json()
        assert answer.headers["content-type"] == "application/json; charset=UTF-8"
        assert error["data"]["status"] == answer.status_code
        return answer.status_code, error["code"], error["message"]


@contextlib.asynccontextmanager
async def open_shop(*, behind_tls: bool = True, auth: Any = KEY, **options: Any) -> AsyncIterator[RestShop]:
    clock = FixedClock()
    app = create_app(clock=clock, behind_tls=behind_tls, **options)
    async with running(app) as url, httpx.AsyncClient(base_url=url, auth=auth, timeout=20) as client:
        yield RestShop(client, app.state.shop, clock, url)
