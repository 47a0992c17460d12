"""Decides which work order a WooCommerce order needs: a pure function of the order, the mappings and the policy.

`decide` judges one snapshot, `next_state` applies the decision to an order with a history, and `changes_since`
reports changes after the work order was created. The input uses WooCommerce's terms, the output Panelr's.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from decimal import Decimal

from panelr_bridge.domain.cart import MappedLine, map_lines
from panelr_bridge.domain.continuation import (
    RELATION_CODES,
    has_own_marks,
    relation_changed,
    relation_reasons,
    sub_order_reason,
)
from panelr_bridge.domain.currency import currency_reasons, omits_amounts
from panelr_bridge.domain.customer_email import clean_email, find_email, read_email
from panelr_bridge.domain.deposits import deposit_reasons, rest_paid_since
from panelr_bridge.domain.line_intent import read_intent_meta
from panelr_bridge.domain.models import AdjustmentMode, OrderMappings, OrderPolicy, OrderState, Reason, WorkOrderRequest
from panelr_bridge.domain.money import amount_paid
from panelr_bridge.domain.order_age import OLDER, exclusion_reason, is_erased
from panelr_bridge.domain.order_identity import other_source_reason
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.plugin_meta import (
    balance_payment_reason,
    find_work_order,
    plugin_sends_reason,
    reference_reasons,
    sent_by_plugin_too,
)
from panelr_bridge.domain.reckoning import Reckoning
from panelr_bridge.domain.refunds import REFUND_CODES, refund_reasons, refunded_in_full, without_refunded
from panelr_bridge.domain.relation import Relation, read_relation
from panelr_bridge.domain.work_order_request import build_request
from panelr_bridge.woocommerce.order_payload import LineItem, Order

ENDED = {"cancelled", "refunded", "failed", "trash"}
FIXED = {OrderState.CREATED, OrderState.SENDING, OrderState.UNCONFIRMED, OrderState.CLOSED}
"""States that no decision changes: a work order exists or may exist, or the operator has closed the order."""
UNPLACED = {"checkout-draft", "auto-draft", "draft", "new"}

MONEY_CODES = REFUND_CODES | {"deposit_due"}
"""Reason codes of money that is not there."""
DECIDED_ALONE = MONEY_CODES | RELATION_CODES - {"switch"}
"""Reason codes that a retry for another reason does not decide about: the order would be sent with too much."""
OVERRIDABLE = MONEY_CODES | RELATION_CODES | {"plugin_will_send", OLDER}
"""Reason codes that a person overrides by a retry."""


@dataclass(frozen=True, slots=True)
class Create:
    """The order needs this work order.

    `reckoning` checks Panelr's total of it; None if Panelr gets no amounts. `quote_shape` is set if Panelr must be
    asked for a quote first.
    """

    request: WorkOrderRequest
    reckoning: Reckoning | None
    quote_shape: bytes | None = None
    state = OrderState.QUEUED
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopt:
    """The work order exists already: Panelr's own plugin or the bridge has created it."""

    work_order: WorkOrder
    reasons: tuple[Reason, ...]
    state = OrderState.CREATED


@dataclass(frozen=True, slots=True)
class Hold:
    """The operator must correct something first."""

    reasons: tuple[Reason, ...]
    state = OrderState.HELD


@dataclass(frozen=True, slots=True)
class Wait:
    """The order's WooCommerce status requires no work order yet, or Panelr's plugin will send the order itself."""

    reasons: tuple[Reason, ...]
    state = OrderState.WAITING


@dataclass(frozen=True, slots=True)
class Ignore:
    """The order has nothing for Panelr. `by_mappings`: a mapping could change this."""

    reasons: tuple[Reason, ...]
    by_mappings: bool = False
    state = OrderState.IGNORED


Decision = Create | Adopt | Hold | Wait | Ignore


def amount_paid_for_panelr(order: Order, mappings: OrderMappings, policy: OrderPolicy) -> Decimal | None:
    """Return what the customer has paid for Panelr's part of an order; None if it is unpaid or unknown."""
    order = without_refunded(order, mappings)
    lines = map_lines(order, mappings, policy)
    for_panelr = [line.line for line in lines if line.items]
    if not for_panelr or any(line.reasons for line in lines):
        return None
    return amount_paid(order, for_panelr, whole=len(for_panelr) == len(lines))


def decide(order: Order, mappings: OrderMappings, policy: OrderPolicy) -> Decision:
    """Return the decision about `order` from its newest snapshot and what is known of the orders that it continues.

    Money stays Decimal. Each kind of decision is a class of its own, "nothing to do" included.
    """
    relation = read_relation(order, policy.relation_keys)
    by_order = _decide_by_order(order, relation, mappings, policy)
    return _decide_by_lines(order, relation, mappings, policy) if by_order is None else by_order


def _decide_by_order(
    order: Order, relation: Relation | None, mappings: OrderMappings, policy: OrderPolicy
) -> Decision | None:
    """Return the decision that needs no look at the lines; None if there is none."""
    own_marks = has_own_marks(order, relation)
    by_origin = _decide_by_origin(order, relation, mappings, policy, own_marks=own_marks)
    if by_origin is not None:
        return by_origin
    if order.unreadable and not order.is_status_known:
        return Hold(_unreadable_reasons(order))
    if (by_status := _decide_by_status(order, policy)) is not None:
        return by_status
    by_plugin = plugin_sends_reason(order) if own_marks else None
    if by_plugin is not None and by_plugin.code not in mappings.overridden:
        return Wait((by_plugin,))
    return Hold(_unreadable_reasons(order)) if order.unreadable else None


def _decide_by_lines(
    order: Order, relation: Relation | None, mappings: OrderMappings, policy: OrderPolicy
) -> Create | Hold | Ignore:
    if len(order.line_items) > policy.max_lines:
        words = f"the order has more than {policy.max_lines} lines (BRIDGE_MAX_LINES): raise it, then retry"
        return Hold((Reason("too_many_lines", words),))
    sold, order = order, without_refunded(order, mappings)
    lines = map_lines(order, mappings, policy)
    if (nothing := _nothing_for_panelr(sold, lines, mappings)) is not None:
        return nothing
    reasons = [reason for line in lines for reason in line.reasons]
    reasons = [*relation_reasons(relation, mappings), *reasons]
    reasons += [*refund_reasons(sold, lines, mappings), *deposit_reasons(order, mappings)]
    reasons += reference_reasons(order) if has_own_marks(order, relation) else []
    reasons += [*currency_reasons(order, lines, policy), *_price_reasons(order, lines, policy)]
    email, email_reasons = read_email(order)
    reasons += [*email_reasons, *_payment_reasons(order, mappings, policy)]
    if reasons:
        return Hold(tuple(reasons))
    return Create(*build_request(order, mappings, policy, email=email, lines=lines))


def _decide_by_origin(
    order: Order, relation: Relation | None, mappings: OrderMappings, policy: OrderPolicy, *, own_marks: bool
) -> Decision | None:
    """Return the decision about an order that has a work order, or gets none whatever its content is; None for others.

    An order of another shop adopts nothing: a staging copy has the real orders' meta.
    """
    excluded = exclusion_reason(order, mappings, policy)
    ignored = None if excluded is None else Ignore((excluded,))
    if (foreign := other_source_reason(mappings, policy)) is not None:
        return ignored or _decide_by_status(order, policy) or Hold((foreign,))
    renews = relation is not None and relation.renews  # its keys are copies of the first order's
    if not order.unreadable and not renews and (reason := balance_payment_reason(order)) is not None:
        return Ignore((reason,))
    if (reason := sub_order_reason(relation)) is not None:
        return Ignore((reason,))
    if own_marks and (existing := find_work_order(order)) is not None:
        return Adopt(*existing)
    return ignored


def _nothing_for_panelr(order: Order, lines: list[MappedLine], mappings: OrderMappings) -> Ignore | None:
    """Return that Panelr has nothing to do for `order`, if so; its `lines` are those that were not refunded in full."""
    if (refunded := refunded_in_full(order, mappings)) is not None:
        return Ignore((refunded,))
    if any(line.items or line.reasons for line in lines):
        return None
    words = "no line of this order is for Panelr" if order.line_items else "the order has no lines"
    words += ", apart from lines that were refunded" if len(lines) < len(order.line_items) else ""
    return Ignore((Reason("no_panelr_items", words),), by_mappings=bool(order.line_items))


def _unreadable_reasons(order: Order) -> tuple[Reason, ...]:
    """Return a reason for each field that cannot be read."""
    words = "correct the order in WooCommerce, or the plugin that changes what its API sends"
    return tuple(
        Reason("unreadable", field.words if field.has_advice else f"the order's {field.words}: {words}", field.line)
        for field in order.unreadable
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


def _payment_reasons(order: Order, mappings: OrderMappings, policy: OrderPolicy) -> list[Reason]:
    if not policy.require_payment_method or mappings.payment_method_id is not None:
        return []
    method = order.payment_method or "(none)"
    return [Reason("unmapped_payment_method", f"no mapping for the payment method {method}")]


def _price_reasons(order: Order, lines: list[MappedLine], policy: OrderPolicy) -> list[Reason]:
    """Return why Panelr's prices cannot be used for the order's money."""
    if policy.adjustment is not AdjustmentMode.MATCH_TOTAL or omits_amounts(order, lines, policy):
        return []
    words = "Panelr's price of product {} is not known, and the order's total cannot be matched"
    reasons = [
        Reason("price_unknown", words.format(product.panelr_product_id), line.label)
        for line in lines
        for product in line.mappings
        if product.price is None
    ]
    return list(dict.fromkeys(reasons))


def next_state(*, state: OrderState, decision: Decision, refused: WorkOrderRequest | None = None) -> OrderState:
    """Return the order's state after `decision`; `refused` is the request that Panelr has refused.

    The states in FIXED stay. A refused order stays refused until its request changes.
    """
    if state in FIXED:
        return state
    if state is OrderState.REFUSED and isinstance(decision, Create) and decision.request == refused:
        return state
    return decision.state


def overridden_by_retry(codes: Set[str]) -> Set[str]:
    """Return which of an order's reason codes a retry of it overrides."""
    return codes & (OVERRIDABLE if codes <= OVERRIDABLE else OVERRIDABLE - DECIDED_ALONE)


def needs_customer_lines(order: Order, reasons: Iterable[Reason]) -> bool:
    """Return whether Panelr's list of the customer's lines could resolve the reasons of `order`."""
    return find_email(order) is not None and any(reason.code == "no_activation_id" for reason in reasons)


def needs_first_order(reasons: Iterable[Reason]) -> bool:
    """Return whether the shop's API could resolve the reasons of an order: it knows the subscription's orders."""
    return any(reason.code == "first_order_unknown" for reason in reasons)


def awaits_first_order(reasons: Iterable[Reason]) -> bool:
    """Return whether an order waits for the line that its subscription's first order brings."""
    return any(reason.code == "awaits_first_order" for reason in reasons)


def awaits_mapping(*, state: OrderState, decision: Decision) -> bool:
    """Return whether a new or changed mapping may change this order's decision."""
    return state in {OrderState.HELD, OrderState.REFUSED} or (isinstance(decision, Ignore) and decision.by_mappings)


CHANGES = frozenset(
    {
        *("ended_after_creation", "refunded_after_creation", "items_changed", "total_changed", "email_changed"),
        *("sent_by_plugin_too", "unreadable", "deposit_rest_paid", "relation_changed"),
    }
)
"""Reason codes of `changes_since`: each new snapshot computes them again."""


def changes_since(*, sent: Order, now: Order) -> tuple[Reason, ...]:
    """Return the reasons for attention: changes of an order after its work order was created."""
    reasons = []
    if now.status in ENDED and now.status != sent.status:
        word = "deleted" if now.status == "trash" else now.status
        words = f"the order is {word} in WooCommerce: check its work order in Panelr"
        reasons.append(Reason("ended_after_creation", words))
    reasons += _unreadable_reasons(now) if now.unreadable or sent.unreadable else _content_changes(sent, now)
    return (*reasons, *sent_by_plugin_too(sent=sent, now=now))


def _content_changes(sent: Order, now: Order) -> list[Reason]:
    reasons = []
    if now.refunded > sent.refunded:
        amount = f"{now.refunded - sent.refunded} {now.currency}".strip()
        reasons.append(Reason("refunded_after_creation", f"{amount} was refunded after the work order was created"))
    if _comparable_items(now.line_items) != _comparable_items(sent.line_items):
        reasons.append(Reason("items_changed", "the order's items changed after the work order was created"))
    if now.total != sent.total:
        words = f"the order's total was {sent.total} and is {now.total} now"
        reasons.append(Reason("total_changed", words))
    reasons += [*rest_paid_since(sent=sent, now=now), *relation_changed(sent=sent, now=now)]
    if _comparable_email(now) != _comparable_email(sent) and not is_erased(now):
        words = "the order's e-mail address changed after the work order was created: correct the customer in Panelr"
        reasons.append(Reason("email_changed", words))
    return reasons


def _comparable_email(order: Order) -> str:
    """Return the billing address; that of Panelr's plugin is the one of the customer's account."""
    return (clean_email(order.billing.email) or order.billing.email).casefold()


def _comparable_items(lines: tuple[LineItem, ...]) -> list[tuple[int, int, Decimal, str, str]]:
    items = [(line.product_id, line.variation_id, line.quantity, read_intent_meta(line.panelr_metas)) for line in lines]
    return sorted((*numbers, meta.intent or "", meta.activation or "") for *numbers, meta in items)  # type: ignore[misc]
