"""The topic decides what a delivery is: an order, a deletion, an error instead of an order, or another topic."""

import json
from typing import Any

import pytest

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.error_object import ErrorObject
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted, OtherTopic, parse, read_order
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
    ("content", "error"),
    [
        (
            {"code": "woocommerce_rest_cannot_view", "message": "Sorry"},
            ErrorObject("woocommerce_rest_cannot_view", "Sorry", owner_may_not_read=True),
        ),
        ({"code": "x", "message": "y", "data": {"status": 404}}, ErrorObject("x", "y")),
        ({"code": 7, "data": []}, ErrorObject("7", "")),
        ({"code": "a\x00b", "message": ["x", "y"]}, ErrorObject("ab", "['x', 'y']")),
        (
            {"errors": {"woocommerce_api_user_cannot_read_order": ["No permission"]}, "error_data": {}},
            ErrorObject(
                "woocommerce_api_user_cannot_read_order", "No permission", owner_may_not_read=True, legacy=True
            ),
        ),
        (
            {"errors": [{"code": "woocommerce_api_invalid_order_id", "message": "Invalid"}]},
            ErrorObject("woocommerce_api_invalid_order_id", "Invalid", legacy=True),
        ),
    ],
)
def test_an_error_in_place_of_an_order_is_distinguished(topic: str, content: Any, error: ErrorObject) -> None:
    assert parse(body=json.dumps(content).encode(), topic=topic) == error


@pytest.mark.parametrize("order_id", [52, "52", [52]])
def test_an_order_of_the_legacy_api_is_an_order_that_says_what_to_do(order_id: Any) -> None:
    legacy = {"order": {"id": order_id, "order_number": 1052, "status": "processing", "total": "6.00"}}
    found = parse(body=json.dumps(legacy).encode(), topic="order.updated")
    assert isinstance(found, Order)
    assert (found.id, found.number) == (52, "1052")
    assert "set the webhook's API version to WP REST API Integration v3" in found.unreadable[0].words


@pytest.mark.parametrize("content", [{"order": {}}, {"order": {"id": "x"}}])
def test_a_legacy_body_without_an_id_says_so_too(content: Any) -> None:
    with pytest.raises(UnreadableBody, match="set the webhook's API version to WP REST API Integration v3"):
        parse(body=json.dumps(content).encode(), topic="order.updated")


def test_an_order_with_a_field_named_code_is_an_order() -> None:
    assert isinstance(parse(body=json.dumps(order(code="x")).encode(), topic="order.updated"), Order)


def test_a_body_may_come_with_a_byte_order_mark() -> None:
    assert read_order(b"\xef\xbb\xbf" + json.dumps(order()).encode()) == read(order())
