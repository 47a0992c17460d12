"""The command smoke with a shop, a bridge and Panelr on loopback: the whole run, where it fails, and its clean-up."""

import asyncio
import contextlib
from typing import Any

import pytest

from panelr_bridge.application.unread_deliveries import read_unread
from panelr_bridge.cli import smoke as smoke_command
from panelr_bridge.cli import smoke_order, smoke_trace
from panelr_bridge.cli.checklist import Checklist
from panelr_bridge.cli.connect import ConnectOptions, run_steps
from panelr_bridge.cli.connect_webhooks import run_backfill
from panelr_bridge.cli.smoke import SmokeOptions, place_order, prepare_order
from panelr_bridge.errors import ConfigurationError, InvalidValue, ShopRefused
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce.rest import ApiKey
from panelr_bridge.store import mappings, orders
from tests.support.shop_scene import Scene, open_scene, set_environment


class Smoke:
    """Runs smoke and keeps its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.said = ""

    async def __call__(self, **asked: Any) -> bool:
        self._capsys.readouterr()
        wanted = SmokeOptions(store="default", **({"timeout": 30} | asked))
        try:
            return await place_order(wanted, await prepare_order(wanted), Checklist())
        finally:
            self.said = self._capsys.readouterr().out


@pytest.fixture
def smoke(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Smoke:
    monkeypatch.setattr(smoke_trace, "DATABASE_POLL_SECONDS", 0.05)
    monkeypatch.setattr(smoke_trace, "SHOP_POLL_SECONDS", 0.1)
    return Smoke(capsys)


@pytest.fixture
async def joined(scene: Scene) -> Scene:
    """A connected shop with a mapped product."""
    assert await run_steps(ConnectOptions(store="default"), Checklist(), run_backfill)
    await scene.map(woo_variation_id=18, panelr_product_id=2)
    return scene


async def test_the_whole_way(joined: Scene, smoke: Smoke) -> None:
    assert await smoke(), smoke.said
    for words in (
        "is placed in the shop (on-hold)",
        "by its webhook order.",
        "its work order WO-2026-00001 is created",
        "the shop's order shows it",
        "is deleted from the shop",
        "cancel WO-2026-00001 in Panelr",
        "fires no webhook",
    ):
        assert words in smoke.said
    assert joined.shop.orders == {}
    (made,) = joined.panel.work_orders.values()
    assert made.customer_email == "smoke-test@example.com"
    assert smoke_order.DELIVERY_PENDING not in smoke.said
    await joined.shop.webhooks.wait_until_idle()
    assert (await joined.runtime.database.read(read_unread)).unread == []
    row = await joined.runtime.database.read(orders.find, store="default", woo_order_id=int(made.wc_order_id or 0))
    assert row is not None
    assert row["attention"] is None


async def test_what_is_still_owed_when_the_order_is_deleted_is_said(joined: Scene, smoke: Smoke) -> None:
    (created,) = [each for each in joined.shop.webhooks.registered.values() if each.topic == "order.created"]
    created.status = "paused"
    assert await smoke(timeout=8), smoke.said
    assert smoke_order.DELIVERY_PENDING in smoke.said.replace("\n    ", " ")


async def test_options_choose_product_and_customer_and_keep_the_order(joined: Scene, smoke: Smoke) -> None:
    await joined.map(woo_product_id=13)
    assert await smoke(product=13, email="somebody@shop.test", keep=True), smoke.said
    assert "stays in the shop: --keep" in smoke.said
    (order,) = joined.shop.orders.values()
    assert [line.product_id for line in order.lines] == [13]
    assert order.billing["email"] == "somebody@shop.test"
    assert order.status == "on-hold"


@pytest.mark.parametrize(
    ("sku", "line"),
    [
        ("VIRT-1", {"product_id": 13, "quantity": 1}),
        ("IPTV-12M", {"product_id": 16, "variation_id": 18, "quantity": 1}),
    ],
)
async def test_a_product_by_its_sku(joined: Scene, sku: str, line: dict[str, Any]) -> None:
    assert (await prepare_order(SmokeOptions(store="default", sku=sku))).fields["line_items"] == [line]
    assert joined.shop.orders == {}


async def test_a_mapping_that_knows_a_sku_alone(scene: Scene) -> None:
    await scene.map(woo_product_id=11, intent="renewal")
    await scene.map(woo_product_id=12, panelr_product_id=None)
    await scene.map(sku="GONE")
    await scene.map(sku="VIRT-1")
    plan = await prepare_order(SmokeOptions(store="default"))
    assert plan.fields["line_items"] == [{"product_id": 13, "quantity": 1}]
    assert f"will be placed in {scene.shop_url}" in plan.words


async def test_what_cannot_be_ordered_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidValue, match="no product of this store is mapped"):
        await prepare_order(SmokeOptions(store="default"))
    with pytest.raises(InvalidValue, match="no product with the SKU NONE"):
        await prepare_order(SmokeOptions(store="default", sku="NONE"))
    with pytest.raises(InvalidValue, match="there is no store second"):
        await prepare_order(SmokeOptions(store="second"))
    set_environment(monkeypatch, WOO_URL="", WOO_KEY="", WOO_SECRET="")
    with pytest.raises(ConfigurationError, match="WOO_URL is missing"):
        await prepare_order(SmokeOptions(store="default"))
    assert scene.shop.orders == {}


async def test_a_webhook_that_does_not_come(scene: Scene, smoke: Smoke) -> None:
    await scene.map(woo_product_id=13)
    assert not await smoke(timeout=0.5)
    assert "the bridge did not receive the order within 0.5 s" in smoke.said
    assert "panelr-bridge connect" in smoke.said
    assert "is deleted from the shop" in smoke.said
    assert scene.shop.orders == {}


async def test_an_order_that_is_held_says_why_at_once(joined: Scene, smoke: Smoke) -> None:
    assert not await smoke(product=11)
    assert "no work order: the order is held" in smoke.said
    assert "panelr-bridge orders show 1" in smoke.said
    assert joined.shop.orders == {}


async def test_a_panelr_that_does_not_answer(joined: Scene, smoke: Smoke) -> None:
    joined.panel.settings.latency_seconds = 6
    assert not await smoke(timeout=3)
    assert "no work order within 3 s" in smoke.said
    assert "/close, if you do not want it" in smoke.said
    assert joined.shop.orders == {}


async def test_a_way_back_that_is_closed(joined: Scene, smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke_order, "find_reference_code", lambda _: None)
    assert not await smoke(timeout=3)
    assert "does not show its work order within 3 s" in smoke.said
    assert joined.shop.orders == {}


async def test_a_store_without_a_way_back(
    monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel], smoke: Smoke
) -> None:
    async with open_scene(monkeypatch, database_url, panelr, WRITE_BACK="false") as scene:
        assert await run_steps(ConnectOptions(store="default"), Checklist(), run_backfill)
        await scene.map(woo_product_id=13)
        assert await smoke(), smoke.said
    assert "WRITE_BACK of this store is off" in smoke.said


async def test_a_key_that_may_not_write(joined: Scene, smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    joined.gate.keys["ck_read"] = ApiKey("ck_read", "cs_read", permission="read")
    set_environment(monkeypatch, WOO_KEY="ck_read", WOO_SECRET="cs_read")
    assert not await smoke()
    assert "does not have write permissions" in smoke.said
    assert "clean-up" not in smoke.said


async def test_an_order_that_cannot_be_deleted_is_named(joined: Scene, smoke: Smoke) -> None:
    joined.shop.faults.add("status", action="orders.delete", status=403, times=None)
    assert not await smoke()
    (number,) = joined.shop.orders
    assert f"panelr-bridge woo orders delete {number} --force" in smoke.said


async def test_stopped_by_a_person_it_cleans_up(scene: Scene, smoke: Smoke) -> None:
    await scene.map(woo_product_id=13)
    task = asyncio.create_task(smoke())
    for _ in range(2000):
        if scene.shop.orders:
            break
        await asyncio.sleep(0.01)
    assert scene.shop.orders
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert scene.shop.orders == {}
    assert "is deleted from the shop" in smoke.said


async def test_a_payment_method_is_named_where_orders_need_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.map(woo_product_id=13)
    method = {"store": "default", "woo_payment_method": "bacs", "panelr_payment_method_id": 1, "on_paid": "none"}
    await scene.runtime.bridge.write(mappings.add, mappings.PAYMENT_METHOD, method)
    assert "payment_method" not in (await prepare_order(SmokeOptions(store="default"))).fields
    set_environment(monkeypatch, REQUIRE_PAYMENT_METHOD="true")
    assert (await prepare_order(SmokeOptions(store="default"))).fields["payment_method"] == "bacs"


@pytest.mark.parametrize(("store", "option"), [("default", ""), ("second", " --store second")])
async def test_an_order_that_cannot_be_deleted_is_named_with_its_store(
    capsys: pytest.CaptureFixture[str], store: str, option: str
) -> None:
    class Shop:
        async def delete_order(self, number: int, *, force: bool) -> None:
            raise ShopRefused(f"{number} cannot be deleted, force {force}")

    creation: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    creation.set_result({"id": 41})
    checklist = Checklist()
    await smoke_command._clean_up(checklist, Shop(), creation, SmokeOptions(store=store), is_settled=True)  # type: ignore[arg-type]
    assert not checklist.all_ok
    assert f"panelr-bridge woo orders delete 41 --force{option}\n" in capsys.readouterr().out
