"""The money of an order, as far as it is Panelr's: exact, and by WooCommerce's own words."""

from decimal import Decimal

from panelr_bridge.values import Adjustment
from panelr_bridge.woo.payload import LineItem, Order


def amount_paid(order: Order, lines: list[LineItem], *, whole: bool) -> Decimal | None:
    """What the customer paid for Panelr's part: the whole order's total, else those lines with their tax.

    WooCommerce ties no fee to a line, so a fee belongs to Panelr's part only where that is the whole order.
    """
    if not order.is_paid:
        return None
    paid = order.total if whole else sum((line.total + line.total_tax for line in lines), Decimal(0))
    return max(paid, Decimal(0))


def adjustment(order: Order, lines: list[LineItem], *, whole: bool) -> Adjustment | None:
    """Fees minus discounts, before tax as WooCommerce lists them, as the one fee or discount that Panelr takes."""
    fees = sum((fee.total for fee in order.fee_lines), Decimal(0)) if whole else Decimal(0)
    discounts = sum((line.subtotal - line.total for line in lines), Decimal(0))
    amount = fees - discounts
    if not amount:
        return None
    codes = [coupon.code for coupon in order.coupon_lines] if discounts else []
    names = [fee.name for fee in order.fee_lines] if whole else []
    direction = "fee" if amount > 0 else "discount"
    label = ", ".join(" ".join(part.split()) for part in [*codes, *names] if part.strip())
    return Adjustment(direction=direction, label=label[:190] or direction.capitalize(), amount=abs(amount))
