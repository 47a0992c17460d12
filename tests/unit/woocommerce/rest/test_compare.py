"""Whether an order already has the values of a change."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.woocommerce.rest.compare import (
    has_creation_key,
    is_repeatable,
    matches_changes,
    note_has_text,
    with_creation_key,
)

ORDER: dict[str, Any] = {
    "id": 7,
    "status": "completed",
    "total": "19.10",
    "date_paid": None,
    "billing": {"first_name": "Zoë", "email": "zoe@mail.test"},
    "meta_data": [{"id": 1, "key": "a", "value": "1"}, {"id": 2, "key": "b", "value": {"c": [1, "2"], "d": 3}}],
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "completed"},
        {"status": "wc-completed", "total": Decimal("19.10")},
        {"billing": {"first_name": "Zoë"}},
        {"meta_data": [{"key": "a", "value": 1}]},
        {"meta_data": {"a": "1"}},
        {"meta_data": [{"key": "b", "value": {"c": ["1", 2]}}]},
        {"meta_data": [{"key": "gone", "value": None}]},
        {"set_paid": True},
        {"set_paid": False},
    ],
)
def test_it_is(changes: dict[str, Any]) -> None:
    assert matches_changes(ORDER, changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "processing"},
        {"status": "completed", "total": "19.11"},
        {"billing": {"first_name": "Zoe"}},
        {"billing": {"phone": "1"}},
        {"meta_data": [{"key": "a", "value": "1"}, {"key": "a2", "value": "1"}]},
        {"meta_data": [{"key": "a", "value": None}]},
        {"meta_data": [{"key": "b", "value": {"c": [1]}}]},
        {"unknown": "x"},
    ],
)
def test_it_is_not(changes: dict[str, Any]) -> None:
    assert not matches_changes(ORDER, changes)


def test_an_unpaid_order_is_not_paid() -> None:
    assert not matches_changes(ORDER | {"status": "pending"}, {"set_paid": True})
    assert matches_changes(ORDER | {"status": "on-hold", "date_paid": "2026-11-21T19:16:41"}, {"set_paid": True})


@pytest.mark.parametrize(
    ("changes", "twice"),
    [
        ({"status": "completed"}, True),
        ({"line_items": [{"id": 1, "quantity": 2}]}, True),
        ({"line_items": [{"id": 1}, {"product_id": 12}]}, False),
        ({"coupon_lines": [{"code": "x"}]}, False),
        ({"fee_lines": []}, True),
    ],
)
def test_a_change_may_be_sent_twice_or_not(changes: dict[str, Any], twice: bool) -> None:
    assert is_repeatable(changes) is twice


def test_an_order_is_found_by_its_mark() -> None:
    made = with_creation_key({"status": "pending", "meta_data": {"a": "b"}}, "m4rk")
    assert made == {
        "status": "pending",
        "meta_data": [{"key": "a", "value": "b"}, {"key": "panelr_bridge_key", "value": "m4rk"}],
    }
    assert has_creation_key(made, "m4rk")
    assert not has_creation_key(made, "other")
    assert not has_creation_key(ORDER, "m4rk")


def test_a_note_is_the_same_with_other_spaces_and_entities() -> None:
    assert note_has_text({"note": "<p>a &amp; b\n</p>"}, "a & b")
    assert not note_has_text({"note": "a & b"}, "a & c")
