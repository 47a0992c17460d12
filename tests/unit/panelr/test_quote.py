"""Panelr's reckoning of a cart: exact, or unknown."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.panelr_values import CartQuote
from panelr_bridge.panelr.quote import cart_quote
from tests.support.answers import answers
from tests.support.properties import examples

SHOWN: dict[str, Any] = {
    "bundles": [{"name": "Two of a kind", "discount": "5.00"}, {"amount": Decimal("2.50")}],
    "coupon": {"valid": True, "discount": "3.10", "reason": None},
    "adjustment": {"direction": "discount", "label": "Bank transfer", "amount": Decimal("1.20")},
    "dropped_which": [],
}
QUOTE = CartQuote(
    bundle_discount=Decimal("7.50"),
    coupon_valid=True,
    coupon_discount=Decimal("3.10"),
    adjustment=Decimal("-1.20"),
)


def done(data: Any) -> Done:
    return Done(words="done", status=200, data=data)


def test_a_quote_is_read_whole() -> None:
    assert cart_quote(done(SHOWN)) == QUOTE


@pytest.mark.parametrize("data", [{}, {"bundles": [], "coupon": None, "adjustment": None}, {"coupon": []}])
def test_a_quote_of_a_cart_without_extras_has_none(data: Any) -> None:
    assert cart_quote(done(data)) == CartQuote()


@pytest.mark.parametrize(
    ("bundles", "discount"),
    [
        ([{"discount_amount": "5"}], "5"),
        ([{"discount": "-5.00"}], "5.00"),
        ([{"discount": None, "amount": 5}], "5"),
        ({"1": {"discount": 2}, "3": {"discount": 3}}, "5"),
    ],
)
def test_bundles_are_read_in_each_of_their_forms(bundles: Any, discount: str) -> None:
    assert cart_quote(done({"bundles": bundles})) == CartQuote(bundle_discount=Decimal(discount))


@pytest.mark.parametrize(
    ("coupon", "valid", "discount"),
    [
        ({"valid": False, "discount": "3.10", "reason": "expired"}, False, 0),
        ({"valid": 0}, False, 0),
        ({"valid": "1", "discount": "-3"}, True, 3),
        ({"discount": 3}, None, 3),
    ],
)
def test_a_coupon_counts_unless_it_is_not_valid(coupon: Any, valid: bool | None, discount: int) -> None:
    assert cart_quote(done({"coupon": coupon})) == CartQuote(coupon_valid=valid, coupon_discount=Decimal(discount))


@pytest.mark.parametrize(
    ("adjustment", "amount"),
    [
        ({"direction": "fee", "amount": "1.20"}, "1.20"),
        ({"direction": "Discount", "amount": "-1.20"}, "-1.20"),
        ({"adjustment_direction": "fee", "adjustment_amount": 2}, "2"),
        ({"direction": None, "amount": 0}, "0"),
        ("-1.20", "-1.20"),
        (Decimal("1.20"), "1.20"),
    ],
)
def test_a_fee_is_positive_and_a_discount_negative(adjustment: Any, amount: str) -> None:
    assert cart_quote(done({"adjustment": adjustment})) == CartQuote(adjustment=Decimal(amount))


NO_DATA: list[Any] = [None, [], "x", 7, [SHOWN]]
NO_LISTS: list[Any] = ["x", 5, True]
NO_BUNDLES: list[Any] = [[None], [{}], ["5"], [{"discount": "9,99"}], {"discount": 5}, [{"amount": 9 * 10**11}] * 2]
NO_COUPONS: list[Any] = ["SPRING", True, {"valid": True}, {"valid": True, "discount": "NaN"}, [5]]
NO_ADJUSTMENTS: list[Any] = [True, "x", [5], {"direction": "fee"}, {"amount": 1}, {"direction": "up", "amount": 1}]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *((data, "") for data in NO_DATA),
        *(({"bundles": each}, ": its bundles are no list") for each in NO_LISTS),
        *(({"bundles": each}, ": its bundles do not show their discount") for each in NO_BUNDLES),
        *(({"coupon": each}, ": its coupon does not show its discount") for each in NO_COUPONS),
        *(({"adjustment": each}, ": its adjustment does not show its direction and amount") for each in NO_ADJUSTMENTS),
    ],
)
def test_a_quote_that_cannot_be_read_is_unknown_and_says_which_part(data: Any, words: str) -> None:
    expected = Unknown(words=f"Panelr's quote of the cart cannot be read{words}", status=200)
    assert cart_quote(done(data)) == expected


@examples(250)
@given(data=answers(SHOWN))
def test_any_data_are_a_quote_or_unknown(data: Any) -> None:
    found = cart_quote(done(data))
    assert isinstance(found, (CartQuote, Unknown))
    if isinstance(found, CartQuote):
        assert 0 <= found.bundle_discount < 10**12
        assert 0 <= found.coupon_discount < 10**12
        assert found.adjustment is None or abs(found.adjustment) < 10**12
