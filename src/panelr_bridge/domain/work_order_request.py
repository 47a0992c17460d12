"""Builds the request of a work order from an order that needs one: items, prices, payment, customer. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec

from panelr_bridge.domain.cart import MappedLine
from panelr_bridge.domain.currency import omits_amounts
from panelr_bridge.domain.customer_name import find_name
from panelr_bridge.domain.models import (
    AdjustmentMode,
    CartItem,
    FreeOrders,
    OnPaid,
    OrderMappings,
    OrderPolicy,
    PriceAdjustment,
    WcOrderId,
    WorkOrderRequest,
)
from panelr_bridge.domain.money import (
    coupon_fee,
    digits,
    matching_adjustment,
    order_adjustment,
    paid_of_price,
    remaining_adjustment,
    round_to,
    total_for_panelr,
)
from panelr_bridge.domain.panelr_values import CartQuote
from panelr_bridge.domain.reckoning import Cart, Reckoning, may_have_bundle_or_coupon, quote_shape, reckon
from panelr_bridge.domain.unit_prices import PANELR_DIGITS, with_unit_prices
from panelr_bridge.woocommerce.order_payload import LineItem, Order

UNPAID = "pending_payment"
PAID_STATUSES = frozenset({"payment_submitted", "completed"})
"""Statuses that report a payment when the work order is created."""
LONGEST_NAME = 190
LONGEST_PHONE = 50
LONGEST_CODE = 100
"""The largest lengths of texts of an order that are sent to Panelr; a longer one is cut."""


class PanelrPart(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of an order that are for Panelr, and their price; `whole` says that these are all lines."""

    order: Order
    mapped: tuple[MappedLine, ...]
    lines: tuple[LineItem, ...]
    whole: bool
    total: Decimal

    @property
    def list_prices(self) -> tuple[Decimal | None, ...]:
        """Panelr's own price of each item's product."""
        return tuple([mapping.price for each in self.mapped for mapping in each.mappings])


def build_request(
    order: Order, mappings: OrderMappings, policy: OrderPolicy, *, email: str, lines: Sequence[MappedLine]
) -> tuple[WorkOrderRequest, Reckoning | None, bytes | None]:
    """Return the request, the reckoning that checks Panelr's total, and the shape of a quote that is needed first.

    Without amounts there is nothing to check: what Panelr reckons is its own price in its own currency.
    """
    part = _panelr_part(order, lines)
    coupon_code = _code(order, "panelr_coupon_code")
    if omits_amounts(order, part.mapped, policy):
        priced = with_unit_prices(order, part.mapped)
        items = tuple([msgspec.structs.replace(item, unit_price=None) for item in priced])
        request = _build(part, mappings, policy, email, items=items, coupon_code=coupon_code, adjustment=None)
        return replace(request, payment_amount=None), None, None
    if policy.adjustment is not AdjustmentMode.AUTO:
        items = tuple([item for line in part.mapped for item in line.items])
        adjustment = _operators_adjustment(policy, part)
        request = _build(part, mappings, policy, email, items=items, coupon_code=coupon_code, adjustment=adjustment)
        return request, Reckoning(target=part.total), None
    cart = _build_cart(part, mappings, email=email, coupon_code=coupon_code)
    if cart.quote is not None and cart.quote.coupon_valid is False:
        coupon_code = None  # Panelr does not take it: its discount is in the adjustment
    reckoning = reckon(cart, part.total, mappings.facts)
    adjustment = _automatic_adjustment(part, reckoning.adjustment, coupon_code=coupon_code)
    request = _build(part, mappings, policy, email, items=cart.items, coupon_code=coupon_code, adjustment=adjustment)
    return request, reckoning, None if cart.shape in mappings.quotes else cart.shape


def _panelr_part(order: Order, lines: Sequence[MappedLine]) -> PanelrPart:
    mapped = tuple([line for line in lines if line.items])
    for_panelr = tuple([each.line for each in mapped])
    whole = len(mapped) == len(lines)
    total = total_for_panelr(order, for_panelr, whole=whole)
    return PanelrPart(order=order, mapped=mapped, lines=for_panelr, whole=whole, total=total)


def _build(
    part: PanelrPart,
    mappings: OrderMappings,
    policy: OrderPolicy,
    email: str,
    *,
    items: tuple[CartItem, ...],
    coupon_code: str | None,
    adjustment: PriceAdjustment | None,
) -> WorkOrderRequest:
    order = part.order
    status, amount = _payment(part, mappings, policy)
    return WorkOrderRequest(
        customer_email=email,
        status=status,
        items=items,
        payment_amount=amount,
        adjustment=adjustment,
        wc_order_id=_wc_order_id(order, policy),
        customer_name=find_name(order)[:LONGEST_NAME] or None,
        customer_phone=order.billing.phone.strip()[:LONGEST_PHONE] or None,
        payment_method_id=mappings.payment_method_id,
        coupon_code=coupon_code,
        referral_code=_code(order, "panelr_referral_code"),
    )


def _payment(part: PanelrPart, mappings: OrderMappings, policy: OrderPolicy) -> tuple[str, Decimal | None]:
    """Return the status and what was paid; unpaid where a later call reports the payment."""
    order, on_paid = part.order, on_paid_for(part.order, mappings, policy)
    status = dict(policy.status_map)[order.status]
    if status in PAID_STATUSES and on_paid is OnPaid.COMPLETE_ORDER:
        return UNPAID, None  # complete_order reports the payment
    if status in PAID_STATUSES and on_paid is OnPaid.SUBMIT_PAYMENT and not order.is_paid:
        return UNPAID, None  # cash on delivery is in processing: submit_payment reports the payment
    return status, paid_of_price(order, part.total)


def on_paid_for(order: Order, mappings: OrderMappings, policy: OrderPolicy) -> OnPaid:
    """Return how the order's payment is reported: a free order has no payment method, so its policy decides."""
    is_completed = policy.free_orders is FreeOrders.COMPLETE and not order.total
    return OnPaid.COMPLETE_ORDER if is_completed else mappings.on_paid


def _operators_adjustment(policy: OrderPolicy, part: PanelrPart) -> PriceAdjustment | None:
    """Return the order's own fee or discount, or with MATCH_TOTAL the difference to Panelr's prices, all known here."""
    if policy.adjustment is AdjustmentMode.ORDER:
        return order_adjustment(part.order, part.lines, whole=part.whole)
    items = [item for line in part.mapped for item in line.items]
    price = sum((price or Decimal(0)) * item.qty for price, item in zip(part.list_prices, items, strict=True))
    return matching_adjustment(part.order, part.lines, whole=part.whole, price=Decimal(price))


def _build_cart(part: PanelrPart, mappings: OrderMappings, *, email: str, coupon_code: str | None) -> Cart:
    """Return what Panelr reckons with, as far as it is known."""
    method_id = mappings.payment_method_id
    items = with_unit_prices(part.order, part.mapped)
    shape = None
    if mappings.facts.knows_quotes and may_have_bundle_or_coupon(items, coupon_code):
        shape = quote_shape(items, coupon_code=coupon_code, customer_email=email, payment_method_id=method_id)
    quote = None if shape is None else mappings.quotes.get(shape)
    if coupon_code is not None and mappings.facts.knows_quotes is not False:
        quote = _with_coupon(quote or CartQuote(), part.order, coupon_code)
    method = None if method_id is None else mappings.method_adjustment
    return Cart(items=items, list_prices=part.list_prices, shape=shape, quote=quote, method=method)


def _with_coupon(quote: CartQuote, order: Order, coupon_code: str) -> CartQuote:
    """Return Panelr's quote; where it shows nothing of the coupon, with the discount that the plugin put into the cart.

    So it is before the quote is known, and after its call failed. An older Panelr, which knows no quotes, knows no
    coupon codes either.
    """
    if quote.coupon_valid is not None or quote.coupon_discount:
        return quote
    return replace(quote, coupon_discount=coupon_fee(order, coupon_code))


def _automatic_adjustment(part: PanelrPart, amount: Decimal, *, coupon_code: str | None) -> PriceAdjustment | None:
    """Return the fee or discount for what Panelr's own reckoning lacks, which has cents in every currency."""
    rounded = round_to(amount, max(digits(part.order), PANELR_DIGITS))
    return remaining_adjustment(part.order, part.lines, rounded, whole=part.whole, coupon_code=coupon_code)


def _code(order: Order, name: str) -> str | None:
    """Return a code that Panelr's plugin stored in the order's meta."""
    code = order.meta(f"_{name}", name)
    return None if code is None else code[:LONGEST_CODE]


def _wc_order_id(order: Order, policy: OrderPolicy) -> str:
    names = {WcOrderId.ID: "", WcOrderId.NUMBER: order.number, WcOrderId.ORDER_KEY: order.order_key}
    return names[policy.wc_order_id] or str(order.id)
