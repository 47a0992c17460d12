"""A simulated shop with a receiver of its webhooks, for the tests of the simulated shop."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import (
    NewOrderLine,
    OrderChanges,
    SimulatedShop,
    Webhook,
    create_app,
)
from tests.support.files import CAPTURES

SECRET = "rig-secret-please-change"
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")


@dataclass
class WebhookReceiver:
    """Stores received webhooks. It answers with the statuses in `answers` one by one, then with `status`."""

    status: int = 200
    ping_status: int = 200
    seconds: float = 0.0
    answers: list[int] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    received: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    concurrency: int = 0
    peak_concurrency: int = 0

    async def handle(self, request: Request) -> Response:
        """Answer a ping or a delivery."""
        body = await request.body()
        if "x-wc-webhook-topic" not in request.headers:
            self.pings.append(body.decode())
            return Response(status_code=self.ping_status)
        self.concurrency += 1
        self.peak_concurrency = max(self.peak_concurrency, self.concurrency)
        await asyncio.sleep(self.seconds)
        self.concurrency -= 1
        self.received.append((request.headers["x-wc-webhook-topic"], json.loads(body)))
        self.headers.append(dict(request.headers))
        status = self.answers.pop(0) if self.answers else self.status
        return Response(status_code=status, headers={"Location": "/elsewhere"} if 300 <= status < 400 else None)

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _ in self.received]


@dataclass
class WebhookRig:
    """A simulated shop and a receiver of its webhooks, both on sockets."""

    shop: SimulatedShop
    receiver: WebhookReceiver
    webhook_url: str
    client: httpx.AsyncClient

    def register(self, *topics: str) -> list[Webhook]:
        """Register a webhook for each topic, by default for all topics."""
        hooks = self.shop.webhooks
        return [hooks.register(topic=topic, delivery_url=self.webhook_url, secret=SECRET) for topic in topics or TOPICS]

    def create_order(self, product_id: int = 12, **changes: Any) -> int:
        """Create an order and return its id."""
        line = NewOrderLine(self.shop.product(product_id=product_id))
        return self.shop.create(OrderChanges(lines=[line], **changes)).id

    async def wait_for_topics(self) -> list[str]:
        """Wait until the shop has sent its webhooks, and return the received topics."""
        await self.shop.webhooks.wait_until_idle()
        return self.receiver.topics


@contextlib.asynccontextmanager
async def open_rig(**options: Any) -> AsyncIterator[WebhookRig]:
    receiver = WebhookReceiver()
    sink = Starlette(routes=[Route("/hook", receiver.handle, methods=["POST", "GET"])])
    app = create_app(**options)
    async with (
        running(sink) as sink_url,
        running(app) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield WebhookRig(app.state.shop, receiver, f"{sink_url}/hook", client)


def read_capture(name: str) -> tuple[dict[str, Any], bytes]:
    """Return a captured delivery of a real WooCommerce, and its body."""
    recorded = json.loads((CAPTURES / f"{name}.json").read_text())
    return recorded, base64.b64decode(recorded["body_base64"])
