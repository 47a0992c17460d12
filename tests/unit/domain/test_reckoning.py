"""What Panelr's total of a new work order teaches."""

from dataclasses import replace
from decimal import Decimal

import pytest

from panelr_bridge.domain.models import CartItem, ItemIntent
from panelr_bridge.domain.panelr_values import CartQuote, MethodAdjustment, PanelrFacts
from panelr_bridge.domain.reckoning import Cart, Reckoning, TotalCheck, check_total, reckon

UNKNOWN = PanelrFacts(knows_quotes=True)
KNOWN = PanelrFacts(honours_unit_price=True, adds_method_adjustment=True, knows_quotes=True)
FEE = MethodAdjustment(value=Decimal(1), percent=False)
ITEM = CartItem(product_id=1, intent=ItemIntent.NEW_ACTIVATION, qty=1, unit_price=Decimal(8))
PAID = Decimal(8)
NOTHING_NEW = TotalCheck(differs=False, learned=None)


def cart(method: MethodAdjustment | None = None, quote: CartQuote | None = None) -> Cart:
    """Return a cart of one item for 8.00, which costs 10.00 at Panelr."""
    return Cart(items=(ITEM,), list_prices=(Decimal(10),), shape=None, quote=quote, method=method)


def test_the_expected_total_shows_what_was_not_known() -> None:
    assert check_total(reckon(cart(FEE), PAID, UNKNOWN), PAID, UNKNOWN) == TotalCheck(differs=False, learned=KNOWN)
    without_fee = replace(UNKNOWN, honours_unit_price=True)
    assert check_total(reckon(cart(), PAID, UNKNOWN), PAID, UNKNOWN) == TotalCheck(differs=False, learned=without_fee)
    half_known = replace(KNOWN, adds_method_adjustment=None)
    assert check_total(reckon(cart(FEE), PAID, half_known), PAID, half_known).learned == KNOWN
    quoted = reckon(cart(quote=CartQuote(adjustment=Decimal(1))), PAID, half_known)
    assert check_total(quoted, PAID, half_known).learned == KNOWN


@pytest.mark.parametrize("method", [None, FEE])
def test_the_expected_total_teaches_nothing_that_is_known(method: MethodAdjustment | None) -> None:
    assert check_total(reckon(cart(method), PAID, KNOWN), PAID, KNOWN) == NOTHING_NEW
    known = replace(KNOWN, adds_method_adjustment=None) if method is None else KNOWN
    assert check_total(reckon(cart(method), PAID, known), PAID + Decimal("0.01"), known) == NOTHING_NEW


def test_the_expected_total_corrects_facts_that_others_found_out_meanwhile() -> None:
    found_out = replace(KNOWN, honours_unit_price=False)
    assert check_total(reckon(cart(FEE), PAID, KNOWN), PAID, found_out).learned == KNOWN


def test_another_total_corrects_what_is_known() -> None:
    check = check_total(reckon(cart(FEE), PAID, KNOWN), Decimal(10), KNOWN)
    assert check == TotalCheck(differs=True, learned=replace(KNOWN, honours_unit_price=False))


def test_a_total_of_the_operators_own_reckoning_teaches_nothing() -> None:
    assert check_total(Reckoning(target=PAID), PAID, UNKNOWN) == NOTHING_NEW
    assert check_total(Reckoning(target=PAID), Decimal(10), UNKNOWN) == TotalCheck(differs=True, learned=None)
