"""The lines that orders brought are kept, so that a renewal names exactly its own, also before it is set up."""

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
from panelr_bridge.simulators.panelr.admin_actions import provision, void
from panelr_bridge.store import follow_ups, orders
from panelr_bridge.store.rows import FollowUpRow
from panelr_bridge.store.subscriptions import SubscriptionOrder
from panelr_bridge.store.tables import mapping_revisions
from tests.support.bridge_kit import Kit, kit_of, order, tried
from tests.support.clockwork import due_now, plan_now
from tests.support.held_table import meta
from tests.support.payments import attention_codes, find_follow_up, is_settled, poll_status

FIRST, RENEWAL, SUBSCRIPTION, OTHER_SUBSCRIPTION = 20, 30, 459, 460
EMAIL = order()["billing"]["email"]
LINE = order()["line_items"][0]
MONTH = LINE | {"id": 2, "sku": "MONTH", "product_id": 99, "name": "Another plan"}
ONLY_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])


def renewal(number: int = RENEWAL, *, of: int = SUBSCRIPTION, **changes: Any) -> dict[str, Any]:
    """Return a paid renewal order of a subscription."""
    return order(id=number, number=str(number), **meta(_subscription_renewal=str(of))) | changes


async def note_first(kit: Kit, *of: int) -> None:
    """Note that the first order began the subscriptions, as the shop's API or its subscription.* deliveries say."""
    entries = [SubscriptionOrder(each, FIRST, RelationKind.FIRST) for each in of or (SUBSCRIPTION,)]
    await kit.runtime.database.write(note_orders, entries, store="default")


def set_up(kit: Kit, number: int = FIRST) -> list[int]:
    """Complete a work order in Panelr; return its lines."""
    (work_order,) = kit.panel.of_wc_order(str(number))
    provision(kit.panel, work_order)
    return [item.activation_id for item in work_order.cart if item.activation_id is not None]


async def begin(kit: Kit, **changes: Any) -> None:
    """Have a first order with its subscription, for a customer with further lines that a renewal would fit."""
    for status in ("active", "expired"):
        kit.panel.add_line(EMAIL, plugin_id=2, status=status)
    assert (await kit.post(order(**changes))).json()["state"] == "created"
    await note_first(kit)


def named(kit: Kit, number: int = RENEWAL) -> list[int | None]:
    """Return the lines that an order's one work order names."""
    (work_order,) = kit.panel.of_wc_order(str(number))
    return [item.activation_id for item in work_order.cart]


def calls(kit: Kit, *actions: str) -> list[str]:
    return [entry.action for entry in kit.panel.journal if entry.action in actions]


def codes(story: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in story["reasons"]]


def kept(story: dict[str, Any]) -> list[tuple[int, int | None]]:
    return [(each["activation_id"], each["panelr_product_id"]) for each in story["activations"]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without a lack of calls."""
    return settings.model_copy(update={"panelr_rate_per_minute": 1200})


@pytest.fixture
async def kit(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge with mappings of two products, and a Panelr without a rate limit."""
    panelr[1].settings.rate_per_minute = 0
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.map(sku="MONTH", panelr_product_id=1)
        yield kit


async def test_a_renewal_names_exactly_the_line_that_its_first_order_brought(kit: Kit) -> None:
    await begin(kit)
    (line,) = set_up(kit)
    story = await poll_status(kit, FIRST)
    assert kept(story) == [(line, 3)]
    assert f"it brought activation {line}" in tried(story)[-1]["words"]
    await kit.post(renewal())
    await kit.until(RENEWAL, "created")
    assert named(kit) == [line]
    assert kept(await kit.order(RENEWAL)) == [(line, 3)]
    assert calls(kit, "get_work_orders", "get_lines") == []  # a newer Panelr costs no further call


async def test_a_line_is_kept_when_the_work_order_is_completed_and_not_before(kit: Kit) -> None:
    await begin(kit)
    assert kept(await poll_status(kit, FIRST)) == []
    (line,) = set_up(kit)
    kit.panel.set_status(1, "processing")
    assert kept(await poll_status(kit, FIRST)) == []
    kit.panel.set_status(1, "completed")
    assert kept(await poll_status(kit, FIRST)) == [(line, 3)]
    tries = len((await kit.order(FIRST))["attempt_log"])
    assert kept(await poll_status(kit, FIRST)) == [(line, 3)]
    assert len((await kit.order(FIRST))["attempt_log"]) == tries  # nothing new, nothing noted


async def test_a_renewal_before_the_line_is_set_up_waits_and_is_sent_when_the_line_is_there(kit: Kit) -> None:
    await begin(kit)
    assert (await kit.post(renewal())).json()["state"] == "held"
    assert codes(await kit.order(RENEWAL)) == ["awaits_first_order"]
    (line,) = set_up(kit)
    await poll_status(kit, FIRST)
    await kit.until(RENEWAL, "created")
    assert named(kit) == [line]


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


async def test_two_subscriptions_of_one_order_each_renew_their_own_line(kit: Kit) -> None:
    await begin(kit, line_items=[LINE, MONTH])
    await note_first(kit, SUBSCRIPTION, OTHER_SUBSCRIPTION)
    first, second = set_up(kit)
    await poll_status(kit, FIRST)
    await kit.post(renewal(31, of=OTHER_SUBSCRIPTION, line_items=[MONTH]))
    await kit.post(renewal(30, line_items=[LINE]))
    await kit.until(30, "created")
    await kit.until(31, "created")
    assert (named(kit, 30), named(kit, 31)) == ([first], [second])


@ONLY_SQLITE
async def test_two_equal_lines_are_renewed_by_two_items(kit: Kit) -> None:
    both = [LINE, LINE | {"id": 2}]
    await begin(kit, line_items=both)
    lines = set_up(kit)
    await poll_status(kit, FIRST)
    await kit.post(renewal(line_items=both))
    await kit.until(RENEWAL, "created")
    assert named(kit) == lines


async def test_of_two_equal_subscriptions_the_second_one_gets_the_line_that_is_left(kit: Kit) -> None:
    await begin(kit, line_items=[LINE, LINE | {"id": 2}])
    await note_first(kit, OTHER_SUBSCRIPTION)
    first, second = set_up(kit)
    await poll_status(kit, FIRST)
    await kit.post(renewal(30))
    assert codes(await kit.until(30, is_settled("lines"))) == ["several_fitting_lines"]  # nothing tells them apart
    order_id = (await kit.order(30))["id"]
    assert (await kit.api("POST", f"/orders/{order_id}/resolve", json={"activation_id": second})).status_code == 200
    await kit.until(30, "created")
    await kit.post(renewal(31, of=OTHER_SUBSCRIPTION))
    await kit.until(31, "created")
    await kit.post(renewal(32))
    await kit.until(32, "created")
    assert [named(kit, number) for number in (30, 31, 32)] == [[second], [first], [second]]


async def test_a_renewal_of_a_voided_first_order_is_for_another_line_or_held(kit: Kit) -> None:
    await kit.post(order())
    await note_first(kit)
    set_up(kit)
    await poll_status(kit, FIRST)
    void(kit.panel, kit.panel.work_orders[1])
    await poll_status(kit, FIRST)
    await kit.post(renewal())
    assert codes(await kit.until(RENEWAL, is_settled("lines"))) == ["no_fitting_line"]


async def test_no_renewal_is_left_behind_when_it_comes_while_its_line_is_kept(kit: Kit) -> None:
    numbers = range(100, 108)
    for number in numbers:
        customer = {"billing": order()["billing"] | {"email": f"customer-{number}@example.test"}}
        assert (await kit.post(order(id=number, number=str(number), **customer))).json()["state"] == "created"
        await kit.runtime.database.write(
            note_orders, [SubscriptionOrder(number + 1000, number, RelationKind.FIRST)], store="default"
        )
    lines = {number: set_up(kit, number) for number in numbers}
    renewals = [renewal(number + 100, of=number + 1000) for number in numbers]
    await asyncio.gather(
        *(poll_status(kit, number) for number in numbers),
        *(kit.post(each) for each in renewals),
    )
    for number in numbers:
        await kit.until(number + 100, "created")
    assert {number: named(kit, number + 100) for number in numbers} == lines


@pytest.mark.parametrize("feature", ["generation 1", "details without lines"])
async def test_an_older_panelr_costs_one_call_after_the_completion(kit: Kit, feature: str) -> None:
    if feature == "generation 1":
        kit.panel.settings.generation = 1
    else:
        kit.panel.settings.shows_details = False
    await begin(kit)
    await kit.post(renewal())
    (line,) = set_up(kit)
    await poll_status(kit, FIRST)
    story = await kit.until(FIRST, is_settled("activations"))
    assert kept(story) == [(line, 3)]
    assert calls(kit, "get_work_orders", "get_lines") == ["get_work_orders"]
    await kit.until(RENEWAL, "created")
    assert named(kit) == [line]
    await poll_status(kit, FIRST)
    assert calls(kit, "get_work_orders", "get_lines") == ["get_work_orders"]
    assert attention_codes(await kit.order(FIRST)) == ()


@ONLY_SQLITE
async def test_an_older_panelr_says_of_two_products_not_which_line_is_whose(kit: Kit) -> None:
    kit.panel.settings.generation = 1
    await begin(kit, line_items=[LINE, MONTH])
    lines = set_up(kit)
    await poll_status(kit, FIRST)
    story = await kit.until(FIRST, is_settled("activations"))
    assert kept(story) == [(line, None) for line in lines]
    await kit.post(renewal(line_items=[LINE]))
    await kit.until(RENEWAL, "created")
    assert named(kit) == lines[:1]  # of the two, only this one is of the product's service


@ONLY_SQLITE
@pytest.mark.parametrize("lacks", ["the list", "lines in the list"])
async def test_a_panelr_without_lines_in_its_lists_is_asked_for_the_customers_lines(kit: Kit, lacks: str) -> None:
    kit.panel.settings.generation = 1
    kit.panel.settings.knows_get_work_orders = lacks != "the list"
    kit.panel.settings.shows_activation_ids = False
    await kit.post(order())
    (line,) = set_up(kit)
    await poll_status(kit, FIRST)
    assert kept(await kit.until(FIRST, is_settled("activations"))) == [(line, 3)]
    assert calls(kit, "get_work_orders", "get_lines") == ["get_work_orders", "get_lines"]
    await kit.post(order(id=21, number="21"))
    (second,) = set_up(kit, 21)
    await poll_status(kit, 21)
    assert kept(await kit.until(21, is_settled("activations"))) == [(second, 3)]  # the first line is another order's
    assert calls(kit, "get_work_orders", "get_lines") == ["get_work_orders", "get_lines", "get_lines"]


@ONLY_SQLITE
async def test_lines_that_may_be_older_are_taken_for_nobodys(kit: Kit) -> None:
    kit.panel.settings.generation = 1
    kit.panel.settings.shows_activation_ids = False
    await begin(kit)  # one active line is there already
    await kit.post(renewal())
    set_up(kit)
    await poll_status(kit, FIRST)
    story = await kit.until(FIRST, is_settled("activations"))
    assert kept(story) == []
    assert "not show for certain" in tried(story)[-1]["words"]
    story = await kit.until(RENEWAL, is_settled("lines"))  # it waits no more, and falls back to the customer's lines
    assert codes(story) == ["several_fitting_lines"]


@ONLY_SQLITE
async def test_an_order_that_renews_needs_no_further_call_on_an_older_panelr(kit: Kit) -> None:
    kit.panel.settings.generation = 1
    line = kit.panel.add_line(EMAIL, plugin_id=2)
    content = order(line_items=[LINE | meta(panelr_intent="renewal", panelr_activation_id=str(line.id))])
    assert (await kit.post(content)).json()["state"] == "created"
    kit.panel.set_status(1, "completed")
    await poll_status(kit, FIRST)
    await plan_now(kit.runtime, (await kit.order(FIRST))["id"])
    story = await kit.until(FIRST, lambda story: (find_follow_up(story, "status") or {"due_at": None})["due_at"])
    assert find_follow_up(story, "activations") is None
    assert kept(story) == [(line.id, 3)]


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
