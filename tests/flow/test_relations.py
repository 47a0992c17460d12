"""Orders that continue others, through the webhook route: what is stored, what a person sees and chooses."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.transactions.continuation import keep_activations, note_orders
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.store.subscriptions import SubscriptionOrder
from tests.support.bridge_kit import Kit, line, order
from tests.support.clockwork import plan_now
from tests.support.decisions import meta

MAPPING = {"sku": "PANEL-1000", "panelr_product_id": 3}
FIRST, SUBSCRIPTION = 458, 459
EMAIL = order()["billing"]["email"]


def renewal(number: int, subscription: int = SUBSCRIPTION, **changes: Any) -> dict[str, Any]:
    """Return a paid renewal as WooCommerce Subscriptions makes it."""
    marks = meta(_subscription_renewal=str(subscription))
    return order(id=number, number=str(number), order_key=f"wc_order_{number}", meta_data=marks) | changes


async def first_order(kit: Kit, *activations: int, number: int = FIRST, subscription: int = SUBSCRIPTION) -> None:
    """Let the first order of a subscription have brought these lines."""
    answer = await kit.post(order(id=number, number=str(number), order_key=f"wc_order_{number}"))
    assert answer.json()["state"] == "created"
    story = await kit.order(number)
    for each in activations:
        kit.panel.add_line(EMAIL, id=each, plugin_id=2)

    def store_news(connection: Connection, _: Any) -> None:
        brought = [Activation(each, 3) for each in activations]
        keep_activations(connection, brought, order_id=story["id"], woo_order_id=number, store="default")
        entries = [SubscriptionOrder(subscription, number, RelationKind.FIRST)]
        note_orders(connection, entries, store="default")

    await kit.runtime.bridge.write(store_news)


def items(kit: Kit, number: int) -> list[tuple[int, str, int | None]]:
    """Return the cart of an order's only work order."""
    (made,) = kit.panel.of_wc_order(str(number))
    return [(each.product_id, each.intent, each.activation_id) for each in made.cart]


async def reasons(kit: Kit, number: int) -> list[str]:
    """Return the codes of an order's reasons."""
    return [each["code"] for each in (await kit.order(number))["reasons"]]


async def choose(kit: Kit, number: int, *activations: int) -> tuple[int, str]:
    """Choose the lines of a held order; return the answer's status, and the order's state or the error's words."""
    order_id = (await kit.order(number))["id"]
    body = {"activation_id": activations[0] if len(activations) == 1 else list(activations)}
    answer = await kit.api("POST", f"/orders/{order_id}/resolve", json=body)
    return answer.status_code, answer.json()["data"]["state"] if answer.status_code == 200 else answer.json()["detail"]


async def test_a_renewal_names_the_line_that_its_first_order_brought(kit: Kit) -> None:
    """The customer has several lines that would fit."""
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    kit.panel.add_line(EMAIL, id=78, plugin_id=2)
    answer = await kit.post(renewal(460), topic="order.created")
    assert answer.json()["state"] == "created"
    assert items(kit, 460) == [(3, "renewal", 77)]
    assert (await kit.post(renewal(461))).json()["state"] == "created"
    assert items(kit, 461) == [(3, "renewal", 77)]


async def test_a_renewal_of_an_unknown_subscription_takes_the_customers_one_line(kit: Kit) -> None:
    await kit.map(**MAPPING)
    kit.panel.add_line(EMAIL, id=78, plugin_id=2)
    assert (await kit.post(renewal(460))).json()["state"] == "held"
    await kit.until(460, "created")
    assert items(kit, 460) == [(3, "renewal", 78)]


async def test_news_of_the_subscription_sends_a_renewal_that_was_held(kit: Kit) -> None:
    await kit.map(**MAPPING)
    kit.panel.add_line(EMAIL, id=78, plugin_id=2)
    kit.panel.add_line(EMAIL, id=79, plugin_id=2)
    assert (await kit.post(renewal(460))).json()["state"] == "held"
    await kit.until(460, lambda story: [each["code"] for each in story["reasons"]] == ["several_fitting_lines"])
    await first_order(kit, 77)
    kit.runtime.bridge.wake_worker.set()
    await kit.until(460, "created")
    assert items(kit, 460) == [(3, "renewal", 77)]


async def test_the_line_of_another_subscription_of_the_first_order_is_not_taken(kit: Kit) -> None:
    """The first order brought one line and began two subscriptions; the customer has a second line."""
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    kit.panel.add_line(EMAIL, id=78, plugin_id=2)
    other = [SubscriptionOrder(470, FIRST, RelationKind.FIRST)]
    await kit.runtime.database.write(note_orders, other, store="default")
    assert (await kit.post(renewal(471, subscription=470))).json()["state"] == "created"
    assert items(kit, 471) == [(3, "renewal", 77)]
    await kit.post(renewal(460))
    await kit.until(460, lambda story: [each["code"] for each in story["reasons"]] == ["several_fitting_lines"])


async def test_a_rebuilt_shops_subscription_renews_no_other_customers_line(kit: Kit) -> None:
    """It counts from the beginning, so a subscription of another customer has the same number."""
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    billing = order()["billing"] | {"email": "another@example.test"}
    kit.panel.add_line("another@example.test", id=78, plugin_id=2)
    assert (await kit.post(renewal(460, billing=billing))).json()["state"] == "held"
    await kit.until(460, "created")
    assert items(kit, 460) == [(3, "renewal", 78)]


async def test_a_person_chooses_the_line_and_the_next_renewal_follows(kit: Kit) -> None:
    await kit.map(**MAPPING)
    kit.panel.add_line(EMAIL, id=78, plugin_id=2)
    kit.panel.add_line(EMAIL, id=79, plugin_id=2)
    await kit.post(renewal(460))
    await kit.until(460, lambda story: [each["code"] for each in story["reasons"]] == ["several_fitting_lines"])
    status, words = await choose(kit, 460, 999)
    assert status == 409
    assert "activation 999 is not among the lines" in words
    status, words = await choose(kit, 460, 78, 79)
    assert status == 409
    assert "no item of this order is left for activation 79" in words
    assert await choose(kit, 460, 79) == (200, "queued")
    await kit.until(460, "created")
    assert items(kit, 460) == [(3, "renewal", 79)]
    assert (await kit.post(renewal(461))).json()["state"] == "created"
    assert items(kit, 461) == [(3, "renewal", 79)]
    assert (await choose(kit, 460, 78))[0] == 409


async def test_a_switch_waits_for_a_person_and_renews_the_chosen_line(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    switch = order(id=491, number="491", meta_data=meta(_subscription_switch="459"))
    assert (await kit.post(switch)).json()["state"] == "held"
    assert await reasons(kit, 491) == ["switch"]
    assert await choose(kit, 491, 77) == (200, "queued")
    await kit.until(491, "created")
    assert items(kit, 491) == [(3, "renewal", 77)]


async def test_an_order_that_lacks_no_line_takes_no_activation(kit: Kit) -> None:
    await kit.post(order(id=20))
    assert await choose(kit, 20, 77) == (409, "no item of this order lacks an activation")


async def test_an_order_shows_the_whole_life_of_its_subscription(kit: Kit) -> None:
    """A resubscription belongs to the old subscription and begins the new one."""
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    await kit.post(renewal(460))
    again = order(id=497, number="497", meta_data=meta(_subscription_resubscribe="459"))
    assert (await kit.post(again)).json()["state"] == "created"
    assert items(kit, 497) == [(3, "renewal", 77)]

    def store_news(connection: Connection, _: Any) -> None:
        note_orders(connection, [SubscriptionOrder(498, 497, RelationKind.FIRST)], store="default")

    await kit.runtime.bridge.write(store_news)
    assert (await kit.post(renewal(499, 498))).json()["state"] == "created"
    assert items(kit, 499) == [(3, "renewal", 77)]
    story = await kit.order(499)
    assert [(each["subscription_id"], each["woo_order_id"], each["kind"]) for each in story["subscriptions"]] == [
        (459, 458, "first"),
        (459, 460, "renewal"),
        (459, 497, "resubscription"),
        (498, 497, "first"),
        (498, 499, "renewal"),
    ]
    assert {each["state"] for each in story["subscriptions"]} == {"created"}


async def test_a_renewal_after_a_resubscription_renews_the_same_lines(kit: Kit) -> None:
    """Renewals of the old subscription renewed them too: it is the same subscription under another number."""
    await kit.map(**MAPPING)
    await first_order(kit, 77, 78)
    two = {"line_items": [order()["line_items"][0] | {"id": place} for place in (1, 2)]}
    for number, subscription, key in ((460, 459, "renewal"), (497, 459, "resubscribe"), (499, 498, "renewal")):
        if number == 499:
            begun = [SubscriptionOrder(498, 497, RelationKind.FIRST)]
            await kit.runtime.database.write(note_orders, begun, store="default")
        content = renewal(number, meta_data=meta(**{f"_subscription_{key}": str(subscription)}))
        assert (await kit.post(content | two)).json()["state"] == "created"
        assert items(kit, number) == [(3, "renewal", 77), (3, "renewal", 78)]


async def test_an_ordinary_order_belongs_to_no_subscription(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await kit.post(order(id=20))
    assert (await kit.order(20))["subscriptions"] == []


async def test_a_declined_renewal_is_sent_when_it_is_paid(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    declined = renewal(461, status="pending", date_paid_gmt=None)
    declined["meta_data"] += meta(_failed_renewal_order="yes")
    assert (await kit.post(declined, topic="order.created")).json()["state"] == "waiting"
    later = {"date_modified_gmt": "2026-11-29T23:16:50"}
    assert (await kit.post(declined | later)).json()["state"] == "waiting"
    paid = renewal(461, date_modified_gmt="2026-11-29T23:16:56")
    assert (await kit.post(paid)).json()["state"] == "created"
    assert items(kit, 461) == [(3, "renewal", 77)]


async def test_copied_keys_of_panelr_are_not_adopted(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    copied = renewal(467)
    copied["meta_data"] += meta(panelr_reference_code="WO-2026-00001", _panelr_work_order_id="1")
    assert (await kit.post(copied)).json()["state"] == "created"
    assert items(kit, 467) == [(3, "renewal", 77)]


async def test_equal_deliveries_at_once_renew_once(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    bodies = [(renewal(460), topic) for topic in ("order.created", "order.updated")] * 5
    answers = await asyncio.gather(*(kit.post(body, topic=topic) for body, topic in bodies))
    assert {answer.status_code for answer in answers} <= {200, 202}
    await kit.until(460, "created")
    assert items(kit, 460) == [(3, "renewal", 77)]


@pytest.mark.parametrize("parent_first", [True, False])
async def test_a_market_places_goods_are_sent_once(kit: Kit, parent_first: bool) -> None:
    await kit.map(**MAPPING)
    parent = order(id=567, number="567", meta_data=meta(has_sub_order="1"))
    child = order(id=568, number="568", parent_id=567, created_via="dokan", order_key="wc_order_568")
    for content in (parent, child) if parent_first else (child, parent):
        assert (await kit.post(content)).status_code == 200
    assert items(kit, 567) == [(3, "new_activation", None)]
    assert await reasons(kit, 568) == ["sub_order"]
    assert len(kit.panel.work_orders) == 1


async def test_the_rest_of_a_deposit_is_held_with_the_work_order_named(kit: Kit) -> None:
    await kit.map(**MAPPING)
    assert (await kit.post(order(id=2140, number="2140"))).json()["state"] == "created"
    rest = line(order(id=2141, number="2141", parent_id=2140), meta_data=meta(_original_order_id="2140"))
    answer = (await kit.post(rest)).json()
    assert answer["state"] == "held"
    code = (await kit.order(2140))["reference_code"]
    assert f"order 2140 (work order {code})" in answer["reason"]
    retried = await kit.api("POST", f"/orders/{(await kit.order(2141))['id']}/retry")
    assert retried.json()["data"]["state"] == "queued"


async def test_a_retry_for_another_reason_does_not_send_the_rest_of_a_deposit(kit: Kit) -> None:
    await kit.post(line(order(id=2141, number="2141", parent_id=2140), meta_data=meta(_original_order_id="2140")))
    assert sorted(await reasons(kit, 2141)) == ["second_payment", "unmapped_product"]
    await kit.api("POST", f"/orders/{(await kit.order(2141))['id']}/retry")
    await kit.map(**MAPPING)
    await kit.until(2141, lambda story: [each["code"] for each in story["reasons"]] == ["second_payment"])
    assert kit.panel.work_orders == {}


async def test_of_several_lines_a_renewal_takes_the_one_that_belongs_to_no_other_subscription(kit: Kit) -> None:
    """The first orders of both subscriptions are not known; the customer gets the second line later."""
    await kit.map(**MAPPING)
    kit.panel.add_line(EMAIL, id=77, plugin_id=2)
    await kit.post(renewal(460))
    story = await kit.until(460, "created")
    assert items(kit, 460) == [(3, "renewal", 77)]
    await plan_now(kit.runtime, story["id"])
    await kit.until(460, lambda story: bool(story["activations"]))
    kit.panel.add_line(EMAIL, id=78, plugin_id=2)
    await kit.post(renewal(471, 470))
    await kit.until(471, "created")
    assert items(kit, 471) == [(3, "renewal", 78)]


async def test_the_line_of_a_subscription_that_ended_is_free(kit: Kit) -> None:
    """The new subscription that a resubscription began is not known by its number."""
    await kit.map(**MAPPING)
    await first_order(kit, 77)
    again = order(id=497, number="497", meta_data=meta(_subscription_resubscribe=str(SUBSCRIPTION)))
    assert (await kit.post(again)).json()["state"] == "created"
    await kit.post(renewal(499, 498))
    await kit.until(499, "created")
    assert items(kit, 499) == [(3, "renewal", 77)]


async def test_two_items_do_not_renew_one_line(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await kit.post(renewal(460))
    status, words = await choose(kit, 460, 77, 77)
    assert (status, "given twice" in words) == (409, True)


async def test_an_order_that_says_later_that_it_renews_gets_attention(kit: Kit) -> None:
    await kit.map(**MAPPING)
    assert (await kit.post(order(id=460))).json()["state"] == "created"
    await kit.post(renewal(460, order_key=order()["order_key"], date_modified_gmt="2026-11-29T20:00:00"))
    assert [each["code"] for each in (await kit.order(460))["attention"]] == ["relation_changed"]


async def test_an_order_that_hides_what_it_renews_is_held_in_a_shop_with_subscriptions(kit: Kit) -> None:
    """As an Orders resource shows it: without the order key and without protected meta."""
    await kit.map(**MAPPING)
    thin = {"order_key": "", "meta_data": []}
    assert (await kit.post(order(id=20, **thin))).json()["state"] == "created"
    await first_order(kit, 77)
    assert (await kit.post(order(id=470, **thin))).json()["state"] == "held"
    assert await reasons(kit, 470) == ["relation_hidden"]
    assert (await kit.post(renewal(470, date_modified_gmt="2026-11-29T20:00:00"))).json()["state"] == "created"
    assert items(kit, 470) == [(3, "renewal", 77)]
    await kit.post(order(id=471, **thin))
    await kit.api("POST", f"/orders/{(await kit.order(471))['id']}/retry")
    await kit.until(471, "created")
    assert items(kit, 471) == [(3, "new_activation", None)]


async def test_a_first_order_stays_known_however_many_renewals_there_are(kit: Kit) -> None:
    await kit.map(**MAPPING)
    await first_order(kit, 77)

    def store_news(connection: Connection, _: Any) -> None:
        entries = [SubscriptionOrder(SUBSCRIPTION, 1000 + each, RelationKind.RENEWAL) for each in range(250)]
        note_orders(connection, entries, store="default")

    await kit.runtime.bridge.write(store_news)
    assert (await kit.post(renewal(5000))).json()["state"] == "created"
    assert items(kit, 5000) == [(3, "renewal", 77)]
