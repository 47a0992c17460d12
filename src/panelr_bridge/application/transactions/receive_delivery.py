"""Transaction 1: store an authentic delivery, evaluate its order, and record the call that is now owed.

If a slot of the rate limit is free, the caller gets a claim and makes the call at once. Otherwise the worker makes it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.cart_quotes import QuoteClaim, quote_claim
from panelr_bridge.application.transactions.claims import Claim, claim_create, sending_columns
from panelr_bridge.application.transactions.continuation import note_relation, note_subscription
from panelr_bridge.application.transactions.delivery_source import learn_store, source_of, tells_of_store
from panelr_bridge.application.transactions.evaluate_order import (
    Evaluation,
    attention,
    evaluate,
    latest_snapshot,
    reasons_as_json,
    reevaluate,
    snapshot_columns,
)
from panelr_bridge.application.transactions.new_order import new_order, owed_create, slot_request
from panelr_bridge.application.transactions.other_orders import (
    Sender,
    add_attention_once,
    emptied,
    find_other_order,
    set_aside,
    set_aside_unknown,
    settled_by_news,
    takes_over,
)
from panelr_bridge.application.transactions.snapshot_order import (
    RESTORED,
    BackfillContext,
    find_news,
    is_ignored_for_age,
    is_known_to_backfill,
)
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import OnPaid, OrderPolicy, OrderState, Reason
from panelr_bridge.domain.order_age import OLDER
from panelr_bridge.domain.order_identity import is_other_source
from panelr_bridge.domain.relation import read_relation
from panelr_bridge.errors import RetryTransaction
from panelr_bridge.store import audit_log, deliveries, known_stores, orders, owed_calls, rate_limit, subscriptions
from panelr_bridge.store.deliveries import Delivery, StoredDelivery
from panelr_bridge.store.rows import OrderRow, with_columns
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted
from panelr_bridge.woocommerce.subscription_payload import Subscription

Event = Order | OrderDeleted | Subscription
DELETED = (Reason("deleted", "the order was deleted in WooCommerce"),)


@dataclass(frozen=True, slots=True)
class ReceiveResult:
    """A stored delivery, its order's row if it has one, and the claim if the caller must make a call now.

    The call is the order's create call, or with `quote` the call for the quote that the order needs first. `verdict`
    and `words` are set if the delivery turned out to be about another shop's order.
    """

    stored: StoredDelivery
    order: OrderRow | None = None
    claim: Claim | None = None
    quote: QuoteClaim | None = None
    verdict: str | None = None
    words: str | None = None

    def judge(self, delivery: Delivery) -> Delivery:
        """Return the delivery with the verdict on it."""
        return delivery if self.verdict is None else replace(delivery, verdict=self.verdict, words=self.words)


def receive(
    connection: Connection,
    now: datetime,
    delivery: Delivery,
    event: Event | None,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    backfill: BackfillContext | None = None,
) -> ReceiveResult:
    """Store `delivery` and act on its event; `event` is None if the delivery is about no order or subscription.

    A repeated body and a snapshot older than the latest change nothing.
    """
    stored = deliveries.add(connection, delivery, now=now)
    return _act(connection, now, delivery, event, stored, policy=policy, call_policy=call_policy, backfill=backfill)


def replay(
    connection: Connection,
    now: datetime,
    delivery_id: int,
    delivery: Delivery,
    event: Event | None,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    actor: str,
) -> ReceiveResult:
    """Act on a stored delivery as `receive` does. A delivery that was processed before changes nothing."""
    stored = deliveries.replay(connection, delivery_id, delivery, now=now)
    subject = f"delivery {delivery_id}"
    audit_log.add(connection, actor=actor, action="replay", store=delivery.store, subject=subject, now=now)
    if stored.repeated and isinstance(event, Order | OrderDeleted):
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
    event: Event | None,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    backfill: BackfillContext | None = None,
) -> ReceiveResult:
    if event is None:
        return ReceiveResult(stored)
    if isinstance(event, Subscription):
        if not stored.repeated and not _is_of_other_shop(connection, delivery, policy):
            note_subscription(connection, event, store=delivery.store)
        return ReceiveResult(stored)
    if isinstance(event, OrderDeleted):
        return _delete(connection, delivery, event, stored, policy=policy, now=now)
    if stored.repeated:
        known = orders.find(connection, store=delivery.store, woo_order_id=event.id)
        # an order may be restored twice with the same bytes; the API lists no order that is in the trash
        may_return = delivery.topic == RESTORED or backfill is not None
        if known is not None and not (
            (known["woo_status"] == "trash" and may_return)
            or source_of(delivery) not in {"", known["woo_source"]}
            or (backfill is not None and backfill.includes(event) and is_ignored_for_age(known))
        ):
            return ReceiveResult(stored, known)
    _note_relation(connection, delivery, event, policy=policy)
    evaluation, order_id = _evaluate(connection, delivery, event, policy=policy, now=now, backfill=backfill)
    if order_id is None:
        return _first_snapshot(connection, evaluation, stored, call_policy=call_policy, now=now, backfill=backfill)
    return _next_snapshot(
        connection, delivery, evaluation, stored, policy=policy, call_policy=call_policy, now=now, backfill=backfill
    )


def _note_relation(connection: Connection, delivery: Delivery, order: Order, *, policy: OrderPolicy) -> None:
    """Store which subscriptions the order belongs to, unless another shop than the store's sent it."""
    relation = read_relation(order, policy.relation_keys)
    if relation is None or not relation.subscriptions or _is_of_other_shop(connection, delivery, policy):
        return
    note_relation(connection, order, relation, store=delivery.store)


def _is_of_other_shop(connection: Connection, delivery: Delivery, policy: OrderPolicy) -> bool:
    return is_other_source(source_of(delivery), known_stores.find(connection, delivery.store), policy)


def _evaluate(
    connection: Connection,
    delivery: Delivery,
    order: Order,
    *,
    policy: OrderPolicy,
    now: datetime,
    backfill: BackfillContext | None,
) -> tuple[Evaluation, int | None]:
    """Decide the order as `evaluate` does. The first delivery of a store also says since when the store is known."""
    source = source_of(delivery)
    decide = partial(evaluate, connection, order, store=delivery.store, policy=policy, now=now, source=source)
    evaluation, order_id = decide()
    if tells_of_store(source, evaluation.mappings.store, policy):
        learn_store(connection, now, store=evaluation.mappings.store, source=source, policy=policy)
        evaluation, order_id = decide()
    if backfill is not None and backfill.includes(order) and is_too_old(evaluation):
        evaluation, order_id = decide(override=frozenset({OLDER}))
    return evaluation, order_id


def is_too_old(evaluation: Evaluation) -> bool:
    """Return whether the order gets no work order because of its age."""
    return any(reason.code == OLDER for reason in evaluation.decision.reasons)


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
    policy: OrderPolicy,
    call_policy: CallPolicy,
    now: datetime,
    backfill: BackfillContext | None,
) -> ReceiveResult:
    """Update a known order, unless the delivery is about another one or brings no news."""
    order = evaluation.order
    row = orders.lock(connection, store=delivery.store, woo_order_id=order.id)
    if row is None:
        raise RetryTransaction
    sender = Sender(
        source=source_of(delivery),
        order_key=order.order_key,
        status=order.status,
        store=evaluation.mappings.store,
        policy=policy,
    )
    values: Columns = {"woo_source": evaluation.mappings.source}
    if takes_over(row, sender):
        row, emptying = emptied(row)
        values |= emptying
    elif (other := find_other_order(connection, row, sender, delivery_id=stored.id)) is not None:
        verdict = set_aside(connection, row, sender, stored, other, now=now)
        return ReceiveResult(stored, verdict=verdict, words=other.words)
    if not _brings_news(connection, delivery, order, row, stored, policy=policy, now=now, backfill=backfill):
        return ReceiveResult(stored, row)
    values |= settled_by_news(row) | snapshot_columns(order, delivery_id=stored.id, sha256=stored.sha256)
    if backfill is not None and OLDER in evaluation.mappings.overridden:
        values |= {"overridden": sorted(evaluation.mappings.overridden)}
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


def _brings_news(
    connection: Connection,
    delivery: Delivery,
    order: Order,
    row: OrderRow,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    now: datetime,
    backfill: BackfillContext | None,
) -> bool:
    """Return whether the snapshot is the order's newest. An older one that contradicts it is attention."""
    if backfill is not None:
        return not is_known_to_backfill(connection, order, row, stored, backfill, now=now)
    news = find_news(connection, delivery, order, row, stored, policy=policy, now=now)
    if isinstance(news, Reason):
        add_attention_once(connection, row, news, now=now)
    return news is True


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


def _delete(
    connection: Connection,
    delivery: Delivery,
    event: OrderDeleted,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    now: datetime,
) -> ReceiveResult:
    """Record that the order went to the trash. It owes nothing more unless a work order may exist."""
    row = orders.lock(connection, store=delivery.store, woo_order_id=event.id)
    known = known_stores.find(connection, delivery.store)
    sender = Sender(source=source_of(delivery), order_key="", status="trash", store=known, policy=policy)
    if row is None:
        if sender.is_other:
            verdict, words = set_aside_unknown(connection, sender, stored)
            return ReceiveResult(stored, verdict=verdict, words=words)
        if subscriptions.is_known(connection, event.id, store=delivery.store):  # the bridge has no row of it
            return ReceiveResult(stored)
        return ReceiveResult(stored, _insert_deleted(connection, event, store=delivery.store, now=now))
    other = find_other_order(connection, row, sender, delivery_id=stored.id, is_deletion=True)
    if other is not None:
        verdict = set_aside(connection, row, sender, stored, other, now=now)
        return ReceiveResult(stored, verdict=verdict, words=other.words)
    values: Columns = {"woo_status": "trash"}
    order = latest_snapshot(connection, with_columns(row, values))
    if order is not None:
        if row["state"] == OrderState.CREATED:
            values |= {"attention": attention(connection, row, order), "follow_at": now}
        evaluation, _ = evaluate(connection, order, store=delivery.store, policy=policy, now=now)
        values |= reevaluate(row, evaluation, now=now)
    orders.change(connection, row["id"], values, now=now)
    return ReceiveResult(stored, with_columns(row, values))


def _insert_deleted(connection: Connection, event: OrderDeleted, *, store: str, now: datetime) -> OrderRow:
    """Insert an order whose first delivery is its deletion."""
    columns = {"woo_status": "trash", "state": OrderState.IGNORED, "reasons": reasons_as_json(DELETED)}
    row = with_columns(orders.empty_row(store=store, woo_order_id=event.id, now=now), columns)
    order_id = orders.add(connection, row)
    if order_id is None:
        raise RetryTransaction
    return {**row, "id": order_id}
