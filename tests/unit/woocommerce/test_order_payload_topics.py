"""The topic decides what a delivery is: an order, a deletion, an error instead of an order, or another topic."""

import json
from typing import Any

import pytest

from panelr_bridge.woocommerce.order_payload import ErrorObject, Order, OrderDeleted, OtherTopic, parse, read_order
from tests.support.bridge_kit import order
from tests.support.decisions import read


@pytest.mark.parametrize("topic", ["coupon.created", "product.updated", "action.woocommerce_x", "", "order"])
def test_other_topics_are_not_even_read(topic: str) -> None:
    assert parse(body=b"\xff no JSON", topic=topic) == OtherTopic(topic)


@pytest.mark.parametrize("topic", ["order.created", "order.updated", "order.restored"])
def test_three_topics_bring_an_order(topic: str) -> None:
    assert parse(body=json.dumps(order()).encode(), topic=topic) == read(order())


@pytest.mark.parametrize("given", [31, "31", "0031", 2**63 - 1])
def test_a_deletion_holds_an_id(given: Any) -> None:
    assert parse(body=json.dumps({"id": given}).encode(), topic="order.deleted") == OrderDeleted(int(given))


@pytest.mark.parametrize("topic", ["order.created", "order.updated", "order.restored", "order.deleted"])
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ({"code": "woocommerce_rest_cannot_view", "message": "Sorry"}, "woocommerce_rest_cannot_view", "Sorry"),
        ({"code": 7}, "7", ""),
        ({"code": "a\x00b", "message": ["x"]}, "ab", "['x']"),
    ],
)
def test_an_error_in_place_of_an_order_is_distinguished(topic: str, content: Any, code: str, words: str) -> None:
    assert parse(body=json.dumps(content).encode(), topic=topic) == ErrorObject(code, words)


def test_an_order_with_a_field_named_code_is_an_order() -> None:
    assert isinstance(parse(body=json.dumps(order(code="x")).encode(), topic="order.updated"), Order)


def test_a_body_may_come_with_a_byte_order_mark() -> None:
    assert read_order(b"\xef\xbb\xbf" + json.dumps(order()).encode()) == read(order())
