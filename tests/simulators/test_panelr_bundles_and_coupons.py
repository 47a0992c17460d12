"""Bundles, coupon codes and quote_cart of the simulated Panelr."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.simulators.panelr import BundleRule, Coupon
from tests.support.panelr_caller import EMAIL, PanelrTestClient, read_error
from tests.support.panelr_payments import COMPLETION
from tests.support.panelr_prices import build_item, read_detail, read_total, switch_fee_on

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = [build_item(1, unit_price=12), build_item(4, unit_price=8)]
DUO = BundleRule("Duo", [1, 4], "percent", Decimal(10))
TEN = Coupon("TEN", "percent", Decimal(10))
FIVE = Coupon("FIVE", "fixed", Decimal(5))


@pytest.mark.parametrize(
    ("mode", "value", "discount"),
    [("percent", "10", "2.00"), ("percent", "0.125", "0.03"), ("fixed", "3.50", "3.50"), ("fixed", "30", "20")],
)
async def test_a_bundle_lowers_the_total_by_its_unit_prices(
    caller: PanelrTestClient, mode: str, value: str, discount: str
) -> None:
    caller.panel.bundle_rules = [BundleRule("Duo", [1, 4], mode, Decimal(value))]
    made = await caller.create(items=PAIR)
    assert (Decimal(str(made["bundle_discount"])), made["order_total"]) == (Decimal(discount), 20 - float(discount))
    (bundle,) = (await read_detail(caller, made))["bundles"]
    assert (bundle["name"], bundle["discount"], bundle["product_ids"]) == ("Duo", made["bundle_discount"], [1, 4])


@pytest.mark.parametrize(
    ("items", "times"),
    [
        ([build_item(1)], 0),
        ([build_item(1), build_item(4)], 1),
        ([build_item(1, qty=3), build_item(4, qty=2)], 2),
        ([build_item(1), build_item(1), build_item(4, qty=2)], 2),
        ([build_item(1, pay_with_points=True), build_item(4)], 0),
    ],
)
async def test_a_bundle_applies_once_for_each_complete_combination(
    caller: PanelrTestClient, items: list[dict[str, Any]], times: int
) -> None:
    caller.panel.bundle_rules = [BundleRule("Duo", [1, 4], "fixed", Decimal(1))]
    assert (await caller.create(items=items))["bundle_discount"] == times


async def test_a_unit_belongs_to_one_bundle_only(caller: PanelrTestClient) -> None:
    two = BundleRule("Two months", [1, 1], "fixed", Decimal(4))
    caller.panel.bundle_rules = [two, BundleRule("Duo", [1, 4], "fixed", Decimal(1))]
    made = await caller.create(items=[build_item(1, qty=3), build_item(4, qty=2)])
    bundles = [(each["name"], each["times"]) for each in (await read_detail(caller, made))["bundles"]]
    assert (made["bundle_discount"], bundles) == (5, [("Two months", 1), ("Duo", 1)])


async def test_without_rules_there_are_no_bundles(caller: PanelrTestClient) -> None:
    assert await read_total(caller, items=PAIR) == 20


@pytest.mark.parametrize(
    ("coupon", "discount"), [(TEN, "1.80"), (FIVE, "5"), (Coupon("ALL", "fixed", Decimal(50)), "18")]
)
async def test_a_coupon_is_taken_off_after_bundles(caller: PanelrTestClient, coupon: Coupon, discount: str) -> None:
    caller.panel.bundle_rules = [DUO]
    caller.panel.add_coupon(coupon)
    made = await caller.create(items=PAIR, coupon_code=coupon.code.lower())
    assert Decimal(str(made["coupon_discount"])) == Decimal(discount)
    assert Decimal(str(made["order_total"])) == 18 - Decimal(discount)
    shown = (await read_detail(caller, made))["coupon"]
    assert shown == {"code": coupon.code.lower(), "discount": made["coupon_discount"]}
    (listed,) = (await caller.get("get_work_orders", customer_email=EMAIL)).json()["data"]
    assert listed["coupon"] == shown


async def test_a_methods_percentage_is_of_the_total_after_bundles_and_coupon(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    caller.panel.bundle_rules = [DUO]
    caller.panel.add_coupon(FIVE)
    # 20 - 2 - 5 = 13, and 2.5 % of that is 0.325
    assert await read_total(caller, items=PAIR, coupon_code="FIVE", payment_method_id=2) == Decimal("13.33")


@pytest.mark.parametrize(
    ("coupon", "reason"),
    [
        (TEN, "This code does not exist"),
        (Coupon("SPRING", "fixed", Decimal(5), reason="This code has expired"), "This code has expired"),
        (
            Coupon("SPRING", "fixed", Decimal(5), customer_email="bob@example.test"),
            "This code belongs to another customer",
        ),
    ],
)
async def test_an_invalid_coupon_is_ignored_and_noted(caller: PanelrTestClient, coupon: Coupon, reason: str) -> None:
    caller.panel.add_coupon(coupon)
    made = await caller.create(coupon_code="SPRING")
    assert (made["order_total"], made["coupon_discount"]) == (20, 0)
    assert caller.panel.work_orders[1].extras == {"invalid_coupon": {"code": "SPRING", "reason": reason}}
    assert (await read_detail(caller, made))["coupon"] is None


async def test_a_completion_takes_codes_too(caller: PanelrTestClient) -> None:
    caller.panel.add_coupon(TEN)
    codes = {"coupon_code": "TEN", "referral_code": "ADA-7"}
    answer = (await caller.post("complete_order", COMPLETION | codes | {"payment_amount": 35.99})).json()["data"]
    assert (answer["order_total"], answer["coupon_discount"]) == (35.99, 4)
    assert caller.panel.work_orders[1].referral_code == "ADA-7"
    token = (await caller.create())["confirmation_token"]
    by_token = {"confirmation_token": token, "payment_amount": 18} | codes
    answer = (await caller.post("complete_order", by_token)).json()["data"]
    assert (answer["order_total"], answer["coupon_discount"]) == (18, 2)
    assert caller.panel.work_orders[2].referral_code == "ADA-7"


async def test_a_referral_code_is_recorded_only(caller: PanelrTestClient) -> None:
    assert await read_total(caller, referral_code="ADA-7") == 20
    assert caller.panel.work_orders[1].referral_code == "ADA-7"


async def test_a_quote_shows_what_the_panel_will_take_off(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    caller.panel.bundle_rules = [DUO]
    caller.panel.add_coupon(FIVE)
    cart = {"items": PAIR, "coupon_code": "FIVE", "customer_email": EMAIL, "payment_method_id": 2}
    quote = (await caller.post("quote_cart", cart)).json()["data"]
    assert quote == {
        "bundles": [{"name": "Duo", "discount": 2, "product_ids": [1, 4], "times": 1}],
        "coupon": {"valid": True, "discount": 5, "reason": None},
        "adjustment": {"direction": "fee", "label": "Credit card", "amount": 0.33},
        "dropped_which": [],
    }
    assert (caller.panel.work_orders, caller.panel.customers) == ({}, {})
    assert (await caller.create(**cart))["order_total"] == 20 - 2 - 5 + 0.33


async def test_a_quote_needs_only_items(caller: PanelrTestClient) -> None:
    quote = (await caller.post("quote_cart", {"items": PAIR})).json()["data"]
    assert quote == {"bundles": [], "coupon": None, "adjustment": None, "dropped_which": []}


async def test_a_quote_says_why_a_coupon_is_invalid(caller: PanelrTestClient) -> None:
    quote = (await caller.post("quote_cart", {"items": PAIR, "coupon_code": "X"})).json()["data"]
    assert quote["coupon"] == {"valid": False, "discount": 0, "reason": "This code does not exist"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"items": []}, "items must be a list with at least one item"),
        ({"payment_method_id": 9}, "payment_method_id 9 is unknown"),
        ({"customer_email": "ada"}, "customer_email must be a valid e-mail address"),
        ({"coupon_code": 5}, "coupon_code must be a string"),
        ({"status": "pending"}, "Unknown field status; known are items, coupon_code,"),
    ],
)
async def test_a_bad_quote_is_refused(caller: PanelrTestClient, changes: dict[str, Any], text: str) -> None:
    status, error = read_error(await caller.post("quote_cart", {"items": PAIR} | changes))
    assert (status, error[: len(text)]) == (422, text)
