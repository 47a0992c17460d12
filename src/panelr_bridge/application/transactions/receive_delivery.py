"""Transaction 1: an authentic delivery is stored, the order decided, and the call that is now owed written down.

When leave for a call is free, the caller takes the call along and makes it at once; otherwise the worker will.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.claim_call import (
    RATE,
    CallPolicy,
    Claim,
    claim_of,
    follows_at_once,
    sending_columns,
)
from panelr_bridge.application.transactions.evaluate_order import (
    Evaluation,
    attention,
    evaluate,
    latest_snapshot,
    reasons_as_json,
    reevaluate,
    snapshot_columns,
    state_columns,
)
from panelr_bridge.application.transactions.known_orders import is_known
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import CallAction, OnPaid, OrderPolicy, OrderState, Reason
from panelr_bridge.errors import RetryTransaction
from panelr_bridge.panelr.work_order_match import fingerprint
from panelr_bridge.store import audit_log, deliveries, orders, owed_calls, rate_limit
from panelr_bridge.store.deliveries import Delivery, StoredDelivery
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted

RESTORED = "order.restored"
DELETED = (Reason("deleted", "the order was deleted in WooCommerce"),)


@dataclass(frozen=True, slots=True)
class BackfillContext:
    """That an order was not told by the store, but asked of it by a walk that began at `since`.

    A call that it calls for is owed from `due` on, and left to the worker: newcomers go first.
    """

    since: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class ReceiveResult:
    """What became of a delivery: its order's row, if it has one, and the call that the caller must now make."""

    stored: StoredDelivery
    order: Row | None = None
    claim: Claim | None = None


def receive(
    connection: Connection,
    now: datetime,
    delivery: Delivery,
    event: Order | OrderDeleted | None,
    *,
    policy: OrderPolicy,
    terms: CallPolicy,
    asked: BackfillContext | None = None,
) -> ReceiveResult:
    """Store `delivery` and act on what it says; `event` is None where it says nothing about an order.

    Bytes that came before, and a snapshot older than the newest, change nothing.
    """
    stored = deliveries.add(connection, delivery, now=now)
    return _act(connection, now, delivery, event, stored, policy=policy, terms=terms, asked=asked)


def replay(
    connection: Connection,
    now: datetime,
    delivery_id: int,
    delivery: Delivery,
    event: Order | OrderDeleted | None,
    *,
    policy: OrderPolicy,
    terms: CallPolicy,
    actor: str,
) -> ReceiveResult:
    """Act on a stored delivery as `receive` does: what failed is done now, what was done changes nothing."""
    stored = deliveries.replay(connection, delivery_id, delivery)
    subject = f"delivery {delivery_id}"
    audit_log.add(connection, actor=actor, action="replay", store=delivery.store, subject=subject, now=now)
    if stored.repeated and event is not None:
        known = orders.find(connection, store=delivery.store, woo_order_id=event.id)
        if known is not None:
            return ReceiveResult(stored, known)
    return _act(connection, now, delivery, event, stored, policy=policy, terms=terms)


def _act(
    connection: Connection,
    now: datetime,
    delivery: Delivery,
    event: Order | OrderDeleted | None,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    terms: CallPolicy,
    asked: BackfillContext | None = None,
) -> ReceiveResult:
    if event is None:
        return ReceiveResult(stored)
    if isinstance(event, OrderDeleted):
        return ReceiveResult(stored, _delete(connection, event, store=delivery.store, policy=policy, now=now))
    if stored.repeated:
        known = orders.find(connection, store=delivery.store, woo_order_id=event.id)
        # an order may be restored twice with the same bytes; asked for, the shop tells none that is in the trash
        may_return = delivery.topic == RESTORED or asked is not None
        if known is not None and not (known["woo_status"] == "trash" and may_return):
            return ReceiveResult(stored, known)
    weighed, order_id = evaluate(connection, event, store=delivery.store, policy=policy)
    if order_id is None:
        return _first(connection, delivery.store, weighed, stored, policy=policy, terms=terms, now=now, asked=asked)
    return _next(connection, delivery, weighed, stored, policy=policy, terms=terms, now=now, asked=asked)


def _first(
    connection: Connection,
    store: str,
    weighed: Evaluation,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    terms: CallPolicy,
    now: datetime,
    asked: BackfillContext | None,
) -> ReceiveResult:
    """The order's first snapshot: one row, and what it owes."""
    decision = weighed.decision
    row = first_row(store, weighed, delivery_id=stored.id, sha256=stored.sha256, now=now)
    slot = None
    if isinstance(decision, Create):
        alike = fingerprint(decision.request)
        slot = None if asked else rate_limit.take_ahead(connection, **slot_request(alike, terms=terms, now=now))
        row |= sending_columns(row, decision.request, alike=alike, now=now) if slot else {}
        row |= owed(slot, due=asked.due if asked else now, terms=terms, now=now)
    order_id = orders.add(connection, row)
    if order_id is None:  # another delivery of this order was first; what was taken here is rolled back
        raise RetryTransaction
    row |= {"id": order_id}
    if slot is None or not isinstance(decision, Create):
        return ReceiveResult(stored, row)
    follows = follows_at_once(weighed, store=store, policy=policy)
    paid_at = weighed.order.date_paid_gmt
    claim = claim_of(
        row, decision.request, attempt=1, slot=slot, terms=terms, now=now, follows=follows, paid_at=paid_at
    )
    return ReceiveResult(stored, row, claim)


def first_row(store: str, weighed: Evaluation, *, delivery_id: int | None, sha256: bytes, now: datetime) -> Row:
    """Return the row of an order by its first snapshot, as far as no call is made yet."""
    row = orders.new(store=store, woo_order_id=weighed.order.id, now=now)
    row |= snapshot_columns(weighed.order, delivery_id=delivery_id, sha256=sha256)
    return row | state_columns(weighed, state=weighed.decision.state, delivery_id=delivery_id, now=now)


def owed(slot: rate_limit.RateSlot | None, *, due: datetime, terms: CallPolicy, now: datetime) -> Row:
    """Return what an order owes from `due` on that calls for a work order; with a `slot` its call is made now."""
    return owed_calls.owed(
        action=CallAction.CREATE_WORK_ORDER,
        due=due,
        now=now,
        lease_until=now + terms.lease if slot else None,
        slot=slot.number if slot else None,
    )


def _next(
    connection: Connection,
    delivery: Delivery,
    weighed: Evaluation,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    terms: CallPolicy,
    now: datetime,
    asked: BackfillContext | None,
) -> ReceiveResult:
    """A further snapshot of an order that is known."""
    order = weighed.order
    row = orders.lock(connection, store=delivery.store, woo_order_id=order.id)
    if row is None:
        raise RetryTransaction
    if _is_nothing_new(connection, delivery, order, row, stored, asked):
        return ReceiveResult(stored, row)
    values = snapshot_columns(order, delivery_id=stored.id, sha256=stored.sha256)
    moved = row["woo_status"] != order.status or _has_just_been_paid(connection, row, weighed)
    row |= values
    if row["state"] == OrderState.CREATED:
        values |= {"attention": attention(connection, row, order)}
        values |= {"follow_at": now} if moved else {}  # our own writing back moves nothing, and is followed by nothing
    values |= reevaluate(row, weighed, now=now)
    claim = None
    if (row | values)["state"] == OrderState.QUEUED and isinstance(weighed.decision, Create):
        if asked is None:
            follows = follows_at_once(weighed, store=delivery.store, policy=policy)
            claim, sending = _take_along(connection, row, weighed, terms=terms, now=now, follows=follows)
            values |= sending
        elif row["state"] != OrderState.QUEUED:
            values |= owed_calls.put_back(due=asked.due)
    orders.change(connection, row["id"], values, now=now)
    return ReceiveResult(stored, row | values, claim)


def _has_just_been_paid(connection: Connection, row: Row, weighed: Evaluation) -> bool:
    """Whether the order is paid now and was not by its last snapshot; asked only where Panelr is told of payments."""
    if row["state"] != OrderState.CREATED or weighed.catalogue.on_paid is OnPaid.NONE or not weighed.order.is_paid:
        return False
    before = latest_snapshot(connection, row)
    return before is not None and not before.is_paid


def _take_along(
    connection: Connection, row: Row, weighed: Evaluation, *, terms: CallPolicy, now: datetime, follows: bool
) -> tuple[Claim | None, Row]:
    """Make the call of an order that has just come to owe one; what has waited before keeps its turn.

    Also returns the columns that change with it.
    """
    decision = weighed.decision
    if row["state"] == OrderState.QUEUED or not isinstance(decision, Create):
        return None, {}
    alike = fingerprint(decision.request)
    slot = rate_limit.take_ahead(connection, **slot_request(alike, terms=terms, now=now))
    if slot is None:
        return None, {}
    sending = sending_columns(row, decision.request, alike=alike, now=now)
    sending |= owed(slot, due=now, terms=terms, now=now)
    paid_at = weighed.order.date_paid_gmt
    claim = claim_of(
        row | sending, decision.request, attempt=1, slot=slot, terms=terms, now=now, follows=follows, paid_at=paid_at
    )
    return claim, sending


def slot_request(alike: str, *, terms: CallPolicy, now: datetime) -> Row:
    """Return by what `rate_limit.take_ahead` judges a call whose request has the likeness `alike`."""
    return {
        "name": RATE,
        "limit": terms.rate_per_minute,
        "now": now,
        "fingerprint": alike,
        "doubtful_since": now - terms.doubt,
    }


def _is_nothing_new(
    connection: Connection,
    delivery: Delivery,
    order: Order,
    row: Row,
    stored: StoredDelivery,
    asked: BackfillContext | None,
) -> bool:
    if asked is not None:
        return _is_known(connection, order, row, stored, asked)
    return _is_stale(order, row, topic=delivery.topic) or _is_same(order, row, stored)


def _is_stale(order: Order, row: Row, *, topic: str) -> bool:
    """Return whether the order's row knows better. A deletion is newer than any snapshot of its second."""
    known, told = row["woo_modified_at"], order.date_modified_gmt
    if known is None or told is None:
        return False
    return bool(told < known or (told == known and row["woo_status"] == "trash" and topic != RESTORED))


def _is_known(connection: Connection, order: Order, row: Row, stored: StoredDelivery, asked: BackfillContext) -> bool:
    """Return whether the order's row knows better than an answer of the shop's that may be a while old."""
    if is_known(row, order, sha256=stored.sha256):
        return True
    if row["woo_status"] == "trash":  # deleted since it was asked for?
        return bool(row["updated_at"] >= asked.since)
    known, told = row["woo_modified_at"], order.date_modified_gmt
    if known is None or told is None or told > known or row["delivery_id"] is None:
        return False
    # changed twice within one second: a webhook tells what the order was when it left
    return deliveries.received_at(connection, row["delivery_id"]) >= asked.since


def _is_same(order: Order, row: Row, stored: StoredDelivery) -> bool:
    """WooCommerce tells one event under two topics, with the same bytes."""
    return bool(row["snapshot_sha256"] == stored.sha256 and row["woo_status"] == order.status)


def _delete(connection: Connection, event: OrderDeleted, *, store: str, policy: OrderPolicy, now: datetime) -> Row:
    """The order went to the trash; nothing is owed for it unless something may have been created."""
    row = orders.lock(connection, store=store, woo_order_id=event.id)
    if row is None:
        return _unknown(connection, event, store=store, now=now)
    values: Row = {"woo_status": "trash"}
    order = latest_snapshot(connection, row | values)
    if order is not None:
        if row["state"] == OrderState.CREATED:
            values |= {"attention": attention(connection, row, order), "follow_at": now}
        weighed, _ = evaluate(connection, order, store=store, policy=policy)
        values |= reevaluate(row, weighed, now=now)
    orders.change(connection, row["id"], values, now=now)
    return row | values


def _unknown(connection: Connection, event: OrderDeleted, *, store: str, now: datetime) -> Row:
    """An order that the bridge never saw alive."""
    row = orders.new(store=store, woo_order_id=event.id, now=now)
    row |= {"woo_status": "trash", "state": OrderState.IGNORED, "reasons": reasons_as_json(DELETED)}
    order_id = orders.add(connection, row)
    if order_id is None:
        raise RetryTransaction
    return row | {"id": order_id}


def store_as_failed(connection: Connection, now: datetime, delivery: Delivery) -> StoredDelivery:
    """Store a delivery whose processing failed, and nothing else; it can be replayed once the cause is mended."""
    words = "this delivery could not be processed; the log says why"
    return deliveries.add(connection, replace(delivery, verdict="failed", words=words), now=now)
