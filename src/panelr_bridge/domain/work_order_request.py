"""Builds the request of a work order from an order that needs one: items, prices, payment, customer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

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
    amount_paid,
    coupon_fee,
    digits,
    matching_adjustment,
    order_adjustment,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrPart:
    """The lines of an order that are for Panelr; `whole` says that these are all lines."""

    order: Order
    mapped: tuple[MappedLine, ...]
    whole: bool

    @property
    def lines(self) -> list[LineItem]:
        """The lines as WooCommerce has them."""
        return [each.line for each in self.mapped]

    @property
    def total(self) -> Decimal:
        """The price of this part."""
        return total_for_panelr(self.order, self.lines, whole=self.whole)

    @property
    def list_prices(self) -> tuple[Decimal | None, ...]:
        """Panelr's own price of each item's product."""
        return tuple(mapping.price for each in self.mapped for mapping in each.mappings)


def build_request(
    order: Order, mappings: OrderMappings, policy: OrderPolicy, *, email: str, lines: Sequence[MappedLine]
) -> tuple[WorkOrderRequest, Reckoning | None, bytes | None]:
    """Return the request, the reckoning that checks Panelr's total, and the shape of a quote that is needed first.

    Without amounts there is nothing to check: what Panelr reckons is its own price in its own currency.
    """
    mapped = tuple(line for line in lines if line.items)
    part = PanelrPart(order=order, mapped=mapped, whole=len(mapped) == len(lines))
    reckons = policy.adjustment is AdjustmentMode.AUTO
    items = [item for line in mapped for item in (with_unit_prices(order, line) if reckons else line.items)]
    request = _build_unadjusted(part, mappings, policy, email=email, items=tuple(items))
    if omits_amounts(order, mapped, policy):
        unpriced = tuple(replace(item, unit_price=None) for item in request.items)
        return replace(request, items=unpriced, payment_amount=None), None, None
    if not reckons:
        return replace(request, adjustment=_operators_adjustment(policy, part)), Reckoning(target=part.total), None
    return _reckoned(request, mappings, part)


def _build_unadjusted(
    part: PanelrPart, mappings: OrderMappings, policy: OrderPolicy, *, email: str, items: tuple[CartItem, ...]
) -> WorkOrderRequest:
    """Return the request without its adjustment."""
    order = part.order
    status, amount = _payment(part, mappings, policy)
    return WorkOrderRequest(
        customer_email=email,
        status=status,
        items=items,
        payment_amount=amount,
        wc_order_id=_wc_order_id(order, policy),
        customer_name=find_name(order)[:LONGEST_NAME] or None,
        customer_phone=order.billing.phone.strip()[:LONGEST_PHONE] or None,
        payment_method_id=mappings.payment_method_id,
        coupon_code=_code(order, "panelr_coupon_code"),
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
    return status, amount_paid(order, part.lines, whole=part.whole)


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


def _reckoned(
    request: WorkOrderRequest, mappings: OrderMappings, part: PanelrPart
) -> tuple[WorkOrderRequest, Reckoning, bytes | None]:
    """Return the request with the adjustment that makes Panelr's total the order's."""
    order, facts = part.order, mappings.facts
    shape = quote_shape(request) if facts.knows_quotes and may_have_bundle_or_coupon(request) else None
    known = None if shape is None else mappings.quotes.get(shape)
    quote = _expected_quote(request, mappings, part, known)
    if quote is not None and quote.coupon_valid is False:
        request = replace(request, coupon_code=None)  # Panelr does not take it: its discount is in the adjustment
    cart = Cart(
        items=request.items,
        list_prices=part.list_prices,
        quote=quote,
        method=mappings.method_adjustment if request.payment_method_id is not None else None,
    )
    amount, reckoning = reckon(cart, part.total, facts)
    places = max(digits(order), PANELR_DIGITS)  # Panelr's own reckoning has cents in every currency
    adjustment = remaining_adjustment(
        order, part.lines, round_to(amount, places), whole=part.whole, coupon_code=request.coupon_code
    )
    request = request if adjustment is None else replace(request, adjustment=adjustment)
    return request, reckoning, shape if known is None else None


def _expected_quote(
    request: WorkOrderRequest, mappings: OrderMappings, part: PanelrPart, quote: CartQuote | None
) -> CartQuote | None:
    """Return Panelr's quote; where it shows nothing of the coupon, with the discount that the plugin put into the cart.

    So it is before the quote is known, and after its call failed. An older Panelr, which knows no quotes, knows no
    coupon codes either.
    """
    if request.coupon_code is None or mappings.facts.knows_quotes is False:
        return quote
    if quote is not None and (quote.coupon_valid is not None or quote.coupon_discount):
        return quote
    return replace(quote or CartQuote(), coupon_discount=coupon_fee(part.order, request.coupon_code))


def _code(order: Order, name: str) -> str | None:
    """Return a code that Panelr's plugin stored in the order's meta."""
    code = order.meta(f"_{name}", name)
    return None if code is None else code[:LONGEST_CODE]


def _wc_order_id(order: Order, policy: OrderPolicy) -> str:
    names = {WcOrderId.ID: "", WcOrderId.NUMBER: order.number, WcOrderId.ORDER_KEY: order.order_key}
    return names[policy.wc_order_id] or str(order.id)
