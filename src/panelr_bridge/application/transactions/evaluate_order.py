"""Evaluate an order: decide what its latest snapshot calls for, and return the columns that follow from it."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.acknowledgements import without_acknowledged
from panelr_bridge.application.transactions.continuation import find_history
from panelr_bridge.domain.cart import lookup_keys
from panelr_bridge.domain.decision import (
    CHANGES,
    FIXED,
    Adopt,
    Create,
    Decision,
    Hold,
    Ignore,
    awaits_first_order,
    awaits_mapping,
    changes_since,
    decide,
    needs_customer_lines,
    needs_first_order,
    next_state,
)
from panelr_bridge.domain.models import CallAction, OnPaid, OrderMappings, OrderPolicy, OrderState, Reason
from panelr_bridge.domain.order_age import exclusion_reason
from panelr_bridge.domain.order_identity import sender
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.refunds import lacks_refunds
from panelr_bridge.domain.relation import read_relation
from panelr_bridge.domain.work_order_request import on_paid_for
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.work_order_match import fingerprint
from panelr_bridge.store import deliveries, order_mappings, orders, owed_calls, quotes, subscriptions
from panelr_bridge.store.rows import OrderRow, ShownOrderRow
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.order_payload import Order

UNHANDLED = "cannot_be_processed"
MOST_REASONS = 20
"""How many reasons a row holds, the count of the others among them."""
LOOK_UP_CODES = frozenset({"several_candidates", "cannot_look_up", "gave_up"})
"""Attention of an unconfirmed order; it ends with the order's next state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An order, the mappings of its lines and payment method, and the decision that follows from both.

    `follows_up` says whether more is due as soon as the work order exists. `fingerprint` is set for a work order to
    create: Panelr's list does not distinguish orders with the same one.
    """

    store: str
    order: Order
    mappings: OrderMappings
    decision: Decision
    follows_up: bool
    fingerprint: str | None

    @property
    def can_be_sent(self) -> bool:
        """Whether the order needs a work order, and nothing must be asked of Panelr before."""
        return isinstance(self.decision, Create) and self.decision.quote_shape is None


def evaluate_with(order: Order, mappings: OrderMappings, *, store: str, policy: OrderPolicy) -> Evaluation:
    """Decide `order` by `mappings`."""
    return _evaluation(decide(order, mappings, policy), order, mappings, store=store, policy=policy)


def evaluate(
    connection: Connection,
    order: Order,
    *,
    store: str,
    policy: OrderPolicy,
    now: datetime,
    source: str | None = None,
    override: frozenset[str] = frozenset(),
) -> tuple[Evaluation, int | None]:
    """Decide `order` by the current mappings and quotes. Also return the order's id if it is stored already.

    `source` is the host of the shop that sent this snapshot; None if the row says whose it is. The reason codes of
    `override` are overridden as if a person had done it.
    """
    found, order_id = order_mappings.find(
        connection,
        store=store,
        woo_order_id=order.id,
        keys=lookup_keys(order),
        payment_method=order.payment_method,
    )
    if source is not None or override:
        by = found.source if source is None else sender(source, known=found.source, store=found.store, policy=policy)
        found = replace(found, source=by, overridden=found.overridden | override)
    relation = read_relation(order, policy.relation_keys)
    if relation is not None:
        history = find_history(connection, order, relation, store=store, policy=policy, lines=found.lines)
        found = replace(found, history=history)
    elif not order.order_key:  # an Orders resource shows neither the key nor what tells a renewal
        found = replace(found, hides_relation=subscriptions.any_known(connection, store=store))
    decision = decide(order, found, policy)
    if isinstance(decision, Adopt) and (taken := _find_taken(connection, decision, order_id)) is not None:
        excluded = exclusion_reason(order, found, policy)
        decision = Hold((taken,)) if excluded is None else Ignore((excluded,))
    if isinstance(decision, Create) and decision.quote_shape is not None:
        quote = quotes.find(connection, decision.quote_shape, now=now)
        if quote is not None:
            found = replace(found, quotes={decision.quote_shape: quote})
            decision = decide(order, found, policy)
    return _evaluation(decision, order, found, store=store, policy=policy), order_id


def _evaluation(
    decision: Decision, order: Order, mappings: OrderMappings, *, store: str, policy: OrderPolicy
) -> Evaluation:
    return Evaluation(
        store=store,
        order=order,
        mappings=mappings,
        decision=decision,
        follows_up=on_paid_for(order, mappings, policy) is not OnPaid.NONE or store in policy.writes_back,
        fingerprint=fingerprint(decision.request) if isinstance(decision, Create) else None,
    )


def _find_taken(connection: Connection, decision: Adopt, order_id: int | None) -> Reason | None:
    """Return the reason that the work order is another order's: subscription plugins copy meta to renewals."""
    owner = orders.find_owner(connection, decision.work_order)
    if owner in {None, order_id}:
        return None
    words = f"its meta names a work order that belongs to another order (number {owner} here): remove it in WooCommerce"
    return Reason("work_order_taken", words)


def latest_snapshot(connection: Connection, row: ShownOrderRow) -> Order | None:
    """Return an order's latest snapshot with the status of its row: a deletion has no snapshot of its own."""
    if row["delivery_id"] is None:
        return None
    order = order_payload.read_order(deliveries.body(connection, row["delivery_id"]))
    return order.model_copy(update={"status": row["woo_status"]})


def snapshot_columns(order: Order, *, delivery_id: int | None, sha256: bytes) -> Columns:
    """Return the columns of a snapshot; the order's key is one of them if the snapshot shows it."""
    key = {"woo_order_key": order.order_key} if order.order_key else {}
    return key | {
        "woo_order_number": order.number or str(order.id),
        "woo_status": order.status,
        "woo_total": order.total,
        "woo_currency": order.currency,
        "woo_modified_at": order.date_modified_gmt,
        "delivery_id": delivery_id,
        "snapshot_sha256": sha256,
    }


def state_columns(evaluation: Evaluation, *, state: OrderState, delivery_id: int | None, now: datetime) -> Columns:
    """Return the columns of an order whose evaluation led to `state`."""
    decision = evaluation.decision
    values: Columns = {
        "state": state,
        "reasons": reasons_as_json(decision.reasons),
        "awaits_mapping": awaits_mapping(state=state, decision=decision),
        "mapping_revision": evaluation.mappings.revision,
    }
    if isinstance(decision, Adopt):
        values |= work_order_columns(decision.work_order, adopted=True) | {"sent_delivery_id": delivery_id}
    if isinstance(decision, Adopt) or (state is OrderState.HELD and _may_be_answered(evaluation)):
        values |= {"follow_at": now}
    return values


def _may_be_answered(evaluation: Evaluation) -> bool:
    """Return whether Panelr or the shop may know what a held order lacks."""
    order, reasons = evaluation.order, evaluation.decision.reasons
    if needs_customer_lines(order, reasons) or needs_first_order(reasons) or awaits_first_order(reasons):
        return True
    return lacks_refunds(order, reasons, evaluation.mappings.refunds)


def work_order_columns(work_order: WorkOrder, *, adopted: bool) -> Columns:
    """Return the columns that hold a work order."""
    return {
        "work_order_id": work_order.work_order_id,
        "reference_code": work_order.reference_code,
        "confirmation_token": work_order.confirmation_token,
        "panelr_status": work_order.status,
        "order_total": work_order.order_total,
        "adopted": adopted,
    }


def reevaluate(row: OrderRow, evaluation: Evaluation, *, now: datetime, resend: bool = False) -> Columns:
    """Return the columns to change when a locked order is evaluated again, its owed call among them.

    `row` holds the snapshot that was evaluated. With `resend`, a request that Panelr refused is sent once more.
    """
    before = OrderState(row["state"])
    unchanged: Columns = {"mapping_revision": evaluation.mappings.revision}
    if before in FIXED:
        return unchanged
    refused = None if resend or row["request"] is None else panelr_request.load(row["request"])
    after = next_state(state=before, decision=evaluation.decision, refused=refused)
    if after is before and after is not evaluation.decision.state:
        return unchanged
    values = state_columns(evaluation, state=after, delivery_id=row["delivery_id"], now=now)
    if after is OrderState.QUEUED and before is not OrderState.QUEUED:
        values |= owed_calls.owed_columns(action=CallAction.CREATE_WORK_ORDER, due=now, now=now)
    if before is OrderState.QUEUED and after is not OrderState.QUEUED:
        values |= owed_calls.NO_OWED_CALL
    if before is OrderState.QUEUED and after is OrderState.QUEUED:
        del values["reasons"]  # the reason for waiting still holds
    return values


def attention(connection: Connection, row: OrderRow, latest: Order) -> list[dict[str, str]] | None:
    """Return the attention of a created order; None for none.

    It lists what changed in WooCommerce since the work order was created, and what lasts until an operator acts.
    A change that an operator has acknowledged is not listed.
    """
    found = lasting_attention(row)
    if row["sent_delivery_id"] is not None:
        sent = order_payload.read_order(deliveries.body(connection, row["sent_delivery_id"]))
        found += without_acknowledged(row, reasons_as_json(changes_since(sent=sent, now=latest)))
    return found or None


def lasting_attention(row: OrderRow, *, handled: bool = False) -> list[dict[str, str]]:
    """Return the part of an order's attention that a new snapshot does not settle.

    `handled` says that the bridge can process the order again.
    """
    settled = CHANGES | LOOK_UP_CODES | ({UNHANDLED} if handled else set())
    return [reason for reason in row["attention"] or [] if reason["code"] not in settled]


def unhandled_attention(row: OrderRow) -> list[dict[str, str]]:
    """Return the attention of an order that the bridge failed to process."""
    failure = {"code": UNHANDLED, "words": "handling this order failed; the log says why"}
    return [*lasting_attention(row, handled=True), failure]


def reasons_as_json(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    """Return reasons in the form in which they are stored and shown.

    Of more than MOST_REASONS, the first of each code and then the first of all stay; the last entry counts the others.
    """
    if len(reasons) <= MOST_REASONS:
        return [reason.as_json() for reason in reasons]
    numbers = {reason.code: number for number, reason in reversed(list(enumerate(reasons)))}
    chosen = list(dict.fromkeys([*sorted(numbers.values()), *range(len(reasons))]))[: MOST_REASONS - 1]
    rest = Reason("more_reasons", f"and {len(reasons) - len(chosen)} more reasons like these")
    return [reasons[number].as_json() for number in sorted(chosen)] + [rest.as_json()]
