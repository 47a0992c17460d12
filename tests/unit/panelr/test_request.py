"""The requests to Panelr, byte for byte."""

import json
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.domain.models import CartItem, ItemIntent, PriceAdjustment, WorkOrderRequest
from panelr_bridge.panelr.request import (
    PanelrRequest,
    as_json,
    create_work_order,
    dump,
    entry_points,
    get_payment_methods,
    get_products,
    get_work_orders,
    load,
)
from tests.support.properties import examples

LEAST = WorkOrderRequest(
    customer_email="ada@example.test",
    status="pending_payment",
    items=(CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=1),),
    wc_order_id="20",
)
FULL = replace(
    LEAST,
    items=(
        CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=2, unit_price=Decimal("8.50")),
        CartItem(product_id=1, intent=ItemIntent.RENEWAL, qty=1, activation_id=77),
        CartItem(product_id=2, intent=ItemIntent.TRIAL_UPGRADE, qty=1, activation_id=78, pay_with_points=True),
    ),
    customer_name="Zoë 🎉",
    customer_phone="+1 415",
    payment_method_id=2,
    payment_amount=Decimal("58.40"),
    adjustment=PriceAdjustment(direction="discount", label="rig10", amount=Decimal("9.80")),
    coupon_code="SPRING",
    referral_code="ADA",
)


def test_a_work_order_with_everything() -> None:
    assert as_json(FULL) == {
        "customer_email": "ada@example.test",
        "customer_name": "Zoë 🎉",
        "customer_phone": "+1 415",
        "payment_method_id": 2,
        "payment_amount": Decimal("58.40"),
        "status": "pending_payment",
        "wc_order_id": "20",
        "source": "woocommerce",
        "adjustment_direction": "discount",
        "adjustment_label": "rig10",
        "adjustment_amount": Decimal("9.80"),
        "items": [
            {"product_id": 3, "intent": "new_activation", "qty": 2, "unit_price": Decimal("8.50")},
            {"product_id": 1, "intent": "renewal", "qty": 1, "activation_id": 77},
            {
                "product_id": 2,
                "intent": "trial_upgrade",
                "qty": 1,
                "activation_id": 78,
                "pay_with_points": True,
            },
        ],
        "coupon_code": "SPRING",
        "referral_code": "ADA",
    }


def test_what_there_is_not_is_left_out() -> None:
    assert dump(LEAST) == (
        b'{"customer_email":"ada@example.test","status":"pending_payment","wc_order_id":"20","source":"woocommerce",'
        b'"items":[{"product_id":3,"intent":"new_activation","qty":1}]}'
    )


def test_every_field_of_a_request_is_sent() -> None:
    plain = {field.name for field in fields(WorkOrderRequest)} - {"adjustment"}
    assert plain | {"adjustment_direction", "adjustment_label", "adjustment_amount"} == as_json(FULL).keys()


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "0.10", "58.45", "58", "1234567.8900", "99999999.99", "0.1234567890123456789", "1E+2"]
)
def test_money_is_a_number_with_the_digits_that_it_came_with(amount: str) -> None:
    adjustment = PriceAdjustment(direction="fee", label="Fee", amount=Decimal(amount))
    body = dump(replace(LEAST, payment_amount=Decimal(amount), adjustment=adjustment))
    written = json.loads(
        body, parse_float=lambda digits: f"number {digits}", parse_int=lambda digits: f"number {digits}"
    )
    assert (written["payment_amount"], written["adjustment_amount"]) == (f"number {amount}", f"number {amount}")


def test_a_body_is_ascii() -> None:
    assert dump(FULL).isascii()


@pytest.mark.parametrize("request_", [LEAST, FULL])
def test_a_request_is_read_back_as_it_was_written(request_: WorkOrderRequest) -> None:
    assert load(dump(request_)) == request_
    assert load(dump(request_).decode()) == request_


money = st.decimals("0.00", "99999999.99", places=2) | st.decimals("0.0000", "9.9999", places=4)
requests = st.builds(
    WorkOrderRequest,
    customer_email=st.text(max_size=20),
    status=st.sampled_from(["pending", "completed"]),
    items=st.lists(
        st.builds(
            CartItem,
            product_id=st.integers(1, 2**31),
            intent=st.sampled_from(ItemIntent),
            qty=st.integers(1, 2**31),
            activation_id=st.none() | st.integers(1, 2**31),
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    wc_order_id=st.text(max_size=20),
    customer_name=st.none() | st.text(max_size=20),
    customer_phone=st.none() | st.text(max_size=20),
    payment_method_id=st.none() | st.integers(1, 2**31),
    payment_amount=st.none() | money,
    adjustment=st.none()
    | st.builds(
        PriceAdjustment, direction=st.sampled_from(["fee", "discount"]), label=st.text(max_size=20), amount=money
    ),
    source=st.text(max_size=20),
)


@examples(60)
@given(request_=requests)
def test_any_request_is_read_back_digit_for_digit(request_: WorkOrderRequest) -> None:
    back = load(dump(request_))
    assert back == request_
    assert repr(back) == repr(request_)  # Decimals that are equal may differ in their digits


@pytest.mark.parametrize(
    ("call", "expected", "method"),
    [
        (create_work_order(dump(LEAST)), PanelrRequest("create_work_order", query=(), body=dump(LEAST)), "POST"),
        (
            get_work_orders(customer_email="a+b@example.test"),
            PanelrRequest(
                "get_work_orders", query=(("customer_email", "a+b@example.test"), ("limit", "50")), body=None
            ),
            "GET",
        ),
        (get_products(), PanelrRequest("get_products", query=(), body=None), "GET"),
        (get_payment_methods(), PanelrRequest("get_payment_methods", query=(), body=None), "GET"),
    ],
)
def test_the_calls(call: PanelrRequest, expected: PanelrRequest, method: str) -> None:
    assert call == expected
    assert call.method == method


@pytest.mark.parametrize(
    ("saved", "address"),
    [
        *[
            (f"https://panel.test{ending}", "https://panel.test/api/api.php")
            for ending in (
                *("", "/", "//", "/api/api.php", "/api/api.php/", "/api/process.php", "/api/process.php/"),
                *("/api/api.php?action=get_products", "?x=1", "/#top", "/api/api.php#top"),
            )
        ],
        (" https://panel.test/ \n", "https://panel.test/api/api.php"),
        ("http://10.0.0.7:8443", "http://10.0.0.7:8443/api/api.php"),
        ("http://[::1]:8443/", "http://[::1]:8443/api/api.php"),
        ("https://shop.test/api/api/api.php", "https://shop.test/api/api/api.php"),
        ("https://shop.test/panel", "https://shop.test/panel/api/api.php"),
        ("https://shop.test/panel/api/api.php", "https://shop.test/panel/api/api.php"),
        ("https://shop.test/myapi/", "https://shop.test/myapi/api/api.php"),
        ("https://shop.test/a/api.php", "https://shop.test/a/api.php/api/api.php"),
    ],
)
def test_the_entry_point_is_found_from_every_form_that_an_operator_saves(saved: str, address: str) -> None:
    assert entry_points(saved) == (address,)
    assert entry_points(address) == (address,)


@pytest.mark.parametrize("saved", ["https://panel.test/api", "https://panel.test/api/", "https://panel.test/api?x=1"])
def test_an_address_that_ends_in_api_may_be_either_folder(saved: str) -> None:
    assert entry_points(saved) == ("https://panel.test/api/api.php", "https://panel.test/api/api/api.php")


def test_the_order_of_the_items_is_kept() -> None:
    many = tuple(CartItem(product_id=number, intent=ItemIntent.NEW_ACTIVATION, qty=1) for number in (3, 1, 2))
    sent: Any = json.loads(dump(replace(LEAST, items=many)))
    assert [each["product_id"] for each in sent["items"]] == [3, 1, 2]
