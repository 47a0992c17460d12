"""Beside Panelr's own plugin: the bridge waits for what the plugin will send, until a person says otherwise."""

from typing import Any

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of, order
from tests.support.held_table import PANEL_1000, meta
from tests.support.payments import attention_codes

LATER = "2026-11-21T20:00:00"
WILL_SEND = order(**meta(_panelr_state="held"))


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for the product of every order here."""
    await kit.map(**PANEL_1000)
    return kit


def codes(story: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in story["reasons"]]


async def press(kit: Kit, action: str) -> None:
    answer = await kit.api("POST", f"/orders/{(await kit.order(20))['id']}/{action}", json={"why": "a test"})
    assert answer.status_code == 200, answer.text


async def test_a_retry_sends_what_the_plugin_would_have_sent(mapped: Kit) -> None:
    assert (await mapped.post(WILL_SEND)).json()["state"] == "waiting"
    assert codes(await mapped.order(20)) == ["plugin_will_send"]
    await press(mapped, "retry")
    story = await mapped.until(20, "created")
    assert [each.reference_code for each in mapped.panel.of_wc_order("20")] == [story["reference_code"]]


async def test_a_retry_holds_also_while_panelr_cannot_be_reached_and_after_newer_snapshots(mapped: Kit) -> None:
    await mapped.post(WILL_SEND)
    mapped.fail_with_probe("throttle", times=None)
    await press(mapped, "retry")
    await mapped.until(20, lambda story: codes(story) == ["throttled"])
    await mapped.post(WILL_SEND | {"date_modified_gmt": LATER})
    assert (await mapped.order(20))["state"] == "queued"
    await press(mapped, "retry")
    mapped.panel.faults.clear()
    await mapped.until(20, "created")
    assert len(mapped.panel.of_wc_order("20")) == 1


async def test_a_retry_overrides_only_what_the_person_has_seen(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with kit_of(settings, panelr[1]) as kit:
        await kit.post(order())
        assert (await kit.order(20))["state"] == "held"  # unmapped
        await press(kit, "retry")
        await kit.post(WILL_SEND | {"date_modified_gmt": LATER})
        assert codes(await kit.order(20)) == ["plugin_will_send"]
        await press(kit, "close")
        await press(kit, "retry")
        assert codes(await kit.order(20)) == ["plugin_will_send"]
        await press(kit, "retry")
        assert codes(await kit.order(20)) == ["unmapped_product"]
        await kit.map(**PANEL_1000)
        await kit.until(20, "created")


async def test_what_the_plugin_then_sends_is_adopted(mapped: Kit) -> None:
    await mapped.post(WILL_SEND)
    sent = meta(_panelr_state="sent", _panelr_work_order_id="77", _panelr_reference_code="WO-2026-00077")
    answer = await mapped.post(WILL_SEND | sent | {"date_modified_gmt": LATER})
    assert (answer.json()["state"], answer.json()["work_order_id"]) == ("created", 77)
    assert mapped.panel.work_orders == {}


@pytest.mark.parametrize("state", ["never_sent", "unmapped", "refused"])
async def test_what_the_plugin_gives_up_becomes_a_work_order(mapped: Kit, state: str) -> None:
    await mapped.post(WILL_SEND)
    await mapped.post(order(**meta(_panelr_state=state), date_modified_gmt=LATER))
    await mapped.until(20, "created")
    assert len(mapped.panel.of_wc_order("20")) == 1


async def test_a_second_work_order_of_the_plugins_gets_attention(mapped: Kit) -> None:
    await mapped.post(WILL_SEND)
    await press(mapped, "retry")
    first = await mapped.until(20, "created")
    sent = meta(_panelr_state="sent", _panelr_work_order_id="77", _panelr_reference_code="WO-2026-00077")
    await mapped.post(WILL_SEND | sent | {"date_modified_gmt": LATER})
    story = await mapped.order(20)
    assert attention_codes(story) == ("sent_by_plugin_too",)
    assert story["reference_code"] == first["reference_code"]
