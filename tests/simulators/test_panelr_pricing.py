"""What a work order of the simulated Panelr costs: unit prices, points, the payment method's fee, adjustments."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.panelr_caller import PanelrTestClient, read_error
from tests.support.panelr_prices import build_item, read_detail, read_total, switch_fee_on, without_method

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

FEE = {"adjustment_direction": "fee", "adjustment_label": "Tip", "adjustment_amount": 1.5}
DISCOUNT = {"adjustment_direction": "discount", "adjustment_label": "SPRING", "adjustment_amount": 4}


async def test_an_item_costs_its_unit_price_and_otherwise_the_list_price(caller: PanelrTestClient) -> None:
    made = await caller.create(items=[build_item(unit_price=8.25, qty=3), build_item(4)])
    assert (made["order_total"], made["credits_spent"]) == (44.74, 0)  # 3 x 8.25 + 19.99
    detail = await read_detail(caller, made)
    assert (detail["snap_total"], [each["price"] for each in detail["cart"]]) == (44.74, [8.25, 19.99])


@pytest.mark.parametrize("price", [0, 0.0, 7, 7.1, 7.15])
async def test_a_unit_price_of_two_decimals_at_most_is_accepted(caller: PanelrTestClient, price: float) -> None:
    assert await read_total(caller, items=[build_item(unit_price=price)]) == Decimal(str(price))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"unit_price": 7.005}, "items[0].unit_price must have two decimals at most"),
        ({"unit_price": -0.01}, "items[0].unit_price must lie between 0 and 99999999.99"),
        ({"unit_price": "7.00"}, "items[0].unit_price must be a number"),
        ({"unit_price": None}, "items[0].unit_price must be a number"),
        ({"unit_price": True}, "items[0].unit_price must be a number"),
        ({"pay_with_points": 1}, "items[0].pay_with_points must be true or false"),
    ],
)
@pytest.mark.parametrize("action", ["create_work_order", "complete_order", "quote_cart"])
async def test_a_bad_unit_price_is_refused_and_nothing_created(
    caller: PanelrTestClient, fields: dict[str, Any], text: str, action: str
) -> None:
    caller.panel.settings.strict = False
    body = without_method(items=[build_item(**fields)], payment_method_id=2)
    assert read_error(await caller.post(action, body)) == (422, text)
    assert caller.panel.work_orders == {}


async def test_an_item_paid_with_points_adds_nothing_to_the_total(caller: PanelrTestClient) -> None:
    made = await caller.create(items=[build_item(qty=2, pay_with_points=True), build_item(4, unit_price=5)])
    assert (made["order_total"], made["credits_spent"]) == (5, 200)
    detail = await read_detail(caller, made)
    assert [each["points_paid"] for each in detail["cart"]] == [200, 0]
    assert (detail["snap_total"], detail["credits_paid"]) == (5, 200)


@pytest.mark.parametrize(
    ("direction", "mode", "value", "price", "total"),
    [
        ("fee", "percent", "2.50", "20.20", "20.71"),  # 0.505 is rounded up
        ("fee", "percent", "2.50", "20.19", "20.69"),  # 0.50475
        ("discount", "percent", "10", "0.05", "0.04"),  # 0.005 is rounded up
        ("fee", "fixed", "0.35", "20.20", "20.55"),
        ("discount", "fixed", "0.35", "20.20", "19.85"),
        ("discount", "fixed", "30", "20.20", "0"),
        ("discount", "percent", "100", "20.20", "0"),
    ],
)
async def test_the_panel_adds_the_payment_methods_fee(
    caller: PanelrTestClient, direction: str, mode: str, value: str, price: str, total: str
) -> None:
    switch_fee_on(caller.panel, direction=direction, mode=mode, value=value)
    items = [build_item(unit_price=float(price))]
    assert await read_total(caller, items=items, payment_method_id=2) == Decimal(total)


async def test_only_the_named_methods_fee_is_added(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    assert await read_total(caller, payment_method_id=1) == 20
    assert await read_total(caller, payment_method_id=2) == Decimal("20.50")
    made = (await caller.send_create(without_method())).json()["data"]
    assert made["order_total"] == 20
    caller.panel.payment_methods[2].adjustment_enabled = False
    assert await read_total(caller, payment_method_id=2) == 20


async def test_the_callers_adjustment_comes_after_the_methods_fee(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    made = await caller.create(payment_method_id=2, **FEE)
    assert made["order_total"] == 22  # 20 + 2.5 % of 20 + 1.50
    assert (await read_detail(caller, made))["adjustment"] == {
        "direction": "fee",
        "label": "Credit card, Tip",
        "amount": 2,
    }
    made = await caller.create(payment_method_id=2, **DISCOUNT)
    assert made["order_total"] == 16.5
    assert (await read_detail(caller, made))["adjustment"] == {
        "direction": "discount",
        "label": "Credit card, SPRING",
        "amount": 3.5,
    }


async def test_a_single_adjustment_is_shown_as_it_is(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    methods = (await read_detail(caller, await caller.create(payment_method_id=2)))["adjustment"]
    assert methods == {"direction": "fee", "label": "Credit card", "amount": 0.5}
    callers = (await read_detail(caller, await caller.create(**FEE)))["adjustment"]
    assert callers == {"direction": "fee", "label": "Tip", "amount": 1.5}
    both = {"payment_method_id": 2, "adjustment_direction": "discount", "adjustment_amount": 0.5}
    assert (await read_detail(caller, await caller.create(**both)))["adjustment"] is None


async def test_a_total_is_exact_and_shown_with_three_decimals_at_most(caller: PanelrTestClient) -> None:
    caller.panel.settings.currency = "KWD"
    caller.panel.products[1].price_decimal = Decimal("1.0055")
    response = await caller.send_create(without_method(items=[build_item(qty=3)]))
    assert b'"order_total": 3.017,' in response.content
    assert caller.panel.work_orders[1].order_total == Decimal("3.0165")


@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
async def test_the_panels_currency_is_a_setting(caller: PanelrTestClient, currency: str) -> None:
    caller.panel.settings.currency = currency
    caller.panel.products[4].currency = "GBP"
    made = await caller.create()
    products = (await caller.get("get_products")).json()["data"]
    assert (await read_detail(caller, made))["currency"] == currency
    assert [each["currency"] for each in products] == [currency] * 3 + ["GBP"] + [currency] * 2
    assert (await caller.get("get_store_settings")).json()["data"]["currency"] == currency


async def test_the_payment_methods_show_where_they_are_paid(caller: PanelrTestClient) -> None:
    caller.panel.payment_methods[1].checkout_on = "panelr"
    methods = (await caller.get("get_payment_methods")).json()["data"]
    assert [each["checkout_on"] for each in methods] == ["panelr", "store"]
