"""Panelr's prices and currencies, and the adjustment that matches an order's total."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.decision import Create, Hold, amount_paid_for_panelr
from panelr_bridge.domain.models import (
    AdjustmentMode,
    ItemIntent,
    MappingTarget,
    OrderMappings,
    PriceAdjustment,
    Reason,
)
from tests.support.bridge_kit import line, order
from tests.support.decisions import POLICY, codes, decision, item, maps, read, request

MATCH = replace(POLICY, adjustment=AdjustmentMode.MATCH_TOTAL)
FIXED = "Matched to the shop's total"


def priced(
    price: str | None = "49.00", currency: str | None = "USD", key: str = "product:12", product: int = 3, times: int = 1
) -> MappingTarget:
    """Return a mapping to a product in Panelr's list."""
    amount = None if price is None else Decimal(price)
    return replace(maps(key, product, quantity=times), price=amount, currency=currency)


@pytest.mark.parametrize(
    ("ours", "theirs", "held"),
    [
        ("USD", "USD", False),
        ("USD", "usd", False),
        ("usd", "USD", False),
        ("USD", None, False),
        ("USD", "", False),
        ("", "USD", False),
        ("USD", "EUR", True),
        ("EUR", "usd", True),
    ],
)
def test_an_order_in_another_currency_than_its_product_is_held(ours: str, theirs: str | None, held: bool) -> None:
    decided = decision(order(currency=ours), (priced(currency=theirs),))
    assert isinstance(decided, Hold if held else Create)
    if held:
        words = f"the order is in {ours}, and Panelr's product 3 costs {theirs}: map another"
        words += ", or choose BRIDGE_OTHER_CURRENCY"
        assert decided.reasons == (Reason("currency_differs", words, "Panel Credits 1000"),)


def test_each_product_of_a_bundle_is_looked_at_and_told_once() -> None:
    bundle = (priced(), priced(currency="EUR", product=4), priced(currency="EUR", product=4, times=2))
    assert codes(decision(order(), bundle).reasons) == ["currency_differs"]


def test_the_currency_is_reported_beside_what_else_must_be_mended() -> None:
    renewal = replace(priced(currency="EUR"), intent=ItemIntent.RENEWAL)
    decided = decision(order(billing={}), (renewal,))
    assert codes(decided.reasons) == ["no_activation_id", "currency_differs", "no_email"]


def test_what_was_paid_for_a_work_order_does_not_depend_on_its_products_currency() -> None:
    catalogue = OrderMappings(mappings=(priced(currency="EUR"),), payment_method_id=None, revision=1)
    assert amount_paid_for_panelr(read(order()), catalogue, POLICY) == Decimal("58.45")


SHIRT = item(id=2, product_id=99, sku="T-SHIRT", subtotal="20.00", total="20.00", total_tax="1.00")
NO_SHIRT = maps("product:99", None)


@pytest.mark.parametrize(
    ("content", "mappings", "expected"),
    [
        (order(total="49.00"), (priced(),), None),
        (order(total="49.0"), (priced("49.000"),), None),
        (order(), (priced(),), ("fee", FIXED, "9.45")),
        (order(total="40.01"), (priced(),), ("discount", FIXED, "8.99")),
        (order(total="0.00"), (priced(),), ("discount", FIXED, "49.00")),
        (order(total="-5.00"), (priced(),), ("discount", FIXED, "49.00")),
        (order(total="0.30"), (priced("0.1", times=3),), None),
        (line(order(total="90"), quantity=2), (priced("15", times=3),), None),
        (order(total="60"), (priced("49"), priced("10", product=4)), ("fee", FIXED, "1")),
        (order(total="40", coupon_lines=[{"code": " ten  off "}]), (priced(),), ("discount", "ten off", "9.00")),
        (
            order(total="60", coupon_lines=[{"code": "ten"}], fee_lines=[{"name": "Rush", "total": "5"}]),
            (priced(),),
            ("fee", "ten, Rush", "11.00"),
        ),
        (order(total="60", coupon_lines=[{"code": "x" * 200}]), (priced(),), ("fee", "x" * 190, "11.00")),
        (  # only a part of the order is Panelr's: its line with tax, and no fee, which belongs to no line
            order(
                line_items=[item(total="50.00", total_tax="2.50"), SHIRT],
                total="99",
                fee_lines=[{"name": "Rush", "total": "5"}],
            ),
            (priced(), NO_SHIRT),
            ("fee", FIXED, "3.50"),
        ),
        (  # a free trial
            order(total="0"),
            (priced("0.00"),),
            None,
        ),
    ],
)
def test_the_adjustment_matches_panelrs_prices_to_the_order(content: Any, mappings: Any, expected: Any) -> None:
    wanted = expected and PriceAdjustment(direction=expected[0], label=expected[1], amount=Decimal(expected[2]))
    assert request(content, mappings, MATCH).adjustment == wanted


def test_an_order_that_is_not_paid_is_matched_too() -> None:
    unpaid = request(order(status="on-hold", date_paid_gmt=None, total="40"), (priced(),), MATCH)
    assert (unpaid.payment_amount, unpaid.adjustment and unpaid.adjustment.amount) == (None, Decimal("9.00"))


def test_prices_do_not_matter_unless_they_are_to_be_matched() -> None:
    assert request(order(), (priced(None),)).adjustment is None


def test_a_price_that_is_not_known_holds_an_order_that_is_to_be_matched() -> None:
    decided = decision(order(), (priced(None),), MATCH)
    words = "Panelr's price of product 3 is not known, and the order's total cannot be matched"
    assert decided == Hold((Reason("price_unknown", words, "Panel Credits 1000"),))


def test_what_is_not_for_panelr_needs_no_price() -> None:
    content = order(line_items=[item(), SHIRT])
    assert isinstance(decision(content, (priced(), NO_SHIRT), MATCH), Create)
