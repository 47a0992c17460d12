"""The shop's price of one unit of each cart item: what the customer saw, before discounts. A pure function."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from panelr_bridge.domain.cart import MappedLine
from panelr_bridge.domain.models import CartItem, MappingTarget
from panelr_bridge.domain.money import digits, round_to
from panelr_bridge.woocommerce.order_payload import Order

PANELR_DIGITS = 2
"""Panelr's unit_price has two digits after the decimal point."""
ZERO = Decimal(0)
_ONE_ITEM = (Decimal(1),)
_TRUE = frozenset({"1", "yes", "true", "on"})


def with_unit_prices(order: Order, lines: Iterable[MappedLine]) -> tuple[CartItem, ...]:
    """Return the items of the order's `lines` with their unit prices.

    A bundle's price is split by Panelr's list prices, or by the quantities if these are unknown. What rounding loses is
    part of the adjustment.
    """
    places = min(digits(order), PANELR_DIGITS)
    priced: list[CartItem] = []
    for mapped in lines:
        line = mapped.line
        price = max(line.subtotal + line.subtotal_tax if order.prices_include_tax else line.subtotal, ZERO)
        by_points = (line.meta("_panelr_pay_with_points", "panelr_pay_with_points") or "").casefold() in _TRUE
        for item, weight in zip(mapped.items, _weights(mapped.items, mapped.mappings), strict=True):
            each = CartItem(
                product_id=item.product_id,
                intent=item.intent,
                qty=item.qty,
                activation_id=item.activation_id,
                unit_price=round_to(price * weight / item.qty, places),
                pay_with_points=by_points,
            )
            priced.append(each)
    return tuple(priced)


def _weights(items: Sequence[CartItem], mappings: Sequence[MappingTarget]) -> Sequence[Decimal]:
    """Return each item's share of the line's price; the shares' sum is 1."""
    if len(items) == 1:
        return _ONE_ITEM
    worth = [(mapping.price or Decimal(0)) * item.qty for item, mapping in zip(items, mappings, strict=True)]
    if any(mapping.price is None for mapping in mappings) or not sum(worth):
        worth = [Decimal(item.qty) for item in items]
    total = sum(worth, Decimal(0))
    return [each / total for each in worth]
