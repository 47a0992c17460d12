"""A follow-up is taken by a lease, carried out by its holder, and what came of it is written down, fenced."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.plan import told_a_person, work_order_of
from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.claim_call import RATE, CallPolicy, NothingDue
from panelr_bridge.application.transactions.evaluate_order import (
    evaluate,
    latest_snapshot,
    reevaluate,
    unhandled_attention,
)
from panelr_bridge.domain import call_outcome, retry_policy
from panelr_bridge.domain.call_outcome import Outcome, Unknown
from panelr_bridge.domain.customer_email import email_of
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, Reason, WorkOrder
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import follow_ups, orders, rate_limit
from panelr_bridge.store.rate_limit import RateSlot
from panelr_bridge.store.tables import Row

ONCE = frozenset({FollowUpKind.PAYMENT, FollowUpKind.INSTRUCTIONS})
"""Calls that must not be repeated while it is not known what became of the last."""
WRITING = timedelta(seconds=120)
"""How long writing to a store may take in all: it is several requests, and a shop that is unwell is asked again."""
MARGIN = timedelta(seconds=30)
ENDED_WORDS = "the process that did this ended before the outcome was recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpTask:
    """A follow-up that its holder must carry out now, or let the lease end.

    `sent_at` is when a call left that must not be repeated and whose outcome is not known: it is looked up first.
    """

    order_id: int
    store: str
    woo_order_id: int
    kind: FollowUpKind
    attempt: int
    told: Row
    sent_at: datetime | None
    empty_since: datetime | None
    owed_since: datetime
    claimed_at: datetime
    lease_until: datetime
    slot: RateSlot | None
    work_order: WorkOrder
    adopted: bool
    email: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpResult:
    """What came of an errand. Without `done` and `due_at` it is in a person's hands, whom `attention` tells.

    `changes` are of the follow-up, `order` of its order. What is not `noted` is no attempt worth a row.
    """

    action: str
    outcome: Outcome
    words: str
    started_at: datetime
    milliseconds: int
    done: bool = False
    due_at: datetime | None = None
    changes: Row = field(default_factory=dict)
    order: Row = field(default_factory=dict)
    attention: Reason | None = None
    noted: bool = True


def claim(
    connection: Connection, now: datetime, *, kind: FollowUpKind, terms: CallPolicy, tried: list[int] | None = None
) -> FollowUpTask | NothingDue | None:
    """Take the follow-up of a kind that has been due the longest; None where none is due.

    Follow-ups take at most half of a minute's calls, so that new orders find the other half. `tried` is told which
    order that is, for the case that handling it raises.
    """
    row = follow_ups.next_due(connection, kind, now=now)
    if row is None:
        return None
    if tried is not None:
        tried.append(row["id"])
    slot, share = None, max(terms.rate_per_minute // 2, 1)
    if kind is not FollowUpKind.WRITE_BACK:
        slot = rate_limit.take(connection, name=RATE, limit=share, now=now)
        if slot is None:
            return NothingDue(rate_limit.free_at(connection, name=RATE, limit=share, now=now), for_leave=True)
    until = now + lease_of(kind, terms)
    values = {"lease_until": until, "attempt": row["of_attempt"] + 1, "slot": slot and slot.number}
    if kind in ONCE and row["sent_at"] is None:
        values["sent_at"] = now
    follow_ups.change(connection, row["id"], kind, values)
    return FollowUpTask(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        kind=kind,
        attempt=row["of_attempt"] + 1,
        told=row["told"],
        sent_at=row["sent_at"],
        empty_since=row["empty_since"],
        owed_since=row["of_owed_since"],
        claimed_at=now,
        lease_until=until,
        slot=slot,
        work_order=work_order_of(row),
        email=_email(connection, row, kind),
        adopted=row["adopted"],
    )


def _email(connection: Connection, row: Row, kind: FollowUpKind) -> str | None:
    """The customer's address as Panelr was told it, else, and for an order that is yet to be sent, as it would be."""
    if row["request"] is not None and kind is not FollowUpKind.LINES:
        return panelr_request.load(row["request"]).customer_email
    order = latest_snapshot(connection, row)
    return None if order is None else email_of(order)


def record(
    connection: Connection, now: datetime, errand: FollowUpTask, result: FollowUpResult, *, terms: CallPolicy
) -> bool:
    """Write down what came of an errand; returns whether its lease was still held, else only the attempt is kept."""
    row = orders.lock_by_id(connection, errand.order_id)
    _tell_the_gate(connection, errand, result, terms=terms, now=now)
    if result.noted:
        _note(connection, errand, result, now=now)
    if row is None or not follow_ups.holds(connection, row["id"], errand.kind, lease_until=errand.lease_until):
        return False
    values: Row = {"lease_until": None, "slot": None, "due_at": result.due_at, "done_at": now if result.done else None}
    follow_ups.change(connection, row["id"], errand.kind, values | result.changes)
    told = {} if result.attention is None else {"attention": told_a_person(row, result.attention)}
    if result.order or told:
        orders.change(connection, row["id"], result.order | told, now=now)
    return True


def record_lines(
    connection: Connection,
    now: datetime,
    errand: FollowUpTask,
    result: FollowUpResult,
    *,
    terms: CallPolicy,
    policy: OrderPolicy,
) -> None:
    """Write down a customer's lines, which `result.order` holds, and decide the order anew by them."""
    held = record(connection, now, errand, result, terms=terms)
    row = orders.lock_by_id(connection, errand.order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is None or order is None or not held:
        return
    weighed, _ = evaluate(connection, order, store=row["store"], policy=policy)
    values = reevaluate(row, weighed, now=now)
    orders.change(connection, row["id"], values, now=now)


def lease_of(kind: FollowUpKind, terms: CallPolicy) -> timedelta:
    """Return how long an errand of a kind may take before it is taken for lost: longer than it can."""
    return WRITING + MARGIN if kind is FollowUpKind.WRITE_BACK else 2 * terms.lease


def set_aside(connection: Connection, now: datetime, order_id: int, kind: FollowUpKind) -> None:
    """Leave a follow-up that cannot even be claimed to a person: the others must not wait for it."""
    row = orders.lock_by_id(connection, order_id)
    if row is not None:
        follow_ups.change(connection, order_id, kind, {"due_at": None})
        orders.change(connection, order_id, {"attention": unhandled_attention(row)}, now=now)


def failed(connection: Connection, now: datetime, errand: FollowUpTask) -> None:
    """Carrying an errand out, or what it brought, has failed for a fault of the bridge: a person is told."""
    row = orders.lock_by_id(connection, errand.order_id)
    if errand.slot is not None:
        rate_gate.extend_slot(connection, errand.slot, claimed_at=errand.claimed_at, now=now)
    if row is not None and follow_ups.holds(connection, row["id"], errand.kind, lease_until=errand.lease_until):
        follow_ups.change(connection, row["id"], errand.kind, {"lease_until": None, "slot": None, "due_at": None})
        orders.change(connection, row["id"], {"attention": unhandled_attention(row)}, now=now)


def give_up_planning(connection: Connection, now: datetime, order_id: int) -> None:
    """Let an order be of which it could not be told what it calls for, and tell a person; a retry looks again."""
    row = orders.lock_by_id(connection, order_id)
    if row is not None:
        orders.follow(connection, order_id, at=None)
        orders.change(connection, order_id, {"attention": unhandled_attention(row)}, now=now)


def _tell_the_gate(
    connection: Connection, errand: FollowUpTask, result: FollowUpResult, *, terms: CallPolicy, now: datetime
) -> None:
    if errand.slot is not None:
        rate_gate.extend_slot(connection, errand.slot, claimed_at=errand.claimed_at, now=now)
        rate_gate.reopen_gate(connection, errand.slot, result.outcome, now=now)
        rate_gate.close_gate(connection, errand.slot, result.outcome, schedule=terms.retry_schedule, now=now)


def _note(connection: Connection, errand: FollowUpTask, result: FollowUpResult, *, now: datetime) -> None:
    attempt = {
        "order_id": errand.order_id,
        "action": result.action,
        "number": errand.attempt,
        "outcome": call_outcome.name(result.outcome),
        "status": result.outcome.status,
        "milliseconds": result.milliseconds,
        "words": result.words,
        "started_at": result.started_at,
        "recorded_at": now,
    }
    orders.add_attempt(connection, attempt)


def end_leases(connection: Connection, now: datetime, *, terms: CallPolicy) -> int | None:
    """Take back one lease that ended without an outcome; returns the order's id, None when there is none."""
    row = follow_ups.ended_lease(connection, now=now)
    if row is None:
        return None
    if row["slot"] is not None:
        rate_limit.keep(connection, row["slot"], name=RATE, now=now)
    kind = FollowUpKind(row["kind"])
    values: Row = {"lease_until": None, "slot": None, "due_at": _after_an_end(row, kind, terms=terms, now=now)}
    follow_ups.change(connection, row["id"], kind, values)
    attempt: dict[str, Any] = {
        "order_id": row["id"],
        "action": row["told"].get("action", kind),
        "number": row["of_attempt"],
        "outcome": call_outcome.name(Unknown(words=ENDED_WORDS)),
        "status": None,
        "milliseconds": None,
        "words": ENDED_WORDS,
        "started_at": row["of_lease_until"] - lease_of(kind, terms),
        "recorded_at": now,
    }
    orders.add_attempt(connection, attempt)
    if values["due_at"] is None:
        reason = UNCLEAR if kind is FollowUpKind.INSTRUCTIONS else gave_up(kind)
        orders.change(connection, row["id"], {"attention": told_a_person(row, reason)}, now=now)
    return int(row["id"])


def _after_an_end(row: Row, kind: FollowUpKind, *, terms: CallPolicy, now: datetime) -> datetime | None:
    """When it is tried again: a payment is looked up, an e-mail cannot be, the rest is simply done again."""
    if kind is FollowUpKind.INSTRUCTIONS:
        return None
    if kind is FollowUpKind.PAYMENT:
        return now + terms.grace
    wait = retry_policy.retry_delay(
        attempt=row["of_attempt"],
        outcome=Unknown(words=ENDED_WORDS),
        schedule=terms.retry_schedule,
        owed_for=now - row["of_owed_since"],
    )
    return None if wait is None else now + wait


UNCLEAR = Reason(
    "instructions_unclear",
    "Panelr was asked to e-mail payment instructions and its answer was lost: the customer may have them or not",
)
_GAVE_UP = {
    FollowUpKind.PAYMENT: Reason("payment_not_told", "Panelr could not be told of the payment"),
    FollowUpKind.INSTRUCTIONS: Reason(
        "instructions_not_sent", "Panelr could not be asked to send payment instructions"
    ),
    FollowUpKind.LINES: Reason("lines_not_told", "Panelr could not be asked for the customer's lines"),
    FollowUpKind.WRITE_BACK: Reason("write_back_failed", "the store could not be told of the work order"),
    FollowUpKind.STATUS: Reason("status_not_told", "Panelr could not be asked what became of the work order"),
}


def gave_up(kind: FollowUpKind) -> Reason:
    """Return what a person is told when trying has been in vain for seven days."""
    reason = _GAVE_UP[kind]
    return replace(reason, words=f"{reason.words} for seven days: see what is wrong, then retry")
