"""A bridge in the test's process: post deliveries to it, use its admin API, read Panelr's state."""

import asyncio
import base64
import contextlib
import copy
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import Connection, delete, inspect

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.domain.panelr_values import PanelrFacts
from panelr_bridge.settings import Settings, StoreSettings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store import panelr_facts
from panelr_bridge.store.database import open_database
from panelr_bridge.store.panelr_tables import panelr_facts as panelr_facts_table
from panelr_bridge.web.app import create_app
from tests.support.files import CAPTURES

SECRET = "rig-secret-please-change"
ADMIN_TOKEN = "admin-token-of-the-tests"
PANELR_KEY = "panelr-key-of-the-tests"
ORDERS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Before the orders of the tests, however much later the tests run."""


def capture(number: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a recorded delivery."""
    (path,) = CAPTURES.glob(f"{number}-*.json")
    content = json.loads(path.read_text())
    return dict(content["headers"]), base64.b64decode(content["body_base64"])


def order(**changes: Any) -> dict[str, Any]:
    """Return a valid paid order of one PANEL-1000, with changes."""
    _, body = capture("007")
    content: dict[str, Any] = copy.deepcopy(json.loads(body))
    return content | changes


def line(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the order with its first line changed."""
    first, *others = content["line_items"]
    return content | {"line_items": [first | changes, *others]}


def sign(body: bytes, secret: str = SECRET) -> str:
    """Return WooCommerce's signature, computed without the bridge's code."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def tried(story: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the attempts of an order's story, without calls that a busy machine held up before they began."""
    return [each for each in story["attempt_log"] if "held up" not in (each["words"] or "")]


@dataclass
class Kit:
    """A running bridge and the Panelr that it calls."""

    runtime: BridgeContainer
    panel: Panel
    http: httpx.AsyncClient

    async def post_capture(self, number: str) -> httpx.Response:
        """Post a recorded delivery as it is."""
        headers, body = capture(number)
        return await self.http.post("/webhooks/woocommerce", content=body, headers=headers)

    async def post(
        self,
        content: Any,
        *,
        topic: str = "order.updated",
        store: str = "",
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Post `content`, signed: bytes as they are, anything else as JSON. `headers` are added to the usual ones."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        signed = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": sign(body, secret)}
        headers = {**signed, **(headers or {})}
        return await self.http.post(f"/webhooks/woocommerce{store and '/' + store}", content=body, headers=headers)

    async def api(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Use the admin API with its token."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"} | more.pop("headers", {})
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **more)

    async def map(self, **mapping: Any) -> dict[str, Any]:
        """Add a product mapping."""
        answer = await self.api("POST", "/product-mappings", json=mapping)
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def wake_worker(self) -> None:
        """Wake the worker after a test has changed the rate limit's rows: forget the wait that the bridge has read."""
        self.runtime.bridge._rate_limited_until = None
        self.runtime.bridge.wake_worker.set()

    def fail_with_probe(self, kind: str, *, times: int | None = 1, **more: Any) -> None:
        """Let the next create call fail, and the probe that follows it."""
        for action in ("create_work_order", "get_store_settings"):
            self.panel.faults.add(kind, action=action, times=times, **more)

    def forget_probe(self) -> None:
        """Let the next call that fails ask a probe of its own."""
        self.runtime.bridge.probe._last = None

    async def order(self, woo_order_id: int) -> dict[str, Any]:
        """Return the whole story of an order."""
        found = (await self.api("GET", f"/orders?woo_order_id={woo_order_id}")).json()["data"]
        assert len(found) == 1, found
        data: dict[str, Any] = (await self.api("GET", f"/orders/{found[0]['id']}")).json()["data"]
        return data

    async def until(
        self, woo_order_id: int, wanted: str | Callable[[dict[str, Any]], bool], *, seconds: float = 60
    ) -> dict[str, Any]:
        """Wait until an order is in the state `wanted`, or `wanted(story)` is true; return its story."""
        end = time.monotonic() + seconds
        while True:
            story = await self.order(woo_order_id)
            if wanted(story) if callable(wanted) else story["state"] == wanted:
                return story
            assert time.monotonic() < end, f"not so within {seconds} s: {json.dumps(story, indent=1)}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def kit_of(settings: Settings, panel: Panel) -> AsyncIterator[Kit]:
    """Run a bridge with `settings` in this process.

    It does not ask Panelr how it reckons, as if another process had found that this one knows no quotes: the calls to
    Panelr are those of the test. `discover_reckoning` asks.
    """
    async with open_database(settings.database_url) as database:
        if await database.read(has_tables):
            await database.write(_note_reckoning)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge.test", timeout=60) as http:
            yield Kit(app.state.container, panel, http)


async def discover_reckoning(kit: Kit) -> None:
    """Let the bridge find out how Panelr reckons, then forget the calls."""
    await kit.runtime.database.write(_forget_reckoning)
    assert await kit.runtime.catalogue.discover()
    kit.panel.journal.clear()


def _note_reckoning(connection: Connection) -> None:
    facts = panelr_facts.dump_reckoning(PanelrFacts(knows_quotes=False))
    panelr_facts.save(connection, panelr_facts.RECKONING, facts, now=datetime.now(UTC))


def _forget_reckoning(connection: Connection) -> None:
    connection.execute(delete(panelr_facts_table))


def has_tables(connection: Connection) -> bool:
    """Return whether the database was migrated: some tests start without tables."""
    return inspect(connection).has_table("panelr_facts")


def with_second_store(settings: Settings) -> Settings:
    """Return the settings with a second store, `eu`."""
    return settings.model_copy(
        update={"stores": {"eu": StoreSettings(webhook_secret=SecretStr("secret-of-eu"), orders_since=ORDERS_SINCE)}}
    )
