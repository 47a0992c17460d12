"""The state of an order after every outcome of a call, with a simulated Panelr that misbehaves."""

import asyncio
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of, order, tried


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


def tries(story: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the attempts as (action, outcome)."""
    return [(each["action"], each["outcome"]) for each in tried(story)]


async def test_done_is_stored_with_its_token(mapped: Kit) -> None:
    answer = await mapped.post(order())
    assert answer.status_code == 200
    story = await mapped.order(20)
    made = mapped.panel.work_orders[1]
    assert (story["work_order_id"], story["reference_code"]) == (1, made.reference_code)
    assert (story["panelr_status"], story["attempts"], story["owed_calls"]) == ("payment_submitted", 1, [])
    assert tries(story) == [("create_work_order", "done")]
    token = (await mapped.api("GET", f"/orders/{story['id']}/confirmation-token")).json()["data"]
    assert token == {"confirmation_token": made.confirmation_token}


async def test_refused_is_kept_with_panelrs_words_and_not_sent_again(mapped: Kit) -> None:
    mapped.panel.faults.add("refuse", action="create_work_order")
    answer = await mapped.post(order())
    assert (answer.status_code, answer.json()["state"]) == (200, "refused")
    assert answer.json()["reason"].startswith("Panelr refused: ")
    changed_nothing = await mapped.post(order(customer_note="hello", date_modified_gmt="2026-11-21T20:00:00"))
    assert changed_nothing.json()["state"] == "refused"
    assert mapped.panel.work_orders == {}


async def test_refused_goes_on_when_the_order_is_corrected(mapped: Kit) -> None:
    mapped.panel.faults.add("refuse", action="create_work_order")
    await mapped.post(order())
    billing = order()["billing"] | {"first_name": "Augusta"}
    answer = await mapped.post(order(billing=billing, date_modified_gmt="2026-11-21T20:00:00"))
    assert answer.json()["state"] == "created"


async def test_refused_goes_on_when_a_person_says_so(mapped: Kit) -> None:
    mapped.panel.faults.add("refuse", action="create_work_order")
    await mapped.post(order())
    story = await mapped.order(20)
    assert (await mapped.api("POST", f"/orders/{story['id']}/retry")).status_code == 200
    story = await mapped.until(20, "created")
    assert tries(story) == [("create_work_order", "refused"), ("create_work_order", "done")]


@pytest.mark.parametrize(
    ("kind", "more", "outcome"),
    [
        ("unauthorized", {}, "misconfigured"),
        ("forbidden", {}, "misconfigured"),
        ("status", {"status": 302}, "misconfigured"),
        ("throttle", {"retry_after": 1}, "throttled"),
        ("throttle", {}, "throttled"),
        ("status", {"status": 503, "retry_after": 1, "body": "envelope"}, "throttled"),
    ],
)
async def test_what_was_not_done_for_sure_stays_owed_and_is_sent_again(
    mapped: Kit, kind: str, more: dict[str, Any], outcome: str
) -> None:
    mapped.fail_with_probe(kind, **more)
    answer = await mapped.post(order())
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    story = await mapped.until(20, "created")
    assert tries(story) == [("create_work_order", outcome), ("create_work_order", "done")]
    assert len(mapped.panel.work_orders) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [403, 406])
async def test_a_refusal_in_front_of_panelr_is_looked_up_before_it_is_sent_again(
    mapped: Kit, status: int, when: str
) -> None:
    """A firewall that inspects answers refuses one after Panelr has created the work order."""
    mapped.panel.faults.add("status", status=status, action="create_work_order", when=when)
    answer = await mapped.post(order())
    assert (answer.status_code, answer.json()["state"]) == (202, "unconfirmed")
    assert "firewall" in answer.json()["reason"]
    story = await mapped.until(20, "created")
    sent_again = [("look_up", "done"), ("look_up", "done"), ("create_work_order", "done")]
    expected = sent_again if when == "before" else [("look_up", "done")]
    assert tries(story) == [("create_work_order", "blocked"), *expected]
    assert len(mapped.panel.work_orders) == 1


async def test_a_panelr_that_cannot_be_asked_leaves_it_to_a_person(mapped: Kit) -> None:
    mapped.panel.settings.knows_get_work_orders = False
    mapped.panel.faults.add("reset", action="create_work_order", when="after")
    await mapped.post(order())
    story = await mapped.until(20, lambda story: bool(story["attention"]))
    assert (story["state"], story["attention"][0]["code"]) == ("unconfirmed", "cannot_look_up")
    made = mapped.panel.work_orders[1]
    resolution = {"work_order_id": 1, "reference_code": made.reference_code}
    answer = await mapped.api("POST", f"/orders/{story['id']}/resolve", json=resolution)
    assert answer.json()["data"]["state"] == "created"
    assert len(mapped.panel.work_orders) == 1


async def test_a_person_who_finds_no_work_order_has_it_sent_again(mapped: Kit) -> None:
    mapped.panel.settings.knows_get_work_orders = False
    mapped.panel.faults.add("reset", action="create_work_order", when="before")
    await mapped.post(order())
    story = await mapped.until(20, lambda story: bool(story["attention"]))
    await mapped.api("POST", f"/orders/{story['id']}/resolve", json={"not_created": True})
    await mapped.until(20, "created")
    assert len(mapped.panel.work_orders) == 1


async def test_a_work_order_that_another_order_has_is_not_adopted(mapped: Kit) -> None:
    mapped.panel.settings.shows_wc_order_id = False
    assert (await mapped.post(order(id=700))).json()["state"] == "created"
    mapped.panel.faults.add("reset", action="create_work_order", when="before")
    await mapped.post(order(id=701))
    story = await mapped.until(701, "created")
    assert story["reference_code"] == mapped.panel.work_orders[2].reference_code
    assert len(mapped.panel.work_orders) == 2


async def test_two_that_were_lost_at_the_same_time_are_left_to_a_person(mapped: Kit) -> None:
    mapped.panel.settings.shows_wc_order_id = False
    mapped.panel.settings.latency_seconds = 0.3
    mapped.panel.faults.add("reset", action="create_work_order", when="after")
    mapped.panel.faults.add("reset", action="create_work_order", when="before")
    await asyncio.gather(mapped.post(order(id=700)), mapped.post(order(id=701)))
    for number in (700, 701):
        story = await mapped.until(number, lambda story: bool(story["attention"]))
        assert (story["state"], story["attention"][0]["code"]) == ("unconfirmed", "several_candidates")
    assert len(mapped.panel.work_orders) == 1


async def test_a_wrong_key_is_not_hammered_by_new_orders(settings: Settings, panelr: tuple[str, Panel]) -> None:
    patient = settings.model_copy(update={"retry_schedule_seconds": (60.0,)})
    async with kit_of(patient, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.fail_with_probe("unauthorized", times=None)
        for order_id in range(800, 806):
            answer = await kit.post(order(id=order_id))
            assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        asked = [entry.action for entry in kit.panel.journal]
        assert (asked.count("create_work_order"), asked.count("get_store_settings")) == (1, 1)
    panelr[1].faults.clear()
    async with kit_of(patient, panelr[1]) as restarted:  # the operator has corrected the key
        for order_id in range(800, 806):
            await restarted.until(order_id, "created")
        assert len(restarted.panel.work_orders) == 6
