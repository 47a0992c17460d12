"""The lines that orders brought are kept, so that a renewal names exactly its own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, update

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.admin_actions import provision, void
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import Kit, order, tried
from tests.support.clockwork import plan_now
from tests.support.held_table import meta
from tests.support.payments import attention_codes, find_follow_up, is_settled, poll_status
from tests.support.renewals import (
    EMAIL,
    FIRST,
    LINE,
    MONTH,
    OTHER_SUBSCRIPTION,
    RENEWAL,
    SUBSCRIPTION,
    begin,
    calls,
    codes,
    kept,
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
@pytest.mark.parametrize("fault", [{"kind": "refuse"}, {"kind": "status", "status": 404, "body": "envelope"}])
async def test_a_refusal_for_one_customer_says_nothing_of_the_others(kit: Kit, fault: dict[str, Any]) -> None:
    kit.panel.settings.generation = 1
    kit.panel.faults.add(**fault, action="get_work_orders")
    await kit.post(order())
    set_up(kit)
    await poll_status(kit, FIRST)
    await kit.until(FIRST, is_settled("activations"))
    await kit.post(order(id=21, number="21"))
    (line,) = set_up(kit, 21)
    await poll_status(kit, 21)
    assert kept(await kit.until(21, is_settled("activations"))) == [(line, 3)]
    assert calls(kit, "get_work_orders", "get_lines") == ["get_work_orders", "get_lines", "get_work_orders"]


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


PLUGINS = {
    "YITH": (meta(subscriptions=[532]), meta(is_a_renew="yes", subscriptions=["532"])),
    "WP Swings": (
        meta(wps_sfw_order_has_subscription="yes", wps_subscription_id="546"),
        meta(wps_sfw_renewal_order="yes", wps_sfw_subscription="546", wps_sfw_parent_order_id=str(FIRST)),
    ),
}


@ONLY_SQLITE
@pytest.mark.parametrize("plugin", PLUGINS)
async def test_renewals_of_other_plugins_name_the_line_too(kit: Kit, plugin: str) -> None:
    first, later = PLUGINS[plugin]
    kit.panel.add_line(EMAIL, plugin_id=2)
    await kit.post(order(**first))
    lines = set_up(kit)
    await kit.post(order(id=30, number="30", **later))
    await poll_status(kit, FIRST)
    await kit.until(30, "created")
    await kit.post(order(id=31, number="31", **later))
    await kit.until(31, "created")
    assert (named(kit, 30), named(kit, 31)) == (lines, lines)


@ONLY_SQLITE
@pytest.mark.parametrize("generation", [1, 2])
async def test_the_lines_of_a_work_order_that_the_plugin_made_are_kept(kit: Kit, generation: int) -> None:
    kit.panel.settings.generation = generation
    kit.panel.add_line(EMAIL, plugin_id=2)
    assert (await kit.post(order(id=19, number="19"))).json()["state"] == "created"
    made = kit.panel.work_orders[1]
    lines = set_up(kit, 19)
    await kit.runtime.database.write(_give_away, 19)
    marks = {"_panelr_reference_code": made.reference_code, "_panelr_confirmation_token": made.confirmation_token}
    assert (await kit.post(order(**meta(**marks)))).json()["state"] == "created"
    await note_first(kit)
    await kit.post(renewal())
    await poll_status(kit, FIRST)
    await kit.until(RENEWAL, "created")
    assert named(kit) == lines
    product = None if generation == 1 else 3
    assert kept(await kit.order(FIRST)) == [(lines[0], product)]


def _give_away(connection: Connection, number: int) -> None:
    """Let an order have another work order than its own."""
    connection.execute(
        update(orders).where(orders.c.woo_order_id == number).values(work_order_id=99, reference_code="WO-2026-00099")
    )


@ONLY_SQLITE
async def test_an_order_that_gets_another_work_order_loses_its_lines(kit: Kit) -> None:
    kit.panel.faults.add("reset", action="create_work_order", when="after")
    await kit.post(order())
    story = await kit.until(FIRST, "created")  # adopted by a look-up
    (line,) = set_up(kit)
    assert kept(await poll_status(kit, FIRST)) == [(line, 3)]
    answer = await kit.api("POST", f"/orders/{story['id']}/resolve", json={"not_created": True})
    assert answer.status_code == 200, answer.text
    story = await kit.until(FIRST, "created")
    assert kept(story) == []
    work_orders = kit.panel.of_wc_order(str(FIRST))
    provision(kit.panel, work_orders[-1])
    assert kept(await poll_status(kit, FIRST)) == [(line + 1, 3)]
