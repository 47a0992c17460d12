"""A body about a subscription is a subscription under every topic, and never an order."""

import json
from typing import Any

import pytest

from panelr_bridge.application.parse_delivery import RawDelivery, parse_delivery
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.error_object import ErrorObject
from panelr_bridge.woocommerce.order_payload import Order, parse
from panelr_bridge.woocommerce.subscription_payload import Subscription
from tests.support.bridge_kit import capture, order
from tests.support.decisions import meta

TOPICS = [f"subscription.{event}" for event in ("created", "updated", "switched", "renewed", "restored")]
PERIOD = {"billing_period": "month", "billing_interval": "1"}


def read(content: Any, topic: str = "subscription.updated") -> Any:
    return parse(body=json.dumps(content).encode(), topic=topic)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_subscription_names_its_first_order(topic: str) -> None:
    _, body = capture("s003")
    assert parse(body=body, topic=topic) == Subscription(459, 458, None)


@pytest.mark.parametrize("topic", ["order.created", "order.updated", "order.restored"])
@pytest.mark.parametrize(
    "changes",
    [PERIOD, PERIOD | {"status": "on-hold"}, {"meta_data": meta(_subscription_renewal_order_ids_cache=[])}],
    ids=["billing period", "on hold", "its own meta"],
)
def test_a_subscription_under_an_orders_topic_is_no_order(topic: str, changes: dict[str, Any]) -> None:
    assert read(order(id=459, parent_id=458) | changes, topic) == Subscription(459, 458, None)


@pytest.mark.parametrize("changes", [{}, {"billing_period": "month"}, {"meta_data": meta(_subscription_renewal="459")}])
def test_an_order_stays_an_order(changes: dict[str, Any]) -> None:
    assert isinstance(read(order() | changes, "order.updated"), Order)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("", None), (0, None), (False, None), ([], None), ("497", 497), (["497"], 497)],
)
def test_the_ids_are_read_in_any_form_of_php(given: Any, expected: int | None) -> None:
    found = read({"id": 500, "parent_id": given, "resubscribed_from": given})
    assert found == Subscription(500, expected, expected)


@pytest.mark.parametrize("content", [[], {}, {"id": 0}, {"id": "x"}, {"id": [1, 2]}, None, "gone"])
def test_a_body_without_a_subscription_is_unreadable(content: Any) -> None:
    with pytest.raises(UnreadableBody):
        read(content)


def test_an_error_in_place_of_a_subscription_is_distinguished() -> None:
    assert isinstance(read({"code": "x", "message": "y"}), ErrorObject)


def test_a_deleted_subscription_has_its_id_alone() -> None:
    assert read({"id": 459}, "subscription.deleted") == Subscription(459)


def test_its_delivery_is_of_no_order() -> None:
    headers, body = capture("s003")
    raw = RawDelivery(store="default", topic=headers["X-WC-Webhook-Topic"], body=body, headers={})
    delivery, event = parse_delivery(raw)
    assert (delivery.verdict, delivery.woo_order_id, event) == ("subscription", None, Subscription(459, 458))
    assert delivery.words == "subscription 459, begun by order 458: a subscription makes no work order, its orders do"
