"""The write-back to WooCommerce: once, over both kinds of API, also where a plugin saves on every update."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from panelr_bridge.domain.models import PluginKeys
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce.payload import order_payload
from panelr_bridge.simulators.woocommerce.shop_data import OrderChanges
from tests.support.bridge_kit import kit_of
from tests.support.clockwork import due_now
from tests.support.fast_path_runs import APIS, PANEL_CREDITS, Both, both_ways
from tests.support.payments import attention_codes, find_follow_up

UPDATE = {"wc/v3": "orders.update", "myplugin/v1/woo": "resource.update"}


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    """Run the test once with each kind of API."""
    return str(request.param)


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite unless the test names a database: the shop does not depend on it."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def both(settings: Settings, panelr: tuple[str, Panel], api: str) -> AsyncIterator[Both]:
    """A shop with webhooks to a bridge that writes back."""
    async with both_ways(settings, panelr[1], api=api) as both:
        yield both


def done(kind: str) -> Any:
    return lambda story: (find_follow_up(story, kind) or {"done_at": None})["done_at"] is not None


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
async def test_the_order_carries_its_work_order_and_one_note(both: Both) -> None:
    number = await both.placed()
    story = await both.kit.until(number, done("write_back"))
    await both.quiet()
    assert both.meta(number) == {
        "panelr_work_order_id": "1",
        "panelr_reference_code": story["reference_code"],
        "panelr_status": "pending_payment",
    }
    assert both.notes(number) == [f"Panelr work order {story['reference_code']} belongs to this order."]
    assert (await both.kit.order(number))["attention"] == []


@pytest.mark.parametrize("resave", [False, True], ids=["no plugin", "a plugin saves on every update"])
async def test_the_echo_of_what_was_written_is_written_to_no_more(both: Both, api: str, resave: bool) -> None:
    both.store.switches.resave = resave
    number = await both.placed()
    await both.kit.until(number, done("write_back"))
    await both.quiet()
    assert both.writes() == [UPDATE[api], "notes.create"]
    told = [each for each in both.store.webhooks.deliveries if each.topic == "order.updated"]
    assert len(told) >= 2  # the order's own webhook, and the echo of the write-back
    assert all(each.answer.status == 200 for each in told)
    assert len(both.kit.panel.work_orders) == 1


async def test_a_shop_without_notes_gets_none(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with both_ways(settings, panelr[1], api="myplugin/v1/woo") as both:
        both.store.switches.local_environment = False  # wc/v3 does not take the password
        number = await both.placed()
        story = await both.kit.until(number, done("write_back"))
        assert (both.notes(number), attention_codes(story)) == ([], ())
        assert both.meta(number)["panelr_reference_code"] == story["reference_code"]


async def test_the_token_is_written_only_where_a_setting_says_so(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with both_ways(settings, panelr[1], write_back_token=True) as both:
        number = await both.placed()
        story = await both.kit.until(number, done("write_back"))
        assert both.meta(number)["panelr_confirmation_token"] == panelr[1].work_orders[1].confirmation_token
        assert panelr[1].work_orders[1].confirmation_token not in str(story)


async def test_nothing_is_written_where_it_is_switched_off(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with both_ways(settings, panelr[1], write_back=False) as both:
        number = await both.placed()
        await both.kit.until(number, "created")
        await both.quiet()
        assert both.writes() == []


async def test_panelrs_plugin_sees_that_the_order_was_sent(
    settings: Settings, panelr: tuple[str, Panel], sqlite_template: Path, tmp_path: Path
) -> None:
    async with both_ways(settings, panelr[1]) as both:
        number = await both.placed(meta={"_panelr_state": "never_sent"})
        story = await both.kit.until(number, done("write_back"))
        await both.quiet()
        written = {"work_order_id": "1", "reference_code": story["reference_code"], "status": "pending_payment"}
        assert both.meta(number) == {
            "_panelr_state": "never_sent",
            **{f"{prefix}{key}": value for key, value in written.items() for prefix in ("panelr_", "_panelr_")},
        }
        story = await both.kit.order(number)  # with the echo's snapshot
        assert (story["state"], story["adopted"], attention_codes(story)) == ("created", False, ())
        assert both.writes() == ["orders.update", "notes.create"]
        assert len(both.kit.panel.work_orders) == 1
        echo = order_payload(both.store.orders[number])
    lost = tmp_path / "lost.db"
    shutil.copy(sqlite_template, lost)
    async with kit_of(settings.model_copy(update={"database_url": f"sqlite:///{lost}"}), panelr[1]) as again:
        await again.map(woo_product_id=PANEL_CREDITS, panelr_product_id=3)
        await again.post(echo)
        found = await again.order(number)
        assert (found["state"], found["reasons"][0]["code"]) == ("created", "adopted_from_order")
        assert found["reference_code"] == written["reference_code"]
        assert len(again.panel.work_orders) == 1


async def test_a_renewal_that_copies_the_plugins_keys_is_held_as_before(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    async with both_ways(settings, panelr[1], write_back_plugin_keys=PluginKeys.ALWAYS) as both:
        number = await both.placed()
        await both.kit.until(number, done("write_back"))
        copy = await both.placed(meta=both.meta(number))
        story = await both.kit.until(copy, "held")
        assert [each["code"] for each in story["reasons"]] == ["work_order_taken"]
        assert len(both.kit.panel.work_orders) == 1


async def test_an_orders_resource_is_sent_no_keys_of_the_plugin(settings: Settings, panelr: tuple[str, Panel]) -> None:
    keys = {"write_back_plugin_keys": PluginKeys.ALWAYS}
    async with both_ways(settings, panelr[1], api="myplugin/v1/woo", **keys) as both:
        number = await both.placed()
        await both.kit.until(number, done("write_back"))
        assert set(both.meta(number)) == {"panelr_work_order_id", "panelr_reference_code", "panelr_status"}


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("reset", {"when": "after"}),
        ("close", {"when": "before"}),
        ("status", {"status": 500, "when": "after"}),
        ("status", {"status": 503, "retry_after": 1}),
        ("garbage", {"when": "after"}),
        ("html", {"when": "after"}),
    ],
    ids=["reset after", "close before", "500 after", "503", "garbage after", "html after"],
)
@pytest.mark.parametrize("action", ["update", "note"])
async def test_a_fault_of_the_store_doubles_nothing(
    both: Both, api: str, action: str, fault: str, more: dict[str, Any]
) -> None:
    both.store.faults.add(fault, action=UPDATE[api] if action == "update" else "notes.create", **more)
    number = await both.placed()
    await both.kit.until(number, done("write_back"))
    await both.quiet()
    assert len(both.notes(number)) == 1
    assert both.meta(number)["panelr_reference_code"] == both.kit.panel.work_orders[1].reference_code
    assert len(both.kit.panel.work_orders) == 1


async def test_a_store_that_refuses_the_key_is_reported_and_tried_again(both: Both, api: str) -> None:
    both.store.faults.add("status", action=UPDATE[api], status=401, body="json", times=2)
    number = await both.placed()
    await both.kit.until(number, lambda story: any(each["action"] == "write_back" for each in story["attempt_log"]))
    story = await both.kit.until(number, done("write_back"))
    assert (story["state"], attention_codes(story)) == ("created", ())
    assert [each["outcome"] for each in story["attempt_log"] if each["action"] == "write_back"][-1] == "done"


async def test_a_completed_work_order_completes_the_order(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with both_ways(settings, panelr[1], complete_orders=True) as both:
        number = await both.placed(status="processing", set_paid=True)
        story = await both.kit.until(number, done("write_back"))
        both.kit.panel.set_status(1, "completed")
        await due_now(both.kit.runtime, story["id"], "status")
        await both.kit.until(number, lambda story: story["woo_status"] == "completed")
        await both.quiet()
        assert both.store.orders[number].status == "completed"
        assert both.meta(number)["panelr_status"] == "completed"
        assert both.writes() == ["orders.update", "notes.create", "orders.update"]
        again = both.store.update(number, OrderChanges(status="processing"))  # the shop's owner changes it back
        await both.quiet()
        assert again.status == "processing"


async def test_a_change_of_the_work_order_is_read_and_written(both: Both) -> None:
    number = await both.placed()
    story = await both.kit.until(number, done("write_back"))
    both.kit.panel.set_status(1, "canceled")
    await due_now(both.kit.runtime, story["id"], "status")
    story = await both.kit.until(
        number, lambda story: story["panelr_status"] == "canceled" and done("write_back")(story)
    )
    await both.quiet()
    assert attention_codes(story) == ("work_order_canceled",)
    assert both.meta(number)["panelr_status"] == "canceled"
    assert done("status")(await both.kit.order(number))


async def test_a_status_that_overtakes_a_write_back_is_written_at_its_end(both: Both, api: str) -> None:
    """The lease of a write-back lasts longer than this test waits."""
    slow = both.store.faults.add("slow", action=UPDATE[api], seconds=2)
    number = await both.placed()
    story = await both.kit.until(number, "created")
    await both.until(lambda: slow.struck)
    both.kit.panel.set_status(1, "canceled")
    await due_now(both.kit.runtime, story["id"], "status")
    await both.until(lambda: both.meta(number).get("panelr_status") == "canceled")
