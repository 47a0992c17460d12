"""The command connect with a shop and a bridge on loopback: what it creates, repairs, keeps and prints."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelr_bridge.application.health import run_checks
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.connect import ConnectOptions, run_steps
from panelr_bridge.cli.connect_webhooks import Backfill, run_backfill
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce.rest import ApiKey
from panelr_bridge.store import orders, webhook_health
from panelr_bridge.woocommerce.webhook_setup import NAMES, SUBSCRIPTION_NAMES
from tests.support.bridge_kit import SECRET
from tests.support.shop_scene import Scene, open_scene, set_environment


class Run:
    """Runs connect and keeps its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.said = ""
        self.gaps: list[tuple[str, datetime | None]] = []
        self.backfill: Backfill = self._backfill

    async def __call__(self, store: str = "default", **asked: Any) -> bool:
        self._capsys.readouterr()
        well = await run_steps(ConnectOptions(store=store, **asked), Checklist(), self.backfill)
        self.said = self._capsys.readouterr().out
        return well

    async def _backfill(self, _: Settings, store: str, since: datetime | None) -> tuple[bool, str]:
        self.gaps.append((store, since))
        return True, "the gap is closed"


@pytest.fixture
def connect(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


async def test_a_shop_is_connected_once(scene: Scene, connect: Run) -> None:
    assert await connect(), connect.said
    assert {topic: hook.name for topic, hook in scene.webhooks.items()} == NAMES
    assert {(hook.delivery_url, hook.secret) for hook in scene.webhooks.values()} == {(scene.delivery_url, SECRET)}
    assert scene.pings() == [200] * 4
    assert SECRET not in connect.said
    assert await connect(), connect.said
    assert len(scene.shop.webhooks.registered) == 4
    assert len(scene.pings()) == 4
    assert connect.said.count("is active") == 4
    assert "✘" not in connect.said


async def test_a_shop_with_subscriptions_gets_their_webhooks_too(scene: Scene, connect: Run) -> None:
    assert await connect(), connect.said
    assert "not done: subscription.created: the shop has no such topic" in connect.said
    scene.shop.switches.subscriptions = True
    assert await connect(), connect.said
    assert {topic: hook.name for topic, hook in scene.webhooks.items()} == {**NAMES, **SUBSCRIPTION_NAMES}
    assert {(hook.delivery_url, hook.secret) for hook in scene.webhooks.values()} == {(scene.delivery_url, SECRET)}
    assert await connect(), connect.said
    assert len(scene.shop.webhooks.registered) == 6
    assert connect.said.count("is active") == 6


async def test_a_webhook_of_subscriptions_is_repaired_as_the_others_are(scene: Scene, connect: Run) -> None:
    scene.shop.switches.subscriptions = True
    assert await connect()
    scene.webhooks["subscription.updated"].status = "disabled"
    assert not await connect()
    assert await connect(repair=True), connect.said
    assert scene.webhooks["subscription.updated"].secret == SECRET


async def test_a_shop_that_fails_at_a_webhook_of_subscriptions_is_connected_all_the_same(
    scene: Scene, connect: Run
) -> None:
    assert await connect()
    scene.shop.switches.subscriptions = True
    scene.shop.faults.add("status", action="webhooks.create", times=None, status=403, body="json")
    assert await connect(), connect.said
    assert "not done: could not create the webhook" in connect.said


async def test_readiness_shows_the_webhooks_at_once_after_connect_and_repair(scene: Scene, connect: Run) -> None:
    database = scene.runtime.database

    async def stored() -> bool:
        checks = await run_checks(database, now=utc_now(), overdue=timedelta(days=1))
        return next(each.ok for each in checks if each.name == "webhooks:default")

    await database.write(webhook_health.save, utc_now(), store="default", ok=False, words="no webhooks")
    assert not await stored()
    assert await connect(), connect.said
    assert await stored()
    await database.write(webhook_health.save, utc_now(), store="default", ok=False, words="one is disabled")
    scene.webhooks["order.updated"].status = "disabled"
    assert await connect(repair=True), connect.said
    assert await stored()


async def test_a_dry_run_changes_nothing_and_shows_what_is_missing(scene: Scene, connect: Run) -> None:
    assert not await connect(dry_run=True)
    assert scene.shop.webhooks.registered == {}
    assert connect.said.count("would be done: create the webhook") == 6
    assert connect.said.count("if the shop has the topic") == 2


async def test_a_named_store_and_an_address_from_the_command_line(
    scene: Scene, connect: Run, monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel]
) -> None:
    assert scene
    second = {f"STORES__second__{name}": value for name, value in {"WEBHOOK_SECRET": "s" * 24}.items()}
    async with open_scene(monkeypatch, database_url, panelr, **second) as other:
        names = {"WOO_URL": other.shop_url, "WOO_KEY": "ck_demo", "WOO_SECRET": "cs_demo"}
        set_environment(
            monkeypatch, PUBLIC_URL="", **{f"STORES__second__{name}": value for name, value in names.items()}
        )
        assert await connect("second", url=f"{other.url}/"), connect.said
        assert {hook.delivery_url for hook in other.webhooks.values()} == {f"{other.delivery_url}/second"}
        assert {hook.secret for hook in other.webhooks.values()} == {"s" * 24}
    assert f"set BRIDGE_PUBLIC_URL={other.url}" in connect.said


async def test_what_is_amiss_is_reported_and_mended_by_a_repair(scene: Scene, connect: Run) -> None:
    hooks = scene.shop.webhooks
    disabled = hooks.register(topic="order.updated", delivery_url=scene.delivery_url, secret="old", name="mine")
    disabled.status, disabled.failure_count = "disabled", 6
    moved = hooks.register(topic="order.created", delivery_url="http://127.0.0.1:9/x", name=NAMES["order.created"])
    kept = hooks.register(topic="order.deleted", delivery_url=f"{scene.delivery_url}/", secret="old")
    double = hooks.register(topic="order.deleted", delivery_url=scene.delivery_url, secret=SECRET)
    strange = hooks.register(topic="order.created", delivery_url="http://127.0.0.1:9/theirs", name="theirs")
    await scene.order()
    assert not await connect()
    for words in (
        f'order.updated: webhook {disabled.id} "mine" is disabled',
        f"order.created: webhook {moved.id}",
        f"webhook {double.id}",
        "order.restored",
        "--repair",
    ):
        assert words in connect.said
    assert (disabled.status, moved.delivery_url, double.status) == ("disabled", "http://127.0.0.1:9/x", "active")
    assert scene.webhooks["order.restored"].secret == SECRET

    assert await connect(repair=True), connect.said
    assert {hook.delivery_url.rstrip("/") for hook in scene.webhooks.values() if hook is not strange} == {
        scene.delivery_url
    }
    for mended in (disabled, moved, kept):
        assert (mended.status, mended.secret) == ("active", SECRET)
    assert (double.status, strange.status, strange.delivery_url) == ("paused", "active", "http://127.0.0.1:9/theirs")
    assert connect.gaps == [("default", None)]
    assert "the gap is closed" in connect.said


async def test_a_repaired_webhook_delivers_once_so_that_its_failures_are_forgotten(scene: Scene, connect: Run) -> None:
    assert await connect()
    number = await scene.order()
    for hook in scene.webhooks.values():
        hook.status, hook.failure_count = "disabled", 6
    assert await connect(repair=True), connect.said
    await scene.shop.webhooks.wait_until_idle()
    assert scene.webhooks["order.updated"].failure_count == 0
    assert f"order {number} was saved unchanged" in connect.said
    assert "order.created, order.deleted, order.restored: WooCommerce may still count 6 failures" in connect.said
    ((store, since),) = connect.gaps
    assert store == "default"
    assert since is not None
    assert abs(datetime.now(UTC) - since) < timedelta(minutes=5)


async def test_a_new_secret_reaches_the_webhooks_that_are_there(
    scene: Scene, connect: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await connect()
    set_environment(monkeypatch, WEBHOOK_SECRET="another-secret-of-this-shop")
    assert await connect()
    assert {hook.secret for hook in scene.webhooks.values()} == {SECRET}
    assert await connect(new_secret=True)
    assert {hook.secret for hook in scene.webhooks.values()} == {"another-secret-of-this-shop"}


async def test_a_key_that_may_not_write_leaves_a_list_of_what_to_click(
    scene: Scene, connect: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.gate.keys["ck_read"] = ApiKey("ck_read", "cs_read", permission="read")
    set_environment(monkeypatch, WOO_KEY="ck_read", WOO_SECRET="cs_read")
    assert not await connect()
    assert scene.shop.webhooks.registered == {}
    for words in (
        "does not have write permissions",
        f"Delivery URL: {scene.delivery_url}",
        "the value of BRIDGE_WEBHOOK_SECRET",
    ):
        assert words in connect.said
    for topic, name in NAMES.items():
        assert f'Name: "{name}", Topic: Order {topic.partition(".")[2]}' in connect.said
    assert SECRET not in connect.said


async def test_a_key_that_may_only_read_is_found_out_where_all_webhooks_are_there(
    scene: Scene, connect: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await connect()
    scene.gate.keys["ck_read"] = ApiKey("ck_read", "cs_read", permission="read")
    set_environment(monkeypatch, WOO_KEY="ck_read", WOO_SECRET="cs_read")
    assert not await connect()
    assert "the webhooks exist, but the key may not write" in connect.said


async def test_an_orders_resource_without_wc_v3_leaves_a_list_of_what_to_click(
    scene: Scene, connect: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, WOO_KEY="bridge", WOO_SECRET="application-password", WOO_ORDERS_API="myplugin/v1/woo")
    assert not await connect()
    assert "the shop does not show its webhooks to this key" in connect.said
    assert f"Delivery URL: {scene.delivery_url}" in connect.said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"WOO_SECRET": "cs_wrong"}, "does not allow this key (401)"),
        ({"PUBLIC_URL": ""}, "give --url https://... or set BRIDGE_PUBLIC_URL"),
        ({"PUBLIC_URL": "http://127.0.0.1:9"}, "no connection: is the bridge running"),
        ({"PUBLIC_URL": "ftp://bridge"}, "is not an http(s) address"),
        ({"PANELR_API_KEY": "wrong-key-of-panelr"}, "Panelr does not accept the API key"),
    ],
)
async def test_what_keeps_it_from_working_is_said(
    scene: Scene, connect: Run, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    assert scene
    set_environment(monkeypatch, **changes)
    assert not await connect()
    assert words in connect.said


@pytest.mark.parametrize(
    ("store", "changes", "fault", "setting"),
    [
        ("default", {"WEBHOOK_SECRET": ""}, "is missing", "BRIDGE_WEBHOOK_SECRET"),
        ("default", {"WEBHOOK_SECRET": "short"}, "is shorter than 20", "BRIDGE_WEBHOOK_SECRET"),
        (
            "default",
            {"WEBHOOK_SECRET": "with <b>markup</b> in it"},
            "holds characters besides",
            "BRIDGE_WEBHOOK_SECRET",
        ),
        ("default", {"WEBHOOK_SECRET": "change-me-change-me-change-me"}, "placeholder", "BRIDGE_WEBHOOK_SECRET"),
        ("second", {}, "is missing", "BRIDGE_STORES__second__WEBHOOK_SECRET"),
    ],
)
async def test_a_secret_that_is_no_good_comes_with_a_line_for_the_settings(
    scene: Scene,
    connect: Run,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    changes: dict[str, str],
    fault: str,
    setting: str,
) -> None:
    set_environment(monkeypatch, **changes)
    assert not await connect(store)
    assert f"{setting} " in connect.said
    assert fault in connect.said
    (line,) = [line.strip() for line in connect.said.splitlines() if line.strip().startswith(f"{setting}=")]
    assert len(line.partition("=")[2]) == 43
    assert scene.shop.webhooks.registered == {}


async def test_a_repair_brings_the_orders_that_were_missed(scene: Scene, connect: Run) -> None:
    await scene.map(woo_product_id=13)
    connect.backfill = run_backfill
    assert await connect()
    for hook in scene.webhooks.values():
        hook.status = "disabled"
    missed = await scene.order(status="processing")
    scene.shop.orders[missed].modified -= timedelta(minutes=3)
    await scene.order(status="processing")  # the newest one is left to its webhook for a while
    assert await scene.runtime.database.read(orders.find, store="default", woo_order_id=missed) is None
    scene.shop.webhooks.hold()
    assert await connect(repair=True), connect.said
    assert "orders checked: 2; 1 of them had been missed; 1 too new" in connect.said
    row = await scene.runtime.database.read(orders.find, store="default", woo_order_id=missed)
    assert row is not None
