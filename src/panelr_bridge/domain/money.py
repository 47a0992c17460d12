"""Panelr's part of an order's money: exact Decimals, computed from WooCommerce's own amounts. No I/O."""

from decimal import Decimal

from panelr_bridge.domain.models import PriceAdjustment
from panelr_bridge.woocommerce.order_payload import LineItem, Order


def order_total(order: Order, lines: list[LineItem], *, whole: bool) -> Decimal:
    """Return the price of Panelr's part: the order's total if it is the `whole` order, else its lines with tax.

    WooCommerce ties no fee to a line, so fees belong to Panelr's part only if it is the whole order.
    """
    amount = order.total if whole else sum((line.total + line.total_tax for line in lines), Decimal(0))
    return max(amount, Decimal(0))


def amount_paid(order: Order, lines: list[LineItem], *, whole: bool) -> Decimal | None:
    """Return what the customer paid for Panelr's part, less refunds; None if the order is not paid.

    A refund names no line reliably, so it counts only if Panelr's part is the whole order.
    """
    if not order.is_paid:
        return None
    return max(order_total(order, lines, whole=whole) - (order.refunded if whole else Decimal(0)), Decimal(0))


def order_adjustment(order: Order, lines: list[LineItem], *, whole: bool) -> PriceAdjustment | None:
    """Return the order's fees minus its discounts as Panelr's one fee or discount; before tax, as WooCommerce lists."""
    fees = sum((fee.total for fee in order.fee_lines), Decimal(0)) if whole else Decimal(0)
    discounts = sum([line.subtotal - line.total for line in lines], Decimal(0))
    amount = fees - discounts
    if not amount:
        return None
    label = _adjustment_label(order, discounted=bool(discounts), whole=whole)
    return _build_adjustment(amount, label or ("fee" if amount > 0 else "discount").capitalize())


def matching_adjustment(order: Order, lines: list[LineItem], *, whole: bool, price: Decimal) -> PriceAdjustment | None:
    """Return the fee or discount between Panelr's own `price` of the items and the order's total."""
    amount = order_total(order, lines, whole=whole) - price
    if not amount:
        return None
    label = _adjustment_label(order, discounted=True, whole=whole)
    return _build_adjustment(amount, label or "Matched to the shop's total")


def _adjustment_label(order: Order, *, discounted: bool, whole: bool) -> str:
    """Return the coupon codes and fee names behind an adjustment."""
    codes = [coupon.code for coupon in order.coupon_lines] if discounted else []
    names = [fee.name for fee in order.fee_lines] if whole else []
    return ", ".join(" ".join(part.split()) for part in [*codes, *names] if part.strip())


def _build_adjustment(amount: Decimal, label: str) -> PriceAdjustment:
    return PriceAdjustment(direction="fee" if amount > 0 else "discount", label=label[:190], amount=abs(amount))
