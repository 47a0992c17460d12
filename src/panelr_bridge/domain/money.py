"""Panelr's part of an order's money: exact Decimals, computed from WooCommerce's own amounts. No I/O."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from panelr_bridge.domain.models import PriceAdjustment
from panelr_bridge.woocommerce.order_payload import LineItem, Order

CENT = Decimal("0.01")
"""The largest difference of two totals that agree: Panelr's own plugin tolerates it too."""
LONGEST_LABEL = 190
_ROUNDING = Decimal("0.10")
"""Up to this amount, an adjustment without another cause is the rounding of unit prices."""

# Digits after the decimal point, where they are not two (ISO 4217)
_DIGITS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
)
_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(4))
_DIGITS |= dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)


def digits(order: Order) -> int:
    """Return the digits after the decimal point of the order's amounts.

    They are those of its currency; a shop that shows cents in a currency without them has them.
    """
    count = _DIGITS.get(order.currency.upper(), 2)
    shows_cents = count == 0 and round_to(order.total, 2) != round_to(order.total, 0)
    return 2 if shows_cents else count


def round_to(amount: Decimal, places: int) -> Decimal:
    """Return an amount with this many digits after the decimal point, half up."""
    return amount.quantize(_STEPS[places], rounding=ROUND_HALF_UP)


def in_words(amount: Decimal, order: Order) -> str:
    """Return an amount of the order with its currency."""
    return f"{round_to(amount, digits(order)):f} {order.currency}".strip()


def total_for_panelr(order: Order, lines: Sequence[LineItem], *, whole: bool) -> Decimal:
    """Return the price of Panelr's part: the order's total if it is the `whole` order, else its lines with tax.

    WooCommerce ties no fee, gift card or refund to a line, so these belong to Panelr's part only if it is the whole
    order. What was refunded is not part of the price any more, and no part costs more than what is left.
    """
    amount = order.total - order.refunded
    if not whole:
        amount = min(amount, sum((line.total + line.total_tax for line in lines), Decimal(0)))
    return round_to(max(amount, Decimal(0)), digits(order))


def amount_paid(order: Order, lines: Sequence[LineItem], *, whole: bool) -> Decimal | None:
    """Return what the customer paid for Panelr's part, less refunds; None if the order is not paid."""
    return paid_of_price(order, total_for_panelr(order, lines, whole=whole)) if order.is_paid else None


def paid_of_price(order: Order, price: Decimal) -> Decimal | None:
    """Return what the customer paid of the price of Panelr's part; None if the order is not paid.

    What is due of a deposit is not paid.
    """
    if not order.is_paid:
        return None
    due = order.money_due
    return min(price, round_to(max(order.total - order.refunded - due, Decimal(0)), digits(order))) if due else price


def order_adjustment(order: Order, lines: Sequence[LineItem], *, whole: bool) -> PriceAdjustment | None:
    """Return the order's fees minus its discounts as Panelr's one fee or discount; before tax, as WooCommerce lists."""
    fees = sum((fee.total for fee in order.fee_lines), Decimal(0)) if whole else Decimal(0)
    discounts = sum([line.subtotal - line.total for line in lines], Decimal(0))
    names = [*(_coupon_codes(order) if discounts else ()), *(_fee_names(order) if whole else ())]
    return build_adjustment(fees - discounts, names)


def matching_adjustment(
    order: Order, lines: Sequence[LineItem], *, whole: bool, price: Decimal
) -> PriceAdjustment | None:
    """Return the fee or discount between Panelr's own `price` of the items and the order's total."""
    names = [*_coupon_codes(order), *(_fee_names(order) if whole else ())]
    amount = total_for_panelr(order, lines, whole=whole) - price
    return build_adjustment(amount, names or ["Matched to the shop's total"])


def remaining_adjustment(
    order: Order, lines: Sequence[LineItem], amount: Decimal, *, whole: bool, coupon_code: str | None
) -> PriceAdjustment | None:
    """Return the one fee or discount for all that Panelr does not reckon itself; `amount` is signed.

    Its label names the coupons, fees, shipping and tax that it may hold. The fee lines of the coupon that Panelr
    takes off itself are not named.
    """
    names = [*_coupon_codes(order)]
    if whole:
        names += [
            name for name in _fee_names(order) if not coupon_code or coupon_code.casefold() not in name.casefold()
        ]
        names += ["shipping"] if order.shipping_total else []
    if not order.prices_include_tax and any(line.total_tax for line in lines):
        names.append("tax")
    if not names and abs(amount) <= _ROUNDING:
        names = ["Rounding"]
    return build_adjustment(amount, names)


def build_adjustment(amount: Decimal, names: Sequence[str]) -> PriceAdjustment | None:
    """Return Panelr's fee or discount of a signed amount, labelled with `names`; None for nothing."""
    if not amount:
        return None
    direction = "fee" if amount > 0 else "discount"
    label = ", ".join(" ".join(name.split()) for name in names if name.strip()) or direction.capitalize()
    return PriceAdjustment(direction=direction, label=label[:LONGEST_LABEL], amount=abs(amount))


def coupon_fee(order: Order, code: str) -> Decimal:
    """Return the discount of Panelr's coupon as its plugin shows it: a negative fee named by its code."""
    names_code = re.compile(rf"(?<!\w){re.escape(code)}(?!\w)", re.IGNORECASE)
    fees = [fee for fee in order.fee_lines if fee.total < 0 and names_code.search(fee.name)]
    return -sum((fee.total + fee.total_tax for fee in fees), Decimal(0))


def _coupon_codes(order: Order) -> list[str]:
    return [coupon.code for coupon in order.coupon_lines]


def _fee_names(order: Order) -> list[str]:
    return [fee.name for fee in order.fee_lines]
