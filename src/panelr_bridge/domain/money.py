"""The money of an order, as far as it is Panelr's: exact, and by WooCommerce's own words."""

from decimal import Decimal

from panelr_bridge.domain.models import PriceAdjustment
from panelr_bridge.woocommerce.order_payload import LineItem, Order


def order_total(order: Order, lines: list[LineItem], *, whole: bool) -> Decimal:
    """What Panelr's part of an order costs: the whole order's total, else those lines with their tax.

    WooCommerce ties no fee to a line, so a fee belongs to Panelr's part only where that is the whole order.
    """
    amount = order.total if whole else sum((line.total + line.total_tax for line in lines), Decimal(0))
    return max(amount, Decimal(0))


def amount_paid(order: Order, lines: list[LineItem], *, whole: bool) -> Decimal | None:
    """What the customer paid for Panelr's part, less what was given back; None where the order is not paid.

    A refund names no line that can be relied on, so it counts where Panelr's part is the whole order.
    """
    if not order.is_paid:
        return None
    return max(order_total(order, lines, whole=whole) - (order.refunded if whole else Decimal(0)), Decimal(0))


def order_adjustment(order: Order, lines: list[LineItem], *, whole: bool) -> PriceAdjustment | None:
    """Fees minus discounts, before tax as WooCommerce lists them, as the one fee or discount that Panelr takes."""
    fees = sum((fee.total for fee in order.fee_lines), Decimal(0)) if whole else Decimal(0)
    discounts = sum([line.subtotal - line.total for line in lines], Decimal(0))
    amount = fees - discounts
    if not amount:
        return None
    label = _adjustment_label(order, discounted=bool(discounts), whole=whole)
    return _build_adjustment(amount, label or ("fee" if amount > 0 else "discount").capitalize())


def matching_adjustment(order: Order, lines: list[LineItem], *, whole: bool, price: Decimal) -> PriceAdjustment | None:
    """The fee or discount by which Panelr's own `price` of the items becomes what the order comes to."""
    amount = order_total(order, lines, whole=whole) - price
    if not amount:
        return None
    label = _adjustment_label(order, discounted=True, whole=whole)
    return _build_adjustment(amount, label or "Matched to the shop's total")


def _adjustment_label(order: Order, *, discounted: bool, whole: bool) -> str:
    """The coupons and fees that made it so, in WooCommerce's words."""
    codes = [coupon.code for coupon in order.coupon_lines] if discounted else []
    names = [fee.name for fee in order.fee_lines] if whole else []
    return ", ".join(" ".join(part.split()) for part in [*codes, *names] if part.strip())


def _build_adjustment(amount: Decimal, label: str) -> PriceAdjustment:
    return PriceAdjustment(direction="fee" if amount > 0 else "discount", label=label[:190], amount=abs(amount))
