"""From a WooCommerce order to a work order: a pure function of the order, the mappings and the policy.

`decide` says what a snapshot calls for, `next_state` what that means for an order with a history, `changes_since`
what a person should know about an order that changed after its work order was created.
Above this module everything speaks WooCommerce's words, below it Panelr's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from panelr_bridge.domain.cart import POSITIVE, MappedLine, map_lines
from panelr_bridge.domain.customer_email import find_email, read_email
from panelr_bridge.domain.models import (
    AdjustmentMode,
    CartItem,
    OnPaid,
    OrderMappings,
    OrderPolicy,
    OrderState,
    PriceAdjustment,
    Reason,
    WcOrderId,
    WorkOrder,
    WorkOrderRequest,
)
from panelr_bridge.domain.money import amount_paid, matching_adjustment, order_adjustment
from panelr_bridge.woocommerce.order_payload import LineItem, Order

ENDED = {"cancelled", "refunded", "failed", "trash"}
FIXED = {OrderState.CREATED, OrderState.SENDING, OrderState.UNCONFIRMED, OrderState.CLOSED}
"""States that no decision changes: a work order exists or may exist, or a person has closed the order."""
UNPLACED = {"checkout-draft", "auto-draft", "draft", "new"}
UNPAID = "pending_payment"
PAID_STATUSES = frozenset({"payment_submitted", "completed"})
"""What a work order's status tells at its creation: that it is to be paid, or that it is."""

_MARKS = ("_panelr_work_order_id", "_panelr_reference_code", "panelr_reference_code")
_BY_PLUGIN = Reason(
    "adopted_from_plugin", "Panelr's own plugin had already sent this order; its work order was adopted"
)
_BY_ORDER = Reason("adopted_from_order", "the order in WooCommerce already carries this work order; it was adopted")


@dataclass(frozen=True, slots=True)
class Create:
    """The order calls for this work order."""

    request: WorkOrderRequest
    state = OrderState.QUEUED
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopt:
    """Panelr's own plugin has created the work order already."""

    work_order: WorkOrder
    reasons: tuple[Reason, ...]
    state = OrderState.CREATED


@dataclass(frozen=True, slots=True)
class Hold:
    """A person must mend something first."""

    reasons: tuple[Reason, ...]
    state = OrderState.HELD


@dataclass(frozen=True, slots=True)
class Wait:
    """The order's WooCommerce status does not call for a work order yet."""

    reasons: tuple[Reason, ...]
    state = OrderState.WAITING


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing in the order is for Panelr. `by_mappings`: a mapping could change that."""

    reasons: tuple[Reason, ...]
    by_mappings: bool = False
    state = OrderState.IGNORED


Decision = Create | Adopt | Hold | Wait | Ignore


def amount_paid_for_panelr(order: Order, catalogue: OrderMappings, policy: OrderPolicy) -> Decimal | None:
    """Return what the customer has paid for Panelr's part of an order; None where it is not paid or cannot be told."""
    lines = map_lines(order, catalogue, policy)
    for_panelr = [line.line for line in lines if line.items]
    if not for_panelr or any(line.reasons for line in lines):
        return None
    return amount_paid(order, for_panelr, whole=len(for_panelr) == len(lines))


def decide(order: Order, catalogue: OrderMappings, policy: OrderPolicy) -> Decision:
    """Return what `order` calls for, from its newest snapshot alone.

    Every outcome is named, "nothing to do" included. The same input gives the same output; money stays Decimal.
    """
    if (adopted := _find_existing_work_order(order)) is not None:
        return adopted
    if (early := _decide_by_status(order, policy)) is not None:
        return early
    lines = map_lines(order, catalogue, policy)
    reasons = [reason for line in lines for reason in line.reasons]
    items = tuple([item for line in lines for item in line.items])
    if not items and not reasons:
        words = "no line of this order is for Panelr" if order.line_items else "the order has no lines"
        return Ignore((Reason("no_panelr_items", words),), by_mappings=bool(order.line_items))
    reasons += _price_reasons(order, lines, policy)
    email, email_reasons = read_email(order)
    reasons += [*email_reasons, *_payment_reasons(order, catalogue, policy)]
    if reasons:
        return Hold(tuple(reasons))
    return Create(_build_request(order, catalogue, policy, email=email, lines=lines, items=items))


def _find_existing_work_order(order: Order) -> Adopt | None:
    """Panelr's plugin writes these keys once it has sent the order; a second work order would be a double.

    Those without the underscore the bridge itself writes, the reference code always: so it knows its work orders again
    when its tables are lost.
    """
    if order.meta(*_MARKS) is None:
        return None
    by_plugin = order.meta("_panelr_work_order_id", "_panelr_reference_code") is not None
    mark = "_" if by_plugin else ""
    work_order_id = order.meta(f"{mark}panelr_work_order_id")
    reference_code = order.meta(f"{mark}panelr_reference_code")
    usable_id = int(work_order_id) if work_order_id and POSITIVE.fullmatch(work_order_id) else None
    if reference_code is None and (usable_id is None or not by_plugin):
        return None
    return Adopt(
        WorkOrder(
            reference_code=reference_code,
            work_order_id=usable_id,
            confirmation_token=order.meta(f"{mark}panelr_confirmation_token"),
            status=order.meta(f"{mark}panelr_status"),
        ),
        (_BY_PLUGIN if by_plugin else _BY_ORDER,),
    )


def _decide_by_status(order: Order, policy: OrderPolicy) -> Wait | Ignore | None:
    status = order.status
    if status == "trash":
        return Ignore((Reason("deleted", "the order was deleted in WooCommerce"),))
    if status in policy.create_on:
        return None
    if status in ENDED:
        return Ignore((Reason("ended_before_creation", f"the order is {status} and was never sent to Panelr"),))
    if status in UNPLACED:
        return Wait((Reason("not_placed", f"the order is not placed yet: its status is {status}"),))
    words = f"the status {status or '(none)'} does not call for a work order (BRIDGE_CREATE_ON)"
    return Wait((Reason("status_not_called_for", words),))


def _payment_reasons(order: Order, catalogue: OrderMappings, policy: OrderPolicy) -> list[Reason]:
    if not policy.require_payment_method or catalogue.payment_method_id is not None:
        return []
    method = order.payment_method or "(none)"
    return [Reason("unmapped_payment_method", f"no mapping for the payment method {method}")]


def _price_reasons(order: Order, lines: list[MappedLine], policy: OrderPolicy) -> list[Reason]:
    """Why Panelr's prices and the order's money do not go together."""
    found: dict[Reason, None] = {}
    for line in lines:
        for product in line.mappings:
            number, currency = product.panelr_product_id, product.currency
            if currency and order.currency and currency.casefold() != order.currency.casefold():
                words = f"the order is in {order.currency}, and Panelr's product {number} costs {currency}: map another"
                found[Reason("currency_differs", words, line.label)] = None
            if product.price is None and policy.adjustment is AdjustmentMode.MATCH_TOTAL:
                words = f"Panelr's price of product {number} is not known, and the order's total cannot be matched"
                found[Reason("price_unknown", words, line.label)] = None
    return list(found)


def _build_adjustment(
    order: Order, policy: OrderPolicy, lines: list[MappedLine], *, whole: bool
) -> PriceAdjustment | None:
    """The order's own fee or discount, or the one that matches Panelr's prices, all of them known, to the order."""
    for_panelr = [line.line for line in lines]
    if policy.adjustment is AdjustmentMode.ORDER:
        return order_adjustment(order, for_panelr, whole=whole)
    priced = (pair for line in lines for pair in zip(line.items, line.mappings, strict=True))
    price = sum(((product.price or Decimal(0)) * item.qty for item, product in priced), Decimal(0))
    return matching_adjustment(order, for_panelr, whole=whole, price=price)


def _build_request(
    order: Order,
    catalogue: OrderMappings,
    policy: OrderPolicy,
    *,
    email: str,
    lines: list[MappedLine],
    items: tuple[CartItem, ...],
) -> WorkOrderRequest:
    name = order.meta("_panelr_customer_name") or f"{order.billing.first_name} {order.billing.last_name}"
    mapped = [line for line in lines if line.items]
    for_panelr, whole = [line.line for line in mapped], len(mapped) == len(lines)
    status, amount = dict(policy.status_map)[order.status], amount_paid(order, for_panelr, whole=whole)
    if status in PAID_STATUSES and catalogue.on_paid is OnPaid.COMPLETE_ORDER:
        status, amount = UNPAID, None  # complete_order tells of the payment, and passes the work order on
    elif status in PAID_STATUSES and catalogue.on_paid is OnPaid.SUBMIT_PAYMENT and not order.is_paid:
        status = UNPAID  # cash on delivery is in processing without being paid: submit_payment tells of it
    return WorkOrderRequest(
        customer_email=email,
        status=status,
        items=items,
        wc_order_id=_wc_order_id(order, policy),
        customer_name=" ".join(name.split()) or None,
        customer_phone=order.billing.phone.strip() or None,
        payment_method_id=catalogue.payment_method_id,
        payment_amount=amount,
        adjustment=_build_adjustment(order, policy, mapped, whole=whole),
    )


def _wc_order_id(order: Order, policy: OrderPolicy) -> str:
    names = {WcOrderId.ID: "", WcOrderId.NUMBER: order.number, WcOrderId.ORDER_KEY: order.order_key}
    return names[policy.wc_order_id] or str(order.id)


def next_state(*, state: OrderState, decision: Decision, refused: WorkOrderRequest | None = None) -> OrderState:
    """Return the state that `decision` leads to from `state`; `refused` is what Panelr has said no to.

    A work order that exists, may exist or is on the wire is never decided away, and what a person closed
    stays closed. What Panelr refused is not sent again unchanged.
    """
    if state in FIXED:
        return state
    if state is OrderState.REFUSED and isinstance(decision, Create) and decision.request == refused:
        return state
    return decision.state


def needs_customer_lines(order: Order, reasons: Iterable[Reason]) -> bool:
    """Return whether Panelr's list of the customer's lines could tell what `order` is held for."""
    return find_email(order) is not None and any(reason.code == "no_activation_id" for reason in reasons)


def awaits_mapping(*, state: OrderState, decision: Decision) -> bool:
    """Return whether a mapping that is added or changed may lead this order on."""
    return state in {OrderState.HELD, OrderState.REFUSED} or (isinstance(decision, Ignore) and decision.by_mappings)


def changes_since(*, sent: Order, now: Order) -> tuple[Reason, ...]:
    """Return what a person should know about an order that has changed since its work order was created."""
    found = []
    if now.status in ENDED and now.status != sent.status:
        word = "deleted" if now.status == "trash" else now.status
        found.append(Reason("ended_after_creation", f"the order is {word} in WooCommerce: see to its work order"))
    if now.refunded > sent.refunded:
        amount = f"{now.refunded - sent.refunded} {now.currency}".strip()
        found.append(Reason("refunded_after_creation", f"{amount} was refunded after the work order was created"))
    if _comparable_items(now.line_items) != _comparable_items(sent.line_items):
        found.append(Reason("items_changed", "the order's items changed after the work order was created"))
    if now.total != sent.total:
        words = f"the order's total was {sent.total} and is {now.total} now"
        found.append(Reason("total_changed", words))
    return tuple(found)


def _comparable_items(lines: tuple[LineItem, ...]) -> list[tuple[int, int, Decimal, str | None, str | None]]:
    return sorted(
        (
            line.product_id,
            line.variation_id,
            line.quantity,
            line.meta("panelr_intent", "_panelr_intent") or "",
            line.meta("panelr_activation_id", "_panelr_activation_id") or "",
        )
        for line in lines
    )
