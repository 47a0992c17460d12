"""A call whose answer is lost each time is made again ever more slowly, and in the end a person decides."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store.tables import follow_ups, orders
from tests.support.bridge_kit import Kit, kit_of, order, tried
from tests.support.clockwork import due_now
from tests.support.panelr_faults import order_of_customer
from tests.support.payments import (
    COMPLETE,
    PAID,
    SUBMIT,
    amounts_paid,
    attention_codes,
    find_follow_up,
    is_settled,
    list_tries,
    map_bank_transfer,
)

SCHEDULE = (1000.0, 2000.0)


@pytest.fixture
async def failing(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge without a worker, and a Panelr that answers 500 to the work order of order 20, each time."""
    by_hand = {"worker": False, "grace_seconds": 60.0, "retry_schedule_seconds": SCHEDULE}
    async with kit_of(settings.model_copy(update=by_hand), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.panel.faults.add("status", status=500, times=None, action="create_work_order", wc_order_id="20")
        await kit.post(order(id=20))
        yield kit


def make_due(connection: Connection, now: datetime) -> None:
    """Make the owed call due, as if the last look-up was an hour ago."""
    past = now - timedelta(hours=1)
    connection.execute(orders.update().where(orders.c.owes.is_not(None)).values(next_attempt_at=past))
    connection.execute(orders.update().where(orders.c.not_found_since.is_not(None)).values(not_found_since=past))


async def make_next_call(kit: Kit) -> dict[str, Any]:
    """Make the owed call now; return the order's story."""
    await kit.runtime.bridge.write(make_due)
    claim = await kit.runtime.bridge.claim_due()
    assert isinstance(claim, Claim)
    await kit.runtime.bridge.carry_out(claim)
    return await kit.order(20)


async def look_up_twice(kit: Kit) -> tuple[dict[str, Any], float]:
    """Look the order up twice; return its story, and how many seconds later it is sent again."""
    await make_next_call(kit)
    story = await make_next_call(kit)
    assert tried(story)[-1]["action"] == "look_up"
    if story["next_attempt_at"] is None:
        return story, 0.0
    due, ended = (datetime.fromisoformat(each) for each in (story["next_attempt_at"], story["updated_at"]))
    return story, (due - ended).total_seconds()


async def test_the_first_lost_answer_costs_no_wait_and_each_further_one_a_step_of_the_schedule(failing: Kit) -> None:
    waits = []
    for _ in range(4):
        story, wait = await look_up_twice(failing)
        assert story["state"] == "queued"
        waits.append(round(wait))
        await make_next_call(failing)
    assert waits == [0, 1000, 2000, 2000]
    assert "Panelr has failed on it 4 times" in story["reasons"][0]["words"]


async def test_look_ups_that_fail_make_the_order_wait_no_longer(failing: Kit) -> None:
    failing.panel.faults.add("status", status=500, times=3, action="get_work_orders")
    for _ in range(3):
        await make_next_call(failing)
    _, wait = await look_up_twice(failing)
    assert round(wait) == 0


async def test_after_seven_days_a_person_decides(failing: Kit) -> None:
    await look_up_twice(failing)
    await make_next_call(failing)

    def a_week_ago(connection: Connection, now: datetime) -> None:
        connection.execute(orders.update().values(owes_since=now - timedelta(days=8)))

    await failing.runtime.bridge.write(a_week_ago)
    story, _ = await look_up_twice(failing)
    assert (story["state"], story["reasons"][0]["code"]) == ("held", "gave_up")
    assert story["next_attempt_at"] is None


def waits_long(story: dict[str, Any]) -> bool:
    """Return whether the payment waits for the last step of the schedule."""
    payment = find_follow_up(story, "payment")
    if payment is None or payment["due_at"] is None:
        return False
    return datetime.fromisoformat(payment["due_at"]) > datetime.now(UTC) + timedelta(seconds=500)


@pytest.mark.parametrize(("call", "fault"), [(COMPLETE, 500), (COMPLETE, 403), (SUBMIT, 500)])
async def test_a_payment_that_is_lost_each_time_is_told_ever_later_and_a_person_learns_of_it(
    settings: Settings, panelr: tuple[str, Panel], call: str, fault: int
) -> None:
    changes = {"retry_schedule_seconds": (0.05, 0.05, 0.05, 1000.0), "panelr_rate_per_minute": 1200}
    async with kit_of(settings.model_copy(update=changes), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await map_bank_transfer(kit, call, method=2 if call == COMPLETE else 1)
        kit.panel.faults.add("status", status=fault, times=None, action=call, wc_order_id="20")
        await kit.post(order_of_customer(20) | PAID | {"date_paid_gmt": None, "date_paid": None})
        await kit.until(20, "created")
        await kit.post(order_of_customer(20) | PAID)
        story = await kit.until(20, waits_long)
        assert len(list_tries(story, call)) == 5
        assert attention_codes(story) == ("payment_not_told",)
        assert "failed to take the payment 5 times" in story["attention"][0]["words"]
        kit.panel.faults.clear()
        await due_now(kit.runtime, story["id"], "payment")
        story = await kit.until(20, is_settled("payment"))
        assert (len(amounts_paid(kit, 20)), attention_codes(story)) == (1, ())


async def test_after_seven_days_a_payment_is_left_to_a_person(settings: Settings, panelr: tuple[str, Panel]) -> None:
    changes = {"retry_schedule_seconds": (1000.0,), "panelr_rate_per_minute": 1200}
    async with kit_of(settings.model_copy(update=changes), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await map_bank_transfer(kit, COMPLETE, method=2)
        kit.panel.faults.add("status", status=500, times=None, action=COMPLETE, wc_order_id="20")
        await kit.post(order_of_customer(20) | PAID)
        story = await kit.until(20, waits_long)

        def a_week_ago(connection: Connection, now: datetime) -> None:
            connection.execute(follow_ups.update().values(owed_since=now - timedelta(days=8)))

        await kit.runtime.bridge.write(a_week_ago)
        await due_now(kit.runtime, story["id"], "payment")
        story = await kit.until(20, is_settled("payment"))
        assert attention_codes(story) == ("payment_not_told",)
