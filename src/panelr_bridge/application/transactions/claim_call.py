"""Claim an owed call: take the row's lease and a slot of the rate limit."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions.attempts import attempt_row
from panelr_bridge.application.transactions.cart_quotes import QuoteClaim, quote_claim
from panelr_bridge.application.transactions.claims import Claim, claim_create, claim_look_up, sending_columns
from panelr_bridge.application.transactions.evaluate_order import (
    evaluate,
    lasting_attention,
    latest_snapshot,
    reevaluate,
    state_columns,
    unhandled_attention,
)
from panelr_bridge.application.transactions.rate_gate import RATE, take_slot
from panelr_bridge.domain.call_outcome import Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import CallAction, OrderPolicy, OrderState
from panelr_bridge.store import orders, owed_calls, rate_limit
from panelr_bridge.store.rows import OrderRow, not_null, with_columns

ASIDE = timedelta(hours=1)
LOOKALIKE_WAIT = timedelta(seconds=5)
RATE_LIMITED_FOR = timedelta(seconds=4)
"""How long a process relies on having found no free slot; then it asks again."""
LEASE_ENDED = "the process that made this call ended before the outcome was recorded"


@dataclass(frozen=True, slots=True)
class NothingDue:
    """No call can be made before `until`; None while nothing is owed. `rate_limited`: a due call waits for a slot."""

    until: datetime | None
    rate_limited: bool = False


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The due order no longer calls for the call that it owed; other orders may be due."""

    order_id: int
    state: OrderState


def claim_due(
    connection: Connection,
    now: datetime,
    *,
    policy: OrderPolicy,
    call_policy: CallPolicy,
    first: CallAction,
    tried: list[int],
) -> Claim | QuoteClaim | StateChanged | NothingDue:
    """Claim the longest due call if a slot is free; calls of the action `first` go first.

    Appends the order's id to `tried`, so that the caller knows the order if this raises.
    """
    row = owed_calls.next_due(connection, now=now, first=first)
    if row is None:
        return NothingDue(owed_calls.next_at(connection))
    tried.append(row["id"])
    if row["owes"] == CallAction.CREATE_WORK_ORDER:
        return _claim_create(connection, row, policy=policy, call_policy=call_policy, now=now)
    slot = take_slot(connection, now, call_policy=call_policy)
    if slot is None:
        return _rate_limited(connection, call_policy, now=now)
    claim = claim_look_up(row, slot=slot, call_policy=call_policy, now=now)
    leased = owed_calls.lease_columns(tries=claim.attempt, until=claim.lease_until, slot=slot.number)
    orders.change_quietly(connection, row["id"], leased)
    return claim


def claim_quoted(
    connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, call_policy: CallPolicy
) -> Claim | None:
    """Claim the create call of an order whose quote was recorded; None if it is not due, or no slot is free."""
    row = orders.lock_by_id(connection, order_id)
    due = None if row is None or row["call_until"] is not None else row["next_attempt_at"]
    if row is None or due is None or due > now or row["owes"] != CallAction.CREATE_WORK_ORDER:
        return None
    claimed = _claim_create(connection, row, policy=policy, call_policy=call_policy, now=now)
    return claimed if isinstance(claimed, Claim) else None


def _claim_create(
    connection: Connection, row: OrderRow, *, policy: OrderPolicy, call_policy: CallPolicy, now: datetime
) -> Claim | QuoteClaim | StateChanged | NothingDue:
    """Evaluate a queued order by its latest snapshot and the current mappings, then claim its call."""
    order = latest_snapshot(connection, row)
    if order is None:
        raise LookupError(f"order {row['id']} owes a call and has no snapshot")
    evaluation, _ = evaluate(connection, order, store=row["store"], policy=policy, now=now)
    decision = evaluation.decision
    if not isinstance(decision, Create):
        values = reevaluate(row, evaluation, now=now)
        orders.change(connection, row["id"], values, now=now)
        return StateChanged(row["id"], values["state"])
    if _waits_for_lookalike(connection, row, evaluation.fingerprint, call_policy=call_policy, now=now):
        return StateChanged(row["id"], OrderState.QUEUED)
    slot = take_slot(connection, now, call_policy=call_policy)
    if slot is None:
        return _rate_limited(connection, call_policy, now=now)
    quote = quote_claim(row, decision, slot=slot, call_policy=call_policy, now=now)
    if quote is not None:
        orders.change_quietly(connection, row["id"], owed_calls.release_columns(due=quote.again_at))
        return quote
    values = state_columns(evaluation, state=OrderState.SENDING, delivery_id=None, now=now)
    values |= sending_columns(row, decision, fingerprint=evaluation.fingerprint, now=now)
    values |= owed_calls.lease_columns(
        tries=not_null(row["tries"]) + 1, until=now + call_policy.lease, slot=slot.number
    )
    if row["attention"]:
        values["attention"] = lasting_attention(row, handled=True) or None
    orders.change(connection, row["id"], values, now=now)
    return claim_create(with_columns(row, values), evaluation, decision, slot=slot, call_policy=call_policy, now=now)


def _rate_limited(connection: Connection, call_policy: CallPolicy, *, now: datetime) -> NothingDue:
    until = rate_limit.free_at(connection, name=RATE, limit=call_policy.rate_per_minute, now=now)
    return NothingDue(until, rate_limited=True)


def _waits_for_lookalike(
    connection: Connection, row: OrderRow, fingerprint: str | None, *, call_policy: CallPolicy, now: datetime
) -> bool:
    """Postpone an order while a look-up settles another order with the same fingerprint.

    Sent one after the other, each lost answer can be only one work order. Two lost at once would need an operator.
    """
    lookalike = orders.find_lookalike(
        connection,
        fingerprint=fingerprint or "",
        besides=row["id"],
        since=now - call_policy.doubt,
        only_unconfirmed=True,
    )
    if lookalike is None:
        return False
    words = f"order {lookalike['woo_order_number']} of the same customer, with the same items, is looked up first"
    reasons = {"reasons": [{"code": "twin_in_doubt", "words": words}]}
    due = now + min(call_policy.grace, LOOKALIKE_WAIT)
    orders.change(connection, row["id"], reasons | owed_calls.release_columns(due=due), now=now)
    return True


def set_aside(connection: Connection, now: datetime, order_id: int, due: datetime | None = None) -> bool:
    """Postpone the owed call of an order that could not be processed, so that others do not wait for it.

    Returns whether the call was still due, or due again at `due`: another process may have made it meanwhile.
    """
    row = orders.lock_by_id(connection, order_id)
    owed_at = None if row is None or row["call_until"] is not None else row["next_attempt_at"]
    if row is None or owed_at is None or (owed_at > now and owed_at != due):
        return False
    values = {"attention": unhandled_attention(row)} | owed_calls.release_columns(due=now + ASIDE)
    orders.change(connection, order_id, values, now=now)
    return True


def end_one_lease(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> int | None:
    """Take back one lease that ended without an outcome; return the order's id, None if there is none.

    Its holder was killed or is stuck. A create call may have reached Panelr, so the order is looked up.
    """
    row = owed_calls.ended_lease(connection, now=now)
    if row is None:
        return None
    if row["call_slot"] is not None:  # the request may have been sent long after the slot was taken
        rate_limit.keep(connection, row["call_slot"], name=RATE, now=now)
    action = not_null(row["owes"])
    attempt = attempt_row(
        order_id=row["id"],
        action=action,
        number=row["attempts"] if action == CallAction.CREATE_WORK_ORDER else not_null(row["tries"]),
        outcome=Unknown(words=LEASE_ENDED),
        started_at=not_null(row["call_until"]) - call_policy.lease,
        now=now,
    )
    orders.add_attempt(connection, attempt)
    due = now + call_policy.grace
    if action == CallAction.LOOK_UP:
        orders.change_quietly(connection, row["id"], owed_calls.release_columns(due=due))
    else:
        values = {"state": OrderState.UNCONFIRMED, "reasons": [{"code": "unconfirmed", "words": LEASE_ENDED}]}
        orders.change(
            connection, row["id"], values | owed_calls.switch_columns(action=CallAction.LOOK_UP, due=due), now=now
        )
    return row["id"]
