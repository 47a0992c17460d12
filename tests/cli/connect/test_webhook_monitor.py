"""The webhook monitor: when it checks the shops' webhooks, what it stores, and where the result is shown."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from panelr_bridge.application import webhook_monitor
from panelr_bridge.application.health import run_checks
from panelr_bridge.application.health_check import HealthCheck
from panelr_bridge.application.webhook_monitor import CHECK_INTERVAL, WebhookMonitor, check_webhooks
from panelr_bridge.cli.check import collect_checks
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.connect import ConnectOptions, run_steps
from panelr_bridge.cli.connect_webhooks import run_backfill
from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopUnreachable
from panelr_bridge.simulators.woocommerce.rest import ApiKey
from panelr_bridge.store import webhook_health
from panelr_bridge.store.database import Database
from panelr_bridge.woocommerce.rest.models import Payload
from panelr_bridge.woocommerce.webhook_setup import DeliveryEndpoint
from tests.support.shop_scene import Scene, set_environment

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
DOOR = DeliveryEndpoint("/webhooks/woocommerce")


class Shop:
    """A shop's client that counts requests and returns prepared answers."""

    def __init__(self, error: ShopError | None = None) -> None:
        self.asked = 0
        self.error = error

    async def list_webhooks(self) -> tuple[Payload, ...]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return ()


@pytest.mark.parametrize(
    ("error", "ok", "words"),
    [
        (None, False, "order.created: there is no webhook to the bridge"),
        (ShopUnreachable("no connection"), False, "the shop could not be asked for its webhooks: no connection"),
        (
            ShopMisconfigured("bad", status=401, code="woocommerce_rest_authentication_error"),
            False,
            "the shop does not accept the key: bad",
        ),
        (ShopMisconfigured("no right"), True, "the state of its webhooks is unknown: no right"),
    ],
)
async def test_what_a_look_tells(error: ShopError | None, ok: bool, words: str) -> None:
    well, said = await check_webhooks(Shop(error), DOOR)
    assert well is ok
    assert words in said


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_each_shop_is_asked_once_a_quarter_of_an_hour_by_all_processes_together(opened: Database) -> None:
    clock, first, second = Clock(), Shop(), Shop(ShopMisconfigured("no right"))
    shops, endpoints = {"default": first, "second": second}, {"default": DOOR, "second": DOOR}
    one = WebhookMonitor(opened, shops=shops, endpoints=endpoints, clock=clock)
    other = WebhookMonitor(opened, shops=shops, endpoints=endpoints, clock=clock)
    assert await one.check_due_shops() == NOW + CHECK_INTERVAL
    clock.now += timedelta(minutes=5)
    assert await other.check_due_shops() == NOW + CHECK_INTERVAL
    assert (first.asked, second.asked) == (1, 1)
    clock.now = NOW + CHECK_INTERVAL
    await other.check_due_shops()
    assert await one.check_due_shops() == NOW + 2 * CHECK_INTERVAL
    assert (first.asked, second.asked) == (2, 2)

    rows = {row["store"]: row for row in await opened.read(webhook_health.list_all)}
    assert {name: (row["ok"], row["looked_at"]) for name, row in rows.items()} == {
        "default": (False, clock.now),
        "second": (True, clock.now),
    }
    found = {finding.name: finding for finding in await _examined(opened, clock.now)}
    assert (found["webhooks:default"].ok, found["webhooks:default"].vital) == (False, False)
    assert "(asked at 2026-11-25 03:15 UTC)" in found["webhooks:default"].words
    assert found["webhooks:second"].ok
    late = {finding.name: finding for finding in await _examined(opened, clock.now + timedelta(hours=2))}
    assert not late["webhooks:second"].ok
    assert "is a worker running?" in late["webhooks:second"].words

    await WebhookMonitor(opened, shops={"second": second}, endpoints=endpoints, clock=clock).check_due_shops()
    assert [row["store"] for row in await opened.read(webhook_health.list_all)] == ["second"]


async def _examined(opened: Database, now: datetime) -> list[HealthCheck]:
    return await run_checks(opened, now=now, overdue=timedelta(minutes=15))


async def test_a_worker_looks_beside_its_work_and_outlives_a_fault(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_monitor, "START_DELAY", timedelta(0))
    monkeypatch.setattr(webhook_monitor, "RETRY_DELAY", timedelta(0))
    shop = Shop()
    faults = [ValueError("a fault"), OSError("the database is away")]

    def keep_badly(*_: object, **__: object) -> None:
        if faults:
            raise faults.pop()

    monkeypatch.setattr(webhook_health, "remove_others", keep_badly)
    looking = WebhookMonitor(
        opened, shops={"default": shop}, endpoints={"default": DOOR}, clock=lambda: datetime.now(UTC)
    )
    async with looking.run_in_background():
        for _ in range(3000):
            if await opened.read(webhook_health.list_all):
                break
            await asyncio.sleep(0.02)
    assert faults == []
    assert shop.asked == 1
    assert len(await opened.read(webhook_health.list_all)) == 1


async def _checked(monkeypatch: pytest.MonkeyPatch, **changes: str) -> dict[str, HealthCheck]:
    set_environment(monkeypatch, **changes)
    return {finding.name: finding for finding in await collect_checks()}


async def test_check_asks_the_shop_now(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.runtime.bridge.write(webhook_health.save, store="default", ok=True, words="as it was long ago")
    missing = (await _checked(monkeypatch))["webhooks:default"]
    assert (missing.ok, missing.vital) == (False, False)
    assert "there is no webhook to the bridge" in missing.words
    assert await run_steps(ConnectOptions(store="default"), Checklist(), run_backfill)
    assert (await _checked(monkeypatch))["webhooks:default"].words.startswith("4 webhooks are active")
    scene.webhooks["order.updated"].status = "disabled"
    stopped = (await _checked(monkeypatch, PUBLIC_URL=""))["webhooks:default"]
    assert not stopped.ok
    assert "is disabled" in stopped.words
    scene.gate.keys["ck_sub"] = ApiKey("ck_sub", "cs_sub", manages=False)
    untold = (await _checked(monkeypatch, WOO_KEY="ck_sub", WOO_SECRET="cs_sub"))["webhooks:default"]
    assert untold.ok
    assert "is unknown" in untold.words
    none = (await _checked(monkeypatch, WOO_KEY="", WOO_SECRET="", WOO_URL=""))["webhooks:default"]
    assert none.ok
    assert "webhooks not checked: set BRIDGE_WOO_URL" in none.words
