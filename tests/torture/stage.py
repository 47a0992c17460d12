"""The stage of one scenario: a simulated Panelr, a database, bridges as processes, and a shop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr import create_app as create_panelr
from panelr_bridge.simulators.server import running
from panelr_bridge.woocommerce.rest.transport import TimeoutTransport
from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, PANELR_KEY, SECRET
from tests.torture.chance import DICE
from tests.torture.ledger import CREATED, Answer, Ledger, headers, snapshot
from tests.torture.process import START_SECONDS, Bridge
from tests.torture.together import together

SETTINGS = {
    "BRIDGE_WEBHOOK_SECRET": SECRET,
    "BRIDGE_ORDERS_SINCE": ORDERS_SINCE.isoformat(),
    "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
    "BRIDGE_PANELR_API_KEY": PANELR_KEY,
    "BRIDGE_PANELR_TIMEOUT_SECONDS": "1",
    "BRIDGE_PANELR_RATE_PER_MINUTE": "2000",
    "BRIDGE_SYNC_BUDGET_SECONDS": "1",
    "BRIDGE_GRACE_SECONDS": "0.3",
    "BRIDGE_RETRY_SCHEDULE_SECONDS": "0.2,0.5,1",
}
"""Settings that settle an order of a killed process in 15 to 30 seconds."""


@dataclass
class Stage:
    """A running stage."""

    database_url: str
    folder: Path
    panel: Panel
    http: httpx.AsyncClient
    settings: dict[str, str]
    ledger: Ledger = field(default_factory=Ledger)
    bridges: list[Bridge] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, name: str) -> Bridge:
        """Add a bridge without starting it."""
        bridge = Bridge(name, environment=self.settings, folder=self.folder)
        self.bridges.append(bridge)
        return bridge

    async def start(self, count: int) -> None:
        """Add and start `count` bridges."""
        await together(*(self.add(f"bridge-{number}").start() for number in range(1, count + 1)))

    @property
    def kills(self) -> int:
        """The number of killed processes."""
        return sum(bridge.kills for bridge in self.bridges)

    @property
    def starts(self) -> int:
        """The number of started processes."""
        return sum(bridge.starts for bridge in self.bridges)

    async def send(
        self, order_id: int, *, version: int = 0, topic: str = CREATED, to: Bridge | None = None, **changes: Any
    ) -> Answer:
        """Deliver a snapshot of an order to a bridge, a random one by default; record and return the answer."""
        return await self.deliver(order_id, snapshot(order_id, version, **changes), topic=topic, to=to)

    async def deliver(self, order_id: int, body: bytes, *, topic: str = CREATED, to: Bridge | None = None) -> Answer:
        """Deliver a body; record and return the answer."""
        bridge = to or await self._ready()
        began, status = time.monotonic(), None
        with contextlib.suppress(httpx.TransportError):
            url = f"{bridge.url}/webhooks/woocommerce"
            status = (await self.http.post(url, content=body, headers=headers(body, topic))).status_code
        answer = Answer(order_id, status, began, time.monotonic())
        self.ledger.note(answer, body)
        return answer

    async def _ready(self) -> Bridge:
        """Return a bridge that takes deliveries; wait for one while all are being started."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            ready = [bridge for bridge in self.bridges if bridge.ready]
            if ready:
                return DICE.choice(ready)
            await asyncio.sleep(0.01)
        return self.bridges[0]

    async def api(self, method: str, path: str, *, of: Bridge | None = None, **more: Any) -> httpx.Response:
        """Use the admin API of a running bridge."""
        bridge = of or await self._ready()
        bearer = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        return await self.http.request(method, f"{bridge.url}/api/v1{path}", headers=bearer, **more)

    async def map(self, *, of: Bridge | None = None, **mapping: Any) -> None:
        """Add a product mapping, unless it exists."""
        answer = await self.api("POST", "/product-mappings", of=of, json=mapping)
        if answer.status_code not in {201, 409}:
            raise RuntimeError(f"the mapping was answered {answer.status_code}: {answer.text}")

    async def map_products(self) -> None:
        """Map the product of every ordinary order."""
        await self.map(sku="PANEL-1000", panelr_product_id=3)


@contextlib.asynccontextmanager
async def staged(database_url: str, folder: Path, **settings: str) -> AsyncIterator[Stage]:
    """Set up a stage without bridges; stop its bridges at the end. `settings` override `SETTINGS`.

    `folder` must exist; it gets the bridges' logs.
    """
    app = create_panelr(api_key=PANELR_KEY, rate_per_minute=0)
    own = {f"BRIDGE_{name.upper()}": value for name, value in settings.items()}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=2)
    sending = TimeoutTransport(limits=limits, trust_env=False)
    async with running(app) as url, httpx.AsyncClient(timeout=60, transport=sending, trust_env=False) as http:
        known = {"BRIDGE_PANELR_URL": url, "BRIDGE_DATABASE_URL": database_url}
        stage = Stage(database_url, folder, app.state.panel, http, SETTINGS | known | own)
        try:
            yield stage
        finally:
            await together(*(bridge.stop() for bridge in stage.bridges))
