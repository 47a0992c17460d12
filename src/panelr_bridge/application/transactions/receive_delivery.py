"""Transaction 1: store an authentic delivery, evaluate its order, and record the call that is now owed.

If a slot of the rate limit is free, the caller gets a claim and makes the call at once. Otherwise the worker makes it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.cart_quotes import QuoteClaim, quote_claim
from panelr_bridge.application.transactions.claims import Claim, claim_create, sending_columns
from panelr_bridge.application.transactions.continuation import note_relation
from panelr_bridge.application.transactions.evaluate_order import (
    Evaluation,
    attention,
    evaluate,
    latest_snapshot,
    reasons_as_json,
    reevaluate,
    snapshot_columns,
)
from panelr_bridge.application.transactions.known_orders import is_known
from panelr_bridge.application.transactions.new_order import new_order, owed_create, slot_request
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import OnPaid, OrderPolicy, OrderState, Reason
from panelr_bridge.domain.relation import read_relation
from panelr_bridge.errors import RetryTransaction
from panelr_bridge.store import audit_log, deliveries, orders, owed_calls, rate_limit
from panelr_bridge.store.deliveries import Delivery, StoredDelivery
from panelr_bridge.store.rows import OrderRow, with_columns
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted

RESTORED = "order.restored"
DELETED = (Reason("deleted", "the order was deleted in WooCommerce"),)


@dataclass(frozen=True, slots=True)
class BackfillContext:
    """Marks a snapshot that a backfill run read from the store's API; the run began at `since`.

    The worker makes its call from `due` on, so that orders of new deliveries go first.
    """

    since: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class ReceiveResult:
    """A stored delivery, its order's row if it has one, and the claim if the caller must make a call now.

    The call is the order's create call, or with `quote` the call for the quote that the order needs first.
    """

    stored: StoredDelivery
    order: OrderRow | None = None
    claim: Claim | None = None
    quote: QuoteClaim | None = None


def receive(
    connection: Connection,
    now: datetime,
    delivery: Delivery,
    event: Order | OrderDeleted | None,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    backfill: BackfillContext | None = None,
) -> ReceiveResult:
    """Store `delivery` and act on its event; `event` is None if the delivery is about no order.

    A repeated body and a snapshot older than the latest change nothing.
    """
    stored = deliveries.add(connection, delivery, now=now)
    return _act(connection, now, delivery, event, stored, policy=policy, call_policy=call_policy, backfill=backfill)


def replay(
    connection: Connection,
    now: datetime,
    delivery_id: int,
    delivery: Delivery,
    event: Order | OrderDeleted | None,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    actor: str,
) -> ReceiveResult:
    """Act on a stored delivery as `receive` does. A delivery that was processed before changes nothing."""
    stored = deliveries.replay(connection, delivery_id, delivery, now=now)
    subject = f"delivery {delivery_id}"
    audit_log.add(connection, actor=actor, action="replay", store=delivery.store, subject=subject, now=now)
    if stored.repeated and event is not None:
        known = orders.find(connection, store=delivery.store, woo_order_id=event.id)
        if known is not None:
            return ReceiveResult(stored, known)
    return _act(connection, now, delivery, event, stored, policy=policy, call_policy=call_policy)


def store_as_failed(connection: Connection, now: datetime, delivery: Delivery) -> StoredDelivery:
    """Store a delivery that could not be processed, and nothing else; an operator can replay it later."""
    words = "this delivery could not be processed; the log says why"
    return deliveries.add(connection, replace(delivery, verdict="failed", words=words), now=now)


def _act(
    connection: Connection,
    now: datetime,
    delivery: Delivery,
    event: Order | OrderDeleted | None,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    backfill: BackfillContext | None = None,
) -> ReceiveResult:
    if event is None:
        return ReceiveResult(stored)
    if isinstance(event, OrderDeleted):
        return ReceiveResult(stored, _delete(connection, event, store=delivery.store, policy=policy, now=now))
    if stored.repeated:
        known = orders.find(connection, store=delivery.store, woo_order_id=event.id)
        # an order may be restored twice with the same bytes; the API lists no order that is in the trash
        may_return = delivery.topic == RESTORED or backfill is not None
        if known is not None and not (known["woo_status"] == "trash" and may_return):
            return ReceiveResult(stored, known)
    relation = read_relation(event, policy.relation_keys)
    if relation is not None and relation.subscriptions:
        note_relation(connection, event, relation, store=delivery.store)
    evaluation, order_id = evaluate(connection, event, store=delivery.store, policy=policy, now=now)
    if order_id is None:
        return _first_snapshot(connection, evaluation, stored, call_policy=call_policy, now=now, backfill=backfill)
    return _next_snapshot(connection, delivery, evaluation, stored, call_policy=call_policy, now=now, backfill=backfill)


def _first_snapshot(
    connection: Connection,
    evaluation: Evaluation,
    stored: StoredDelivery,
    *,
    call_policy: CallPolicy,
    now: datetime,
    backfill: BackfillContext | None,
) -> ReceiveResult:
    """Insert the order; `new_order` says what its row holds."""
    slot = None
    if isinstance(evaluation.decision, Create) and backfill is None:
        slot = rate_limit.take_ahead(connection, **slot_request(evaluation, call_policy=call_policy, now=now))
    is_quoted = slot is not None and not evaluation.can_be_sent
    due = backfill.due if backfill else now
    new = new_order(
        evaluation,
        delivery_id=stored.id,
        sha256=stored.sha256,
        slot=None if is_quoted else slot,
        due=now + call_policy.lease if is_quoted else due,
        call_policy=call_policy,
        now=now,
    )
    if slot is None and new.row["state"] == OrderState.QUEUED and backfill is None:
        new = replace(new, row=with_columns(new.row, rate_gate.waiting_columns(connection)))
    order_id = orders.add(connection, new.row)
    if order_id is None:  # another delivery inserted this order first; the retry rolls the slot back
        raise RetryTransaction
    row, claim = new.stored(order_id=order_id, delivery_id=stored.id, slot=None if is_quoted else slot)
    quote = None
    if slot is not None and isinstance(evaluation.decision, Create):
        quote = quote_claim(row, evaluation.decision, slot=slot, call_policy=call_policy, now=now)
    return ReceiveResult(stored, row, claim, quote)


def _next_snapshot(
    connection: Connection,
    delivery: Delivery,
    evaluation: Evaluation,
    stored: StoredDelivery,
    *,
    call_policy: CallPolicy,
    now: datetime,
    backfill: BackfillContext | None,
) -> ReceiveResult:
    """Update a known order."""
    order = evaluation.order
    row = orders.lock(connection, store=delivery.store, woo_order_id=order.id)
    if row is None:
        raise RetryTransaction
    if _brings_nothing_new(connection, delivery, order, row, stored, backfill):
        return ReceiveResult(stored, row)
    values = snapshot_columns(order, delivery_id=stored.id, sha256=stored.sha256)
    calls_for_more = row["woo_status"] != order.status or _was_just_paid(connection, row, evaluation)
    row = with_columns(row, values)
    if row["state"] == OrderState.CREATED:
        values |= {"attention": attention(connection, row, order)}
        values |= {"follow_at": now} if calls_for_more else {}  # a write-back of the bridge's own does not
    values |= reevaluate(row, evaluation, now=now)
    claim, quote = None, None
    if values.get("state", row["state"]) == OrderState.QUEUED and row["state"] != OrderState.QUEUED:
        if backfill is not None:
            values |= owed_calls.release_columns(due=backfill.due)
        else:
            claim, quote, sending = _claim_now(connection, row, evaluation, call_policy=call_policy, now=now)
            values |= sending
    orders.change(connection, row["id"], values, now=now)
    return ReceiveResult(stored, with_columns(row, values), claim, quote)


def _was_just_paid(connection: Connection, row: OrderRow, evaluation: Evaluation) -> bool:
    """Return whether this snapshot is the first readable one that is paid; False if no payments are reported."""
    if row["state"] != OrderState.CREATED or evaluation.mappings.on_paid is OnPaid.NONE or not evaluation.order.is_paid:
        return False
    before = latest_snapshot(connection, row)
    return before is not None and (not before.is_paid or bool(before.unreadable))


def _claim_now(
    connection: Connection, row: OrderRow, evaluation: Evaluation, *, call_policy: CallPolicy, now: datetime
) -> tuple[Claim | None, QuoteClaim | None, Columns]:
    """Claim the call of an order that now owes one, if a slot is free. Also return the columns that change."""
    decision = evaluation.decision
    if not isinstance(decision, Create):
        return None, None, {}
    slot = rate_limit.take_ahead(connection, **slot_request(evaluation, call_policy=call_policy, now=now))
    if slot is None:
        return None, None, rate_gate.waiting_columns(connection)
    quote = quote_claim(row, decision, slot=slot, call_policy=call_policy, now=now)
    if quote is not None:
        return None, quote, owed_calls.release_columns(due=quote.again_at)
    sending = sending_columns(row, decision, fingerprint=evaluation.fingerprint, now=now)
    sending |= owed_create(slot, due=now, call_policy=call_policy, now=now)
    claim = claim_create(with_columns(row, sending), evaluation, decision, slot=slot, call_policy=call_policy, now=now)
    return claim, None, sending


def _brings_nothing_new(
    connection: Connection,
    delivery: Delivery,
    order: Order,
    row: OrderRow,
    stored: StoredDelivery,
    backfill: BackfillContext | None,
) -> bool:
    if backfill is not None:
        return _is_known_to_backfill(connection, order, row, stored, backfill)
    # WooCommerce sends one event under two topics, with the same bytes
    is_same = row["snapshot_sha256"] == stored.sha256 and row["woo_status"] == order.status
    return is_same or _is_stale(order, row, topic=delivery.topic)


def _is_stale(order: Order, row: OrderRow, *, topic: str) -> bool:
    """Return whether the row holds a newer snapshot. A deletion is newer than any snapshot of its second."""
    known, received = row["woo_modified_at"], order.date_modified_gmt
    if known is None or received is None:
        return False
    return bool(received < known or (received == known and row["woo_status"] == "trash" and topic != RESTORED))


def _is_known_to_backfill(
    connection: Connection, order: Order, row: OrderRow, stored: StoredDelivery, backfill: BackfillContext
) -> bool:
    """Return whether the row holds a newer snapshot than the API's answer, which may be a while old."""
    if is_known(row, order, sha256=stored.sha256):
        return True
    if row["woo_status"] == "trash":  # deleted after the backfill run began?
        return bool(row["updated_at"] >= backfill.since)
    known, received = row["woo_modified_at"], order.date_modified_gmt
    if known is None or received is None or received > known or row["delivery_id"] is None:
        return False
    if not order.order_key and _holds_more(connection, row):
        return True
    # two changes within one second: the later delivery wins
    return deliveries.received_at(connection, row["delivery_id"]) >= backfill.since


def _holds_more(connection: Connection, row: OrderRow) -> bool:
    """Return whether the row's snapshot has fields that an Orders resource does not show: fees, refunds, meta."""
    stored = latest_snapshot(connection, row)
    return stored is not None and bool(stored.order_key)


def _delete(connection: Connection, event: OrderDeleted, *, store: str, policy: OrderPolicy, now: datetime) -> OrderRow:
    """Record that the order went to the trash. It owes nothing more unless a work order may exist."""
    row = orders.lock(connection, store=store, woo_order_id=event.id)
    if row is None:
        return _insert_deleted(connection, event, store=store, now=now)
    values: Columns = {"woo_status": "trash"}
    order = latest_snapshot(connection, with_columns(row, values))
    if order is not None:
        if row["state"] == OrderState.CREATED:
            values |= {"attention": attention(connection, row, order), "follow_at": now}
        evaluation, _ = evaluate(connection, order, store=store, policy=policy, now=now)
        values |= reevaluate(row, evaluation, now=now)
    orders.change(connection, row["id"], values, now=now)
    return with_columns(row, values)


def _insert_deleted(connection: Connection, event: OrderDeleted, *, store: str, now: datetime) -> OrderRow:
    """Insert an order whose first delivery is its deletion."""
    columns = {"woo_status": "trash", "state": OrderState.IGNORED, "reasons": reasons_as_json(DELETED)}
    row = with_columns(orders.empty_row(store=store, woo_order_id=event.id, now=now), columns)
    order_id = orders.add(connection, row)
    if order_id is None:
        raise RetryTransaction
    return {**row, "id": order_id}
