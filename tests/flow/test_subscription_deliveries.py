"""Deliveries about subscriptions: stored, understood, and never an order."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from panelr_bridge.application.backfill.compared_order import OrderComparison, read_payload, with_stored
from panelr_bridge.application.health import run_checks
from panelr_bridge.application.parse_delivery import Event, RawDelivery, parse_delivery
from panelr_bridge.store.deliveries import Delivery
from tests.support.bridge_kit import Kit, capture, order
from tests.support.decisions import meta

NOTHING = {"order_id": None, "state": None, "work_order_id": None, "reference_code": None}
WORDS = "subscription 459, begun by order 458: a subscription makes no work order, its orders do"
SUBSCRIPTION: dict[str, Any] = json.loads(capture("s003")[1])


async def deliveries(kit: Kit) -> list[tuple[str, str, int]]:
    """Return the topics, verdicts and counts of the stored deliveries."""
    found = (await kit.api("GET", "/deliveries?sort=id")).json()["data"]
    return [(each["topic"], each["verdict"], each["times"]) for each in found]


async def orders(kit: Kit) -> list[int]:
    return [each["woo_order_id"] for each in (await kit.api("GET", "/orders")).json()["data"]]


async def test_a_repeated_subscription_is_read_once(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def note(raw: RawDelivery) -> tuple[Delivery, Event | None]:
        read.append(raw.topic)
        return parse_delivery(raw)

    monkeypatch.setattr("panelr_bridge.application.bridge.parse_delivery", note)
    for topic in ("subscription.updated", "subscription.created", "subscription.updated"):
        answer = await kit.post(SUBSCRIPTION, topic=topic)
        assert (answer.status_code, answer.json()) == (200, NOTHING | {"reason": WORDS})
    assert read == ["subscription.updated"]
    assert await deliveries(kit) == [
        ("subscription.updated", "subscription", 2),
        ("subscription.created", "subscription", 1),
    ]
    await kit.post(SUBSCRIPTION | {"status": "cancelled"}, topic="subscription.updated")
    assert len(read) == 2
    assert await orders(kit) == []


@pytest.mark.parametrize("status", ["active", "on-hold", "processing"])
async def test_a_subscription_under_an_orders_topic_makes_no_order(kit: Kit, status: str) -> None:
    await kit.map(woo_product_id=444, panelr_product_id=1)
    answer = await kit.post(SUBSCRIPTION | {"status": status}, topic="order.updated")
    assert (answer.status_code, answer.json()) == (200, NOTHING | {"reason": WORDS})
    answer = await kit.post({"id": 459}, topic="order.deleted")
    assert answer.json()["state"] is None
    (first, _) = (await kit.api("GET", "/deliveries?sort=id")).json()["data"]
    replayed = await kit.api("POST", f"/deliveries/{first['id']}/replay")
    assert replayed.json()["data"]["verdict"] == "subscription"
    assert (await orders(kit), kit.panel.work_orders) == ([], {})


async def test_a_subscription_that_cannot_be_read_is_shown(kit: Kit) -> None:
    await kit.post([], topic="subscription.updated")
    await kit.post({"code": "x", "message": "gone"}, topic="subscription.created")
    assert [verdict for _, verdict, _ in await deliveries(kit)] == ["unreadable", "woocommerce_error"]
    checks = await run_checks(kit.runtime.database, now=datetime.now(UTC), overdue=kit.runtime.bridge.call_policy.lease)
    (webhooks,) = [each for each in checks if each.name == "webhooks"]
    assert not webhooks.ok
    assert webhooks.words.startswith("2 deliveries brought no order")


async def test_a_resubscription_goes_on_with_the_line_under_its_new_subscription(kit: Kit) -> None:
    """The order of the resubscription begins the new subscription, whose renewals name that one alone."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.add_line(order()["billing"]["email"], id=77, plugin_id=2)
    again = order(id=497, number="497", order_key="wc_order_497", meta_data=meta(_subscription_resubscribe="496"))
    await kit.post(again)
    await kit.until(497, "created")
    kit.panel.add_line(order()["billing"]["email"], id=78, plugin_id=2)
    await kit.post(
        SUBSCRIPTION | {"id": 498, "parent_id": 497, "resubscribed_from": "496"}, topic="subscription.created"
    )
    renewal = order(id=499, number="499", order_key="wc_order_499", meta_data=meta(_subscription_renewal="498"))
    assert (await kit.post(renewal)).json()["state"] == "created"
    ((item,),) = [each.cart for each in kit.panel.of_wc_order("499")]
    assert (item.intent, item.activation_id) == ("renewal", 77)


async def test_backfill_passes_a_subscription_that_an_api_lists_among_orders() -> None:
    found = with_stored(read_payload(SUBSCRIPTION, store="default"), {}, {}, takes=False, now=datetime.now(UTC))
    assert found.find_skip_reason(now=datetime.now(UTC)) is OrderComparison.KNOWN
