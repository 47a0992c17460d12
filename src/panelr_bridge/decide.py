"""From a WooCommerce order to a work order: a pure function of the order, the mappings and the policy.

`decide` says what a snapshot calls for, `advance` what that means for an order with a history, `changes_since`
what a person should know about an order that changed after its work order was created.
Above this module everything speaks WooCommerce's words, below it Panelr's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from panelr_bridge.values import (
    Adjustment,
    CartItem,
    Catalogue,
    Intent,
    Mapping,
    Policy,
    Reason,
    State,
    UnmappedLines,
    WcOrderId,
    WorkOrder,
    WorkOrderRequest,
    product_key,
    sku_key,
    variation_key,
)
from panelr_bridge.woo.payload import LineItem, Order

LARGEST_NUMBER = 2**31 - 1
LONGEST_EMAIL = 254  # RFC 5321 leaves no more room for an address
ENDED = {"cancelled", "refunded", "failed", "trash"}
FIXED = {State.CREATED, State.SENDING, State.UNCONFIRMED, State.CLOSED}
"""States that no decision changes: a work order exists or may exist, or a person has closed the order."""
UNPLACED = {"checkout-draft", "auto-draft", "draft", "new"}
BALANCE_PAYMENT = "balance_payment"

_INTENTS = frozenset(Intent)
_EMAIL = re.compile(r"[^@\s<>\"(),;:]+@[^@\s<>\"(),;:]+\.[^@\s<>\"(),;:.]+")
_POSITIVE = re.compile(r"0*[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Create:
    """The order calls for this work order."""

    request: WorkOrderRequest
    state = State.QUEUED
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopt:
    """Panelr's own plugin has created the work order already."""

    work_order: WorkOrder
    reasons: tuple[Reason, ...]
    state = State.CREATED


@dataclass(frozen=True, slots=True)
class Hold:
    """A person must mend something first."""

    reasons: tuple[Reason, ...]
    state = State.HELD


@dataclass(frozen=True, slots=True)
class Wait:
    """The order's WooCommerce status does not call for a work order yet."""

    reasons: tuple[Reason, ...]
    state = State.WAITING


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing in the order is for Panelr. `by_mappings`: a mapping could change that."""

    reasons: tuple[Reason, ...]
    by_mappings: bool = False
    state = State.IGNORED


Decision = Create | Adopt | Hold | Wait | Ignore


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with what the mappings make of it: its items, or the reasons why it has none."""

    line: LineItem
    items: tuple[CartItem, ...] = ()
    reasons: tuple[Reason, ...] = ()


def lookup_keys(order: Order) -> frozenset[str]:
    """Return the keys under which the mapping table may know this order's lines."""
    return frozenset(key for line in order.line_items for key in _keys(line))


def decide(order: Order, catalogue: Catalogue, policy: Policy) -> Decision:
    """Return what `order` calls for, from its newest snapshot alone.

    Every outcome is named, "nothing to do" included. The same input gives the same output; money stays Decimal.
    """
    if (adopted := _sent_by_plugin(order)) is not None:
        return adopted
    if (early := _by_status(order, policy)) is not None:
        return early
    lines = [_read_line(line, catalogue.mappings, policy) for line in order.line_items]
    reasons = [reason for line in lines for reason in line.reasons]
    items = tuple(item for line in lines for item in line.items)
    if not items and not reasons:
        words = "no line of this order is for Panelr" if order.line_items else "the order has no lines"
        return Ignore((Reason("no_panelr_items", words),), by_mappings=bool(order.line_items))
    email, email_reasons = _email(order)
    reasons += [*email_reasons, *_payment_reasons(order, catalogue, policy)]
    if reasons:
        return Hold(tuple(reasons))
    return Create(_request(order, catalogue, policy, email=email, lines=lines, items=items))


def _sent_by_plugin(order: Order) -> Adopt | None:
    """Panelr's plugin writes these keys once it has sent the order; a second work order would be a double."""
    work_order_id = order.meta("_panelr_work_order_id")
    reference_code = order.meta("_panelr_reference_code")
    usable_id = int(work_order_id) if work_order_id and _POSITIVE.fullmatch(work_order_id) else None
    if usable_id is None and reference_code is None:
        return None
    words = "Panelr's own plugin had already sent this order; its work order was adopted"
    return Adopt(
        WorkOrder(
            reference_code=reference_code,
            work_order_id=usable_id,
            confirmation_token=order.meta("_panelr_confirmation_token"),
            status=order.meta("_panelr_status"),
        ),
        (Reason("adopted_from_plugin", words),),
    )


def _by_status(order: Order, policy: Policy) -> Wait | Ignore | None:
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


def _keys(line: LineItem) -> tuple[str, ...]:
    """The most exact key first: variation, product, SKU."""
    variation = (variation_key(line.variation_id),) if line.variation_id else ()
    product = (product_key(line.product_id),) if line.product_id else ()
    sku = (sku_key(line.sku),) if line.sku.strip() else ()
    return variation + product + sku


def _read_line(line: LineItem, mappings: Iterable[Mapping], policy: Policy) -> _Line:
    intent = line.meta("panelr_intent", "_panelr_intent")
    if intent == BALANCE_PAYMENT:  # pays for a work order that exists: no cart item
        return _Line(line)
    found: list[Mapping] = []
    for key in _keys(line):
        found = found or [mapping for mapping in mappings if mapping.key == key]
    if not found:
        held = policy.unmapped_lines is UnmappedLines.HOLD
        return _Line(line, reasons=(_unmapped(line),) if held else ())
    wanted = [mapping for mapping in found if mapping.panelr_product_id is not None]
    parts = [_item(line, mapping, intent) for mapping in wanted]
    reasons = dict.fromkeys(part for part in parts if isinstance(part, Reason))
    items = () if reasons else tuple(part for part in parts if isinstance(part, CartItem))
    return _Line(line, items=items, reasons=tuple(reasons))


def _item(line: LineItem, mapping: Mapping, told_intent: str | None) -> CartItem | Reason:
    """One cart item, or the reason why Panelr would refuse it."""
    name = _label(line)
    intent = told_intent or mapping.intent.value
    if intent not in _INTENTS:
        return Reason("unknown_intent", f"the line's panelr_intent {intent[:60]!r} is none that Panelr knows", name)
    qty = line.quantity * mapping.quantity
    if qty != qty.to_integral_value() or not 1 <= qty <= LARGEST_NUMBER:
        return Reason("unusable_quantity", f"the quantity {line.quantity} gives no whole number of items", name)
    item = CartItem(product_id=mapping.panelr_product_id or 0, intent=Intent(intent), qty=int(qty))
    if item.intent is Intent.NEW_ACTIVATION:
        return item
    activation = line.meta("panelr_activation_id", "_panelr_activation_id")
    if activation is None:
        words = f"a {intent} needs the activation that it is for: the line has no panelr_activation_id"
        return Reason("no_activation_id", words, name)
    if not _POSITIVE.fullmatch(activation) or int(activation) > LARGEST_NUMBER:
        return Reason("unusable_activation_id", f"panelr_activation_id {activation[:60]!r} is no number", name)
    return replace(item, activation_id=int(activation))


def _unmapped(line: LineItem) -> Reason:
    known_by = ", ".join(
        f"{what} {value}"
        for what, value in (
            ("variation", line.variation_id),
            ("product", line.product_id),
            ("SKU", line.sku.strip()),
        )
        if value
    )
    if not known_by:
        words = "this line has neither a product nor a SKU, so it cannot be mapped: set one in WooCommerce, or skip it"
        return Reason("unmappable_line", words, _label(line))
    return Reason("unmapped_product", f"no mapping for {known_by}: add one, or map it to nothing", _label(line))


def _label(line: LineItem) -> str:
    return line.name[:120] or f"line {line.id}"


def _email(order: Order) -> tuple[str, list[Reason]]:
    email = (order.meta("_panelr_customer_email") or order.billing.email).strip()
    if not email:
        return "", [Reason("no_email", "the order has no e-mail address, and Panelr needs one")]
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        return "", [Reason("unusable_email", "the order's e-mail address is none that Panelr would take")]
    return email, []


def _payment_reasons(order: Order, catalogue: Catalogue, policy: Policy) -> list[Reason]:
    if not policy.require_payment_method or catalogue.payment_method_id is not None:
        return []
    method = order.payment_method or "(none)"
    return [Reason("unmapped_payment_method", f"no mapping for the payment method {method}")]


def _request(
    order: Order,
    catalogue: Catalogue,
    policy: Policy,
    *,
    email: str,
    lines: list[_Line],
    items: tuple[CartItem, ...],
) -> WorkOrderRequest:
    name = order.meta("_panelr_customer_name") or f"{order.billing.first_name} {order.billing.last_name}"
    for_panelr = [line.line for line in lines if line.items]
    whole = len(for_panelr) == len(lines)
    return WorkOrderRequest(
        customer_email=email,
        status=dict(policy.status_map)[order.status],
        items=items,
        wc_order_id=_wc_order_id(order, policy),
        customer_name=" ".join(name.split()) or None,
        customer_phone=order.billing.phone.strip() or None,
        payment_method_id=catalogue.payment_method_id,
        payment_amount=_amount(order, for_panelr, whole=whole),
        adjustment=_adjustment(order, for_panelr, whole=whole),
    )


def _wc_order_id(order: Order, policy: Policy) -> str:
    names = {WcOrderId.ID: "", WcOrderId.NUMBER: order.number, WcOrderId.ORDER_KEY: order.order_key}
    return names[policy.wc_order_id] or str(order.id)


def _amount(order: Order, lines: list[LineItem], *, whole: bool) -> Decimal | None:
    """What the customer paid for Panelr's part: the whole order's total, else those lines with their tax.

    WooCommerce ties no fee to a line, so a fee belongs to Panelr's part only where that is the whole order.
    """
    if order.date_paid_gmt is None:
        return None
    paid = order.total if whole else sum((line.total + line.total_tax for line in lines), Decimal(0))
    return max(paid, Decimal(0))


def _adjustment(order: Order, lines: list[LineItem], *, whole: bool) -> Adjustment | None:
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


def advance(*, state: State, decision: Decision, refused: WorkOrderRequest | None = None) -> State:
    """Return the state that `decision` leads to from `state`; `refused` is what Panelr has said no to.

    A work order that exists, may exist or is on the wire is never decided away, and what a person closed
    stays closed. What Panelr refused is not sent again unchanged.
    """
    if state in FIXED:
        return state
    if state is State.REFUSED and isinstance(decision, Create) and decision.request == refused:
        return state
    return decision.state


def awaits_mapping(*, state: State, decision: Decision) -> bool:
    """Return whether a mapping that is added or changed may lead this order on."""
    return state in {State.HELD, State.REFUSED} or (isinstance(decision, Ignore) and decision.by_mappings)


def changes_since(*, sent: Order, now: Order) -> tuple[Reason, ...]:
    """Return what a person should know about an order that has changed since its work order was created."""
    found = []
    if now.status in ENDED and now.status != sent.status:
        word = "deleted" if now.status == "trash" else now.status
        found.append(Reason("ended_after_creation", f"the order is {word} in WooCommerce: see to its work order"))
    if now.refunded > sent.refunded:
        amount = f"{now.refunded - sent.refunded} {now.currency}".strip()
        found.append(Reason("refunded_after_creation", f"{amount} was refunded after the work order was created"))
    if _told(now.line_items) != _told(sent.line_items):
        found.append(Reason("items_changed", "the order's items changed after the work order was created"))
    if now.total != sent.total:
        words = f"the order's total was {sent.total} and is {now.total} now"
        found.append(Reason("total_changed", words))
    return tuple(found)


def _told(lines: tuple[LineItem, ...]) -> list[tuple[int, int, Decimal, str | None, str | None]]:
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
