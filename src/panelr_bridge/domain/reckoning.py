"""How Panelr adds up a work order, and what its answer says about that. Pure functions.

Source: Panelr's own plugin 2.0.7. The items count with the shop's `unit_price`, or with Panelr's list price if
Panelr ignores that field. Panelr takes bundle discounts and a coupon off, then adds the payment method's fee or
discount, then the caller's adjustment. The adjustment is chosen so that the sum is what the customer pays.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from panelr_bridge.domain.models import CartItem
from panelr_bridge.domain.money import CENT, round_to
from panelr_bridge.domain.panelr_values import NOTHING_KNOWN, CartQuote, MethodAdjustment, PanelrFacts

HUNDRED = Decimal(100)
ZERO = Decimal(0)


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """What Panelr reckons with: the items, Panelr's list price of each, the quote, and the named payment method.

    `shape` is the key of the quote; None if no quote is needed.
    """

    items: tuple[CartItem, ...]
    list_prices: tuple[Decimal | None, ...]
    shape: bytes | None
    quote: CartQuote | None
    method: MethodAdjustment | None


class Reckoning(msgspec.Struct, frozen=True, kw_only=True):
    """What the order is to cost at Panelr: by `facts`, its cart with the signed adjustment costs the target.

    `cart` is None if the operator chose another reckoning: then an answer teaches nothing.
    """

    target: Decimal
    cart: Cart | None = None
    adjustment: Decimal = ZERO
    facts: PanelrFacts = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalCheck:
    """What Panelr's total of a new work order says: whether it differs from the target, and facts that are new."""

    differs: bool
    learned: PanelrFacts | None


def assumed(facts: PanelrFacts) -> tuple[bool, bool]:
    """Return whether Panelr honours the unit price and adds the method's adjustment; a newer Panelr does both."""
    return facts.honours_unit_price is not False, facts.adds_method_adjustment is not False


def _subtotal(cart: Cart, *, unit_price: bool) -> Decimal:
    """Return the price of the items after bundles and coupon."""
    total = ZERO
    for item, listed in zip(cart.items, cart.list_prices, strict=True):
        if not item.pay_with_points:
            total += _price(item, listed, unit_price=unit_price) * item.qty
    if cart.quote is not None:
        total -= cart.quote.bundle_discount + cart.quote.coupon_discount
    return max(total, ZERO)


def _price(item: CartItem, listed: Decimal | None, *, unit_price: bool) -> Decimal:
    """Return the price of one; the other price stands in for an unknown one."""
    first, second = (item.unit_price, listed) if unit_price else (listed, item.unit_price)
    price = second if first is None else first
    return ZERO if price is None else price


def _method_fee(cart: Cart, subtotal: Decimal, *, unit_price: bool) -> Decimal:
    if cart.quote is not None and cart.quote.adjustment is not None and unit_price:
        return cart.quote.adjustment
    if cart.method is None:
        return ZERO
    return round_to(subtotal * cart.method.value / HUNDRED, 2) if cart.method.percent else cart.method.value


def reckon(cart: Cart, target: Decimal, facts: PanelrFacts) -> Reckoning:
    """Return the reckoning whose adjustment makes Panelr's total the `target`."""
    unit_price, adds_method = assumed(facts)
    before = _subtotal(cart, unit_price=unit_price)
    if adds_method:
        before += _method_fee(cart, before, unit_price=unit_price)
    return Reckoning(target=target, cart=cart, adjustment=target - before, facts=facts)


def check_total(reckoning: Reckoning, order_total: Decimal, facts: PanelrFacts) -> TotalCheck:
    """Compare Panelr's total of a new work order with the target, and find out how Panelr reckons.

    A fact is learned if every assumption that explains the total agrees about it.
    """
    differs = abs(order_total - reckoning.target) > CENT
    if reckoning.cart is None or not (differs or _may_teach(reckoning.cart, facts, reckoned_by=reckoning.facts)):
        return TotalCheck(differs=differs, learned=None)
    possible = _possible_totals(reckoning.cart, reckoning.adjustment)
    explain = [key for key, total in possible if abs(order_total - total) <= CENT]
    if not explain:
        return TotalCheck(differs=differs, learned=None)
    unit_price = _agreed({key[0] for key in explain}, facts.honours_unit_price)
    method = _agreed({key[1] for key in explain}, facts.adds_method_adjustment)
    learned = PanelrFacts(honours_unit_price=unit_price, adds_method_adjustment=method, knows_quotes=facts.knows_quotes)
    return TotalCheck(differs=differs, learned=None if learned == facts else learned)


def _may_teach(cart: Cart, facts: PanelrFacts, *, reckoned_by: PanelrFacts) -> bool:
    """Return whether the expected total may show something that is not known: usually all is known that it depends on.

    Without a fee of the payment method it does not depend on whether Panelr adds one.
    """
    has_fee = cart.method is not None or (cart.quote is not None and bool(cart.quote.adjustment))
    is_known = facts.honours_unit_price is not None and (facts.adds_method_adjustment is not None or not has_fee)
    return not is_known or facts != reckoned_by


def _possible_totals(cart: Cart, adjustment: Decimal) -> Iterator[tuple[tuple[bool, bool], Decimal]]:
    """Yield Panelr's total if it honours the unit price and adds the method's adjustment, one of them, neither."""
    for unit_price in (True, False):
        subtotal = _subtotal(cart, unit_price=unit_price)
        fee = _method_fee(cart, subtotal, unit_price=unit_price)
        yield (unit_price, True), max(subtotal + fee + adjustment, ZERO)
        yield (unit_price, False), max(subtotal + adjustment, ZERO)


def _agreed(values: set[bool], known: bool | None) -> bool | None:
    return next(iter(values)) if len(values) == 1 else known


def quote_shape(
    items: Iterable[CartItem], *, coupon_code: str | None, customer_email: str, payment_method_id: int | None
) -> bytes:
    """Return a hash of all that Panelr's quote of a cart depends on; the e-mail address only with a coupon."""
    texts = sorted(
        [f"{each.product_id} {each.intent!s} {each.qty} {each.unit_price!s} {each.pay_with_points}" for each in items]
    )
    customer = customer_email.casefold() if coupon_code else ""
    parts = [*texts, coupon_code or "", customer, str(payment_method_id)]
    return hashlib.sha256("\n".join(parts).encode()).digest()


def may_have_bundle_or_coupon(items: Iterable[CartItem], coupon_code: str | None) -> bool:
    """Return whether Panelr may take something off this cart: bundles combine items."""
    return coupon_code is not None or sum([item.qty for item in items]) > 1
