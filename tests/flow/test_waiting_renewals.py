"""A renewal that comes before its line is set up waits for it, and not longer than the line may come."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete

from panelr_bridge.application.follow_ups.first_order import LOOKED_AGAIN
from panelr_bridge.application.transactions.continuation import note_orders
from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store import follow_ups, orders
from panelr_bridge.store.mapping_tables import mapping_revisions
from panelr_bridge.store.rows import FollowUpRow
from panelr_bridge.store.subscriptions import SubscriptionOrder
from tests.support.bridge_kit import Kit, kit_of, order
from tests.support.clockwork import due_now, plan_now
from tests.support.payments import find_follow_up, is_settled, poll_status
from tests.support.renewals import (
    EMAIL,
    FIRST,
    LINE,
    RENEWAL,
    begin,
    codes,
    kit_of_plans,
    named,
    note_first,
    renewal,
    set_up,
)

ONLY_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
async def kit(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge with mappings of two products, and a Panelr without a rate limit."""
    async with kit_of_plans(settings, panelr[1]) as kit:
        yield kit


async def test_a_renewal_before_the_line_is_set_up_waits_and_is_sent_when_the_line_is_there(kit: Kit) -> None:
    await begin(kit)
    assert (await kit.post(renewal())).json()["state"] == "held"
    assert codes(await kit.order(RENEWAL)) == ["awaits_first_order"]
    (line,) = set_up(kit)
    await poll_status(kit, FIRST)
    await kit.until(RENEWAL, "created")
    assert named(kit) == [line]


async def test_one_more_renewal_has_no_others_evaluated_again(kit: Kit) -> None:
    """A subscription may have thousands that wait."""
    await begin(kit)
    await kit.post(renewal())
    before = (await kit.order(RENEWAL))["updated_at"]
    await kit.post(renewal(RENEWAL + 1))
    behind = await kit.runtime.database.read(orders.list_behind_mappings, limit=10)
    assert (behind, (await kit.order(RENEWAL))["updated_at"]) == ([], before)


async def test_renewals_of_one_subscription_do_not_wait_for_each_other(kit: Kit) -> None:
    """On PostgreSQL, each evaluation locked the others' rows: they waited in a circle until some were given up."""
    await begin(kit)
    numbers = range(RENEWAL, RENEWAL + 12)
    for number in numbers:
        await kit.post(renewal(number))
    changed = [
        renewal(number, transaction_id=f"T{place}", date_modified_gmt=f"2026-11-21T20:00:{place:02}")
        for place in range(4)
        for number in numbers
    ]
    answers = await asyncio.gather(*map(kit.post, changed))
    assert {answer.status_code for answer in answers} == {200}
    assert {(await kit.order(number))["state"] for number in numbers} == {"held"}


async def test_a_waiting_renewal_is_found_in_a_store_without_a_change_of_mappings(kit: Kit) -> None:
    await begin(kit)
    await kit.post(renewal())

    def forget(connection: Connection) -> None:
        connection.execute(delete(mapping_revisions))

    await kit.runtime.database.write(forget)
    (line,) = set_up(kit)
    await poll_status(kit, FIRST)
    await kit.until(RENEWAL, "created")
    assert named(kit) == [line]


async def test_another_process_sends_the_renewal_whose_line_the_first_one_has_kept(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    panelr[1].settings.rate_per_minute = 0
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await begin(kit)
        await kit.post(renewal())
    (line,) = set_up(kit)
    async with (
        kit_of(settings.model_copy(update={"worker": False}), panelr[1]) as receiver,
        kit_of(settings, panelr[1]) as worker,
    ):
        await poll_status(worker, FIRST)
        story = await receiver.until(RENEWAL, "created")
        assert story["reference_code"] is not None
    assert named(kit) == [line]


async def test_no_renewal_is_left_behind_when_it_comes_while_its_line_is_kept(kit: Kit) -> None:
    numbers = range(100, 108)
    billing = {number: order()["billing"] | {"email": f"customer-{number}@example.test"} for number in numbers}
    for number in numbers:
        content = order(id=number, number=str(number), billing=billing[number])
        assert (await kit.post(content)).json()["state"] == "created"
        await kit.runtime.database.write(
            note_orders, [SubscriptionOrder(number + 1000, number, RelationKind.FIRST)], store="default"
        )
    lines = {number: set_up(kit, number) for number in numbers}
    renewals = [renewal(number + 100, of=number + 1000, billing=billing[number]) for number in numbers]
    await asyncio.gather(
        *(poll_status(kit, number) for number in numbers),
        *(kit.post(each) for each in renewals),
    )
    for number in numbers:
        await kit.until(number + 100, "created")
    assert {number: named(kit, number + 100) for number in numbers} == lines


async def test_a_canceled_first_order_is_waited_for_no_more(kit: Kit) -> None:
    await begin(kit)
    await kit.post(renewal())
    kit.panel.set_status(1, "canceled")
    await poll_status(kit, FIRST)
    story = await kit.until(RENEWAL, is_settled("lines"))
    assert codes(story) == ["several_fitting_lines"]


@ONLY_SQLITE
async def test_a_first_order_whose_polls_have_ended_is_waited_for_no_more(kit: Kit) -> None:
    kit.panel.add_line(EMAIL, plugin_id=2)
    await kit.post(order())
    await note_first(kit)
    await kit.post(renewal())
    await poll_status(kit, FIRST)
    await begin_polls(kit, ago=timedelta(days=8))
    await due_now(kit.runtime, (await kit.order(FIRST))["id"], "status")
    await kit.until(RENEWAL, "created")  # the customer has one line that fits
    assert named(kit) == [1]


async def test_a_closed_first_order_is_waited_for_no_more(kit: Kit) -> None:
    kit.panel.add_line(EMAIL, plugin_id=2)
    unmapped = order(line_items=[LINE | {"sku": "ELSE", "product_id": 98}])
    assert (await kit.post(unmapped)).json()["state"] == "held"
    await note_first(kit)
    await kit.post(renewal())
    assert codes(await kit.order(RENEWAL)) == ["awaits_first_order"]
    await plan_time(kit, (await kit.order(RENEWAL))["id"])  # it looks again in a while only
    number = (await kit.order(FIRST))["id"]
    assert (await kit.api("POST", f"/orders/{number}/close", json={"why": "a test"})).status_code == 200
    await kit.until(RENEWAL, "created")
    assert named(kit) == [1]


@ONLY_SQLITE
async def test_a_first_order_that_is_ignored_meanwhile_is_noticed(kit: Kit) -> None:
    kit.panel.add_line(EMAIL, plugin_id=2)
    unmapped = order(line_items=[LINE | {"sku": "ELSE", "product_id": 98}])
    await kit.post(unmapped)
    await note_first(kit)
    await kit.post(renewal())
    await kit.post(unmapped | {"status": "cancelled", "date_modified_gmt": "2026-11-21T20:00:00"})
    assert (await kit.order(FIRST))["state"] == "ignored"
    number = (await kit.order(RENEWAL))["id"]
    await plan_now(kit.runtime, number)  # it looks again by itself, a while later
    await kit.until(RENEWAL, "created")
    assert named(kit) == [1]


async def test_a_waiting_renewal_brings_the_next_poll_forward_once(kit: Kit) -> None:
    await begin(kit)
    await poll_status(kit, FIRST)
    await begin_polls(kit, ago=timedelta(days=2))
    await kit.post(renewal())
    await kit.until(FIRST, is_polled_within_a_minute)
    since = (await read_poll(kit))["told"]["since"]
    number = (await kit.order(RENEWAL))["id"]
    await plan_now(kit.runtime, number)
    await kit.until(RENEWAL, lambda _: True)
    again = await plan_time(kit, number)
    assert again > datetime.now(UTC) + LOOKED_AGAIN / 2
    assert (await read_poll(kit))["told"]["since"] == since
    await kit.post(renewal(31))
    await plan_time(kit, (await kit.order(31))["id"])
    assert (await read_poll(kit))["told"]["since"] > since


def is_polled_within_a_minute(story: dict[str, Any]) -> bool:
    due = datetime.fromisoformat((find_follow_up(story, "status") or {})["due_at"])
    return due - datetime.now(UTC) <= timedelta(minutes=1)


async def read_poll(kit: Kit) -> FollowUpRow:
    """Return the first order's status poll."""
    planned = await kit.runtime.database.read(follow_ups.list_for_order, (await kit.order(FIRST))["id"])
    return planned[FollowUpKind.STATUS]


async def plan_time(kit: Kit, number: int) -> datetime:
    """Return when an order is planned again, once what is due is done."""
    while True:
        row = await kit.runtime.database.read(orders.get, number)
        assert row is not None
        assert row["follow_at"] is not None
        if row["follow_at"] > datetime.now(UTC):
            return row["follow_at"]
        await asyncio.sleep(0.02)


async def begin_polls(kit: Kit, *, ago: timedelta) -> None:
    """Let the polls of the first order have begun a while ago."""
    number = (await kit.order(FIRST))["id"]

    def change(connection: Connection) -> None:
        poll = follow_ups.list_for_order(connection, number)[FollowUpKind.STATUS]
        since = (datetime.now(UTC) - ago).isoformat()
        due = datetime.now(UTC) + timedelta(hours=5)
        follow_ups.change(
            connection, number, FollowUpKind.STATUS, {"told": poll["told"] | {"since": since}, "due_at": due}
        )

    await kit.runtime.database.write(change)
