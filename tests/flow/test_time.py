"""The time budget, the worker, leases, and what moves a held order on."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from panelr_bridge.application.transactions import claim_call, receive_delivery
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.panelr.request import create_work_order
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.panelr_tables import rate_limits, rate_slots
from panelr_bridge.store.tables import orders
from panelr_bridge.woocommerce.order_payload import read_order
from tests.support.bridge_kit import Kit, kit_of, line, order

SHORT_LEASE, LONG_LEASE = timedelta(seconds=0.2), timedelta(hours=1)


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


async def test_when_the_budget_ends_the_call_goes_on_and_is_recorded(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    hurried = settings.model_copy(update={"sync_budget_seconds": 0.1})
    async with kit_of(hurried, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.panel.settings.latency_seconds = 0.6
        answer = await kit.post(order())
        assert (answer.status_code, answer.json()["state"]) == (202, "sending")
        story = await kit.until(20, "created")
        assert [each["outcome"] for each in story["attempt_log"]] == ["done"]
        assert len(kit.panel.work_orders) == 1


async def test_stopping_lets_calls_under_way_end(settings: Settings, panelr: tuple[str, Panel]) -> None:
    hurried = settings.model_copy(update={"sync_budget_seconds": 0.05})
    panelr[1].settings.latency_seconds = 0.5
    async with kit_of(hurried, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        assert (await kit.post(order())).json()["state"] == "sending"
    panelr[1].settings.latency_seconds = 0.0
    async with kit_of(hurried, panelr[1]) as again:
        assert (await again.order(20))["state"] == "created"
    assert len(panelr[1].work_orders) == 1


async def test_without_a_free_slot_the_answer_comes_at_once_and_the_worker_follows(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    narrow = settings.model_copy(update={"panelr_rate_per_minute": 3})
    async with kit_of(narrow, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)  # this checks the product at Panelr
        states = [(await kit.post(order(id=number))).json()["state"] for number in (901, 902, 903)]
        assert states == ["created", "created", "queued"]
        await kit.runtime.bridge.write(_free_the_slots)
        kit.wake_worker()
        await kit.until(903, "created")


def _free_the_slots(connection: Connection, now: datetime) -> None:
    connection.execute(rate_slots.update().values(used_at=now - timedelta(hours=1)))


async def test_a_mapping_wakes_the_orders_that_were_held_for_it(kit: Kit) -> None:
    for number in (1, 2, 3):
        assert (await kit.post(order(id=number))).json()["state"] == "held"
    await kit.map(woo_product_id=12, panelr_product_id=3)
    for number in (1, 2, 3):
        await kit.until(number, "created")
    assert len(kit.panel.work_orders) == 3


async def test_a_changed_mapping_wakes_an_order_without_panelr_items(kit: Kit) -> None:
    mapping = await kit.map(sku="PANEL-1000", panelr_product_id=None)
    assert (await kit.post(order())).json()["state"] == "ignored"
    await kit.api("PATCH", f"/product-mappings/{mapping['id']}", json={"panelr_product_id": 3})
    await kit.until(20, "created")


async def test_a_mapping_of_something_else_leaves_a_held_order_held(kit: Kit) -> None:
    await kit.post(order())
    await kit.post(line(order(id=21), product_id=99, sku="OTHER"))
    await kit.map(sku="OTHER", panelr_product_id=3)
    await kit.until(21, "created")
    assert (await kit.order(20))["state"] == "held"


async def test_a_queued_order_is_sent_by_the_mappings_of_the_moment_of_sending(mapped: Kit) -> None:
    mapped.panel.faults.add("unauthorized", action="create_work_order", times=None)
    await mapped.post(order())
    (mapping,) = (await mapped.api("GET", "/product-mappings")).json()["data"]
    await mapped.api("PATCH", f"/product-mappings/{mapping['id']}", json={"quantity": 4})
    mapped.panel.faults.clear()
    await mapped.until(20, "created")
    assert [item.qty for item in mapped.panel.work_orders[1].cart] == [4]


async def test_a_queued_order_that_is_cancelled_meanwhile_is_not_sent(mapped: Kit) -> None:
    mapped.panel.faults.add("throttle", action="create_work_order", retry_after=1)
    await mapped.post(order())
    answer = await mapped.post(order(status="cancelled", date_modified_gmt="2026-11-21T20:00:00"))
    assert answer.json()["state"] == "ignored"
    assert (await mapped.order(20))["owed_calls"] == []
    await mapped.post(order(id=21))  # it waits behind the same pause
    await mapped.until(21, "created")
    assert [each.wc_order_id for each in mapped.panel.work_orders.values()] == ["21"]


async def _claim_and_die(kit: Kit, content: dict[str, Any], *, lease: timedelta = SHORT_LEASE) -> Claim:
    """Claim a call as a process does that is killed before it makes the call; return the claim."""
    body = json.dumps(content).encode()
    delivery = Delivery(store="default", topic="order.updated", body=body, headers={}, verdict="order", woo_order_id=20)
    call_policy = replace(kit.runtime.bridge.call_policy, lease=lease)

    def claimed(connection: Connection, now: datetime) -> Claim:
        policy = kit.runtime.bridge.policy
        claim = receive_delivery.receive(
            connection, now, delivery, read_order(body), policy=policy, call_policy=call_policy
        ).claim
        assert claim is not None
        stored = select(orders.c.state).where(orders.c.id == claim.order_id)
        assert connection.execute(stored).scalar_one() == "sending"  # before the worker can see the order
        return claim

    return await kit.runtime.bridge.write(claimed)


async def test_a_call_whose_process_died_is_looked_up_before_it_is_sent_again(mapped: Kit) -> None:
    await _claim_and_die(mapped, order())
    await asyncio.sleep(0.25)
    mapped.wake_worker()
    story = await mapped.until(20, "created")
    assert [(each["action"], each["outcome"]) for each in story["attempt_log"]] == [
        ("create_work_order", "unknown"),
        ("look_up", "done"),
        ("look_up", "done"),
        ("create_work_order", "done"),
    ]
    assert len(mapped.panel.work_orders) == 1


async def test_a_call_whose_process_died_after_the_creation_is_adopted(mapped: Kit) -> None:
    claim = await _claim_and_die(mapped, order())
    await mapped.runtime.panelr.call(create_work_order(claim.body), now=mapped.runtime.bridge.clock())
    await asyncio.sleep(0.25)
    mapped.wake_worker()
    story = await mapped.until(20, "created")
    assert story["adopted"] is True
    assert len(mapped.panel.work_orders) == 1


async def test_an_outcome_that_arrives_after_its_lease_counts_while_nothing_newer_is_known(mapped: Kit) -> None:
    """A process that stalled for longer than its lease still has its claim."""
    claim = await _claim_and_die(mapped, order(), lease=LONG_LEASE)  # the worker must not end it
    await mapped.runtime.bridge.write(_lose_the_lease, claim)
    late = await mapped.runtime.bridge.carry_out(replace(claim, claimed_at=mapped.runtime.bridge.clock()))
    assert late.state == "created"
    story = await mapped.order(20)
    assert (story["state"], story["adopted"], story["owed_calls"]) == ("created", False, [])
    assert len(mapped.panel.work_orders) == 1


async def test_an_outcome_that_arrives_too_late_overwrites_nothing_and_is_shown(mapped: Kit) -> None:
    claim = await _claim_and_die(mapped, order())
    await asyncio.sleep(0.25)
    mapped.wake_worker()
    before = await mapped.until(20, "created")
    await mapped.runtime.bridge.carry_out(replace(claim, claimed_at=mapped.runtime.bridge.clock()))
    after = await mapped.order(20)
    assert after["reference_code"] == before["reference_code"]
    assert after["attention"][0]["code"] == "second_work_order"


def _lose_the_lease(connection: Connection, now: datetime, claim: Claim) -> None:
    call_policy = CallPolicy(rate_per_minute=120, lease=timedelta(0), grace=timedelta(hours=1), retry_schedule=(1.0,))
    assert claim_call.end_one_lease(connection, now + 2 * LONG_LEASE, call_policy=call_policy) == claim.order_id


async def test_two_workers_make_each_call_once(mapped: Kit, settings: Settings, panelr: tuple[str, Panel]) -> None:
    mapped.runtime.worker.stop()
    mapped.panel.faults.add("throttle", action="create_work_order", retry_after=1)
    for number in range(1, 21):
        await mapped.post(order(id=number))
    async with kit_of(settings, panelr[1]), kit_of(settings, panelr[1]):
        for number in range(1, 21):
            await mapped.until(number, "created")
    assert sorted(each.wc_order_id or "" for each in mapped.panel.work_orders.values()) == sorted(
        map(str, range(1, 21))
    )


async def test_giving_up_holds_the_order_for_a_person(settings: Settings, panelr: tuple[str, Panel]) -> None:
    week = settings.model_copy(update={"retry_schedule_seconds": (0.05, 600.0)})
    async with kit_of(week, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.panel.faults.add("throttle", action="create_work_order", times=None, retry_after=None)
        await kit.post(order())
        await kit.until(20, lambda story: len(story["attempt_log"]) == 2)  # the second attempt has ended
        await kit.runtime.bridge.write(_make_due)
        kit.wake_worker()
        story = await kit.until(20, "held")
        assert story["reasons"][0]["code"] == "gave_up"
        kit.panel.faults.clear()
        await kit.api("POST", f"/orders/{story['id']}/retry")
        await kit.runtime.bridge.write(_make_due)
        kit.wake_worker()
        await kit.until(20, "created")


def _make_due(connection: Connection, now: datetime) -> None:
    connection.execute(
        orders.update()
        .where(orders.c.owes.is_not(None))
        .values(next_attempt_at=now, owes_since=now - timedelta(days=8))
    )
    connection.execute(rate_limits.update().values(closed_until=now))
