"""Transaction 2: record the outcome of a call. A fence keeps a late outcome from overwriting newer state.

`panelr/response.py` classifies the outcome. This module turns it into the order's state and its next owed call.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.acknowledgements import without_acknowledged
from panelr_bridge.application.transactions.attempts import attempt_row
from panelr_bridge.application.transactions.check_total import record_total_check
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.evaluate_order import (
    attention,
    lasting_attention,
    latest_snapshot,
    unhandled_attention,
    work_order_columns,
)
from panelr_bridge.domain import call_outcome, outage, retry_policy
from panelr_bridge.domain.call_outcome import Blocked, Outcome, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import first_planning
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store import fast_path, follow_ups, orders, owed_calls
from panelr_bridge.store.rows import NewAttemptRow, OrderRow, OwedCallColumns, not_null
from panelr_bridge.store.tables import Columns

GAVE_UP = "seven days of trying have passed: see what is wrong, then retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """A claimed call after it was made: its outcome, start and duration."""

    claim: Claim
    outcome: Outcome
    started_at: datetime
    milliseconds: int


def record_attempt(connection: Connection, report: CallReport, *, now: datetime, words: str | None = None) -> None:
    """Insert the attempt's row, and extend the slot of a slow call."""
    rate_gate.extend_slot(connection, report.claim.slot, claimed_at=report.claim.claimed_at, now=now)
    orders.add_attempt(connection, _attempt_row(report, words, now=now))


def _attempt_row(report: CallReport, words: str | None, *, now: datetime) -> NewAttemptRow:
    claim = report.claim
    return attempt_row(
        order_id=claim.order_id,
        action=claim.action,
        number=claim.number if claim.action is CallAction.CREATE_WORK_ORDER else claim.attempt,
        outcome=report.outcome,
        words=words,
        started_at=report.started_at,
        milliseconds=report.milliseconds,
        now=now,
    )


def record_created(connection: Connection, now: datetime, report: CallReport, work_order: WorkOrder) -> OrderState:
    """Store the work order that Panelr created, whatever happened to the order meanwhile."""
    claim = report.claim
    values = created_columns(claim, work_order, now=now)
    attempt = created_attempt(report, work_order, now=now)
    settled = fast_path.record_created(connection, claim.order_id, claim.number, values, attempt, now=now)
    if settled is None:
        return _record_late(connection, report, work_order, values, now=now)
    rate_gate.extend_slot(connection, claim.slot, claimed_at=claim.claimed_at, now=now)
    if (settled["delivery_id"], settled["woo_status"]) != (claim.delivery_id, claim.woo_status):
        _update_attention(connection, claim.order_id, now=now)
    record_total_check(connection, claim, work_order, now=now)
    return OrderState.CREATED


def created_columns(claim: Claim, work_order: WorkOrder, *, now: datetime) -> Columns:
    """Return the columns of an order whose work order was created."""
    state: Columns = {
        "state": OrderState.CREATED,
        "reasons": [],
        "awaits_mapping": False,
        "follow_at": first_planning(work_order.status, follows=claim.follows_up, now=now),
    }
    return work_order_columns(work_order, adopted=False) | state | owed_calls.NO_OWED_CALL


def created_attempt(report: CallReport, work_order: WorkOrder, *, now: datetime) -> NewAttemptRow:
    """Return the row of the attempt that created `work_order`."""
    return _attempt_row(report, f"created {work_order.reference_code}", now=now)


def record_not_created(
    connection: Connection, now: datetime, report: CallReport, *, call_policy: CallPolicy
) -> OrderState:
    """Record any other outcome: the order is refused, queued again, held, or unconfirmed."""
    claim, outcome = report.claim, report.outcome
    due = now + call_policy.grace
    if isinstance(outcome, Unknown):
        state, reasons = OrderState.UNCONFIRMED, _reason("unconfirmed", outcome.words)
    elif outcome.doubtful:
        words = f"{outcome.words}. The work order is looked up before it is sent again"
        state, reasons = OrderState.UNCONFIRMED, _reason(call_outcome.name(outcome), words)
    elif isinstance(outcome, Refused):
        state, reasons = OrderState.REFUSED, _reason("refused", f"Panelr refused: {outcome.words}")
    elif isinstance(outcome, Blocked) and _has_been_blocked(connection, claim):
        state, reasons = OrderState.HELD, _reason("blocked", f"{outcome.words} ({outage.BLOCKED_TRIES} tries)")
    elif (wait := _retry_delay(report, call_policy, now=now)) is None:
        state, reasons = OrderState.HELD, _reason("gave_up", GAVE_UP)
    else:
        state, reasons, due = OrderState.QUEUED, _reason(call_outcome.name(outcome), outcome.words), now + wait
    values: Columns = {
        "state": state,
        "reasons": reasons,
        "awaits_mapping": state in {OrderState.REFUSED, OrderState.HELD},
    }
    if state is OrderState.REFUSED:
        values["mapping_revision"] = -1  # evaluate once more: the order or its mapping may be corrected already
    if state is not OrderState.UNCONFIRMED:  # nothing was created, so a later lost answer starts a new doubt
        values |= {"first_sent_at": None, "sent_delivery_id": None}
    values |= _next_owed_call(state, due, waits_for_outage=outage.is_outage(outcome))
    if orders.settle(connection, claim.order_id, claim.number, values, now=now) is None:
        words = f"{outcome.words} (reported after the lease had ended: changes nothing)"
        record_attempt(connection, report, now=now, words=words)
        return _current_state(connection, claim.order_id)
    record_attempt(connection, report, now=now)
    return state


def record_adopted(connection: Connection, now: datetime, report: CallReport, work_order: WorkOrder) -> OrderState:
    """Link the work order that a look-up found.

    Its confirmation token is unknown. Reference code and e-mail address prove the order to Panelr instead.
    """

    def link(row: OrderRow) -> OrderState:
        if orders.find_owner(connection, work_order) not in {None, row["id"]}:  # another order linked it meanwhile
            orders.change_quietly(connection, row["id"], owed_calls.release_columns(due=now + timedelta(seconds=1)))
            return OrderState.UNCONFIRMED
        words = f"the answer was lost; a look-up found work order {work_order.reference_code}"
        values = work_order_columns(work_order, adopted=True) | {
            "state": OrderState.CREATED,
            "reasons": _reason("adopted_by_look_up", words),
            "attention": lasting_attention(row, handled=True) or None,
            "follow_at": now,
        }
        orders.change(connection, row["id"], values | owed_calls.NO_OWED_CALL, now=now)
        _update_attention(connection, row["id"], now=now)
        return OrderState.CREATED

    return _record_look_up(connection, report, link, now=now, words=f"found {work_order.reference_code}")


def record_not_found(
    connection: Connection, now: datetime, report: CallReport, *, call_policy: CallPolicy
) -> OrderState:
    """Record that a look-up found no work order. The second one, six grace periods later, sends the order again.

    Panelr may still be working on the first call, so one look-up is not enough. Extra look-ups do not shorten the wait.
    """

    def wait_or_send(row: OrderRow) -> OrderState:
        since = report.claim.empty_since or now
        if now < since + 6 * call_policy.grace:
            found_nothing = owed_calls.not_found_columns(since=since, due=since + 6 * call_policy.grace)
            orders.change_quietly(connection, row["id"], found_nothing)
            return OrderState.UNCONFIRMED
        values = _not_there_columns(connection, row, call_policy=call_policy, now=now)
        orders.change(connection, row["id"], values, now=now)
        return OrderState(values["state"])

    return _record_look_up(connection, report, wait_or_send, now=now, words="found none")


def _not_there_columns(connection: Connection, row: OrderRow, *, call_policy: CallPolicy, now: datetime) -> Columns:
    """Return the columns of an order that Panelr certainly does not have: it is sent again.

    An order whose request was blocked is sent again slowly, and held after the last try.
    """
    blocked = [reason for reason in row["reasons"] if reason["code"] == "blocked"]
    tries = orders.count_attempts(connection, row["id"], outcome="blocked", since=not_null(row["owes_since"]))
    if blocked and tries >= outage.BLOCKED_TRIES:
        reasons = _reason("blocked", f"{blocked[0]['words']} ({tries} tries, and Panelr does not have it)")
        held: Columns = {"state": OrderState.HELD, "reasons": reasons, "awaits_mapping": True}
        return held | {"first_sent_at": None, "sent_delivery_id": None} | owed_calls.NO_OWED_CALL
    reasons = blocked or _reason("not_there", "two look-ups found no work order for the lost answer: it is sent again")
    schedule = call_policy.retry_schedule
    wait = retry_policy.retry_delay(attempt=tries, outcome=Blocked(words=""), schedule=schedule) if blocked else None
    due = now + (wait or timedelta(0))
    return {"state": OrderState.QUEUED, "reasons": reasons} | owed_calls.switch_columns(
        action=CallAction.CREATE_WORK_ORDER, due=due
    )


def record_undecided(connection: Connection, now: datetime, report: CallReport, *, code: str, words: str) -> OrderState:
    """Record that look-ups cannot settle the order: an operator decides."""

    def ask(row: OrderRow) -> OrderState:
        values = {"attention": [*lasting_attention(row), *_reason(code, words)]}
        orders.change(connection, row["id"], values | owed_calls.NO_OWED_CALL, now=now)
        return OrderState.UNCONFIRMED

    return _record_look_up(connection, report, ask, now=now, words=words)


def postpone_look_up(
    connection: Connection,
    now: datetime,
    report: CallReport,
    *,
    call_policy: CallPolicy,
    wait: timedelta | None = None,
) -> OrderState:
    """Repeat a look-up later: after `wait` if it could not be judged yet, by the schedule if its call failed."""

    def postpone(row: OrderRow) -> OrderState:
        pause = wait or _retry_delay(report, call_policy, now=now)
        if pause is None:
            values = {"attention": [*lasting_attention(row), *_reason("gave_up", GAVE_UP)]}
            orders.change(connection, row["id"], values | owed_calls.NO_OWED_CALL, now=now)
            return OrderState.UNCONFIRMED
        not_counted = {} if wait is None else {"tries": not_null(row["tries"]) - 1}
        is_outage = wait is None and outage.is_outage(report.outcome)
        released = owed_calls.release_columns(due=now + pause, waits_for_outage=is_outage)
        orders.change_quietly(connection, row["id"], released | not_counted)
        return OrderState.UNCONFIRMED

    words = "cannot be judged yet: asked again soon" if wait is not None else None
    return _record_look_up(connection, report, postpone, now=now, words=words)


def record_failure(connection: Connection, now: datetime, claim: Claim) -> OrderState:
    """Record that the bridge failed to process a look-up's result: an operator may retry."""
    row = orders.lock_by_id(connection, claim.order_id)
    if row is None or not owed_calls.holds(row, lease_until=claim.lease_until):
        return OrderState(row["state"]) if row else OrderState.CLOSED
    values = {"attention": unhandled_attention(row)}
    orders.change(connection, claim.order_id, values | owed_calls.NO_OWED_CALL, now=now)
    return OrderState.UNCONFIRMED


def _record_look_up(
    connection: Connection,
    report: CallReport,
    apply: Callable[[OrderRow], OrderState],
    *,
    now: datetime,
    words: str | None,
) -> OrderState:
    """Record a look-up's attempt, then `apply` its result unless the order was settled meanwhile."""
    row = orders.lock_by_id(connection, report.claim.order_id)
    record_attempt(connection, report, now=now, words=words)
    if row is None or not owed_calls.holds(row, lease_until=report.claim.lease_until):
        return OrderState(row["state"]) if row else OrderState.CLOSED
    return apply(row)


def _record_late(
    connection: Connection, report: CallReport, work_order: WorkOrder, values: Columns, *, now: datetime
) -> OrderState:
    """Record a created work order after the call's lease had ended.

    The answer is true, so it settles the order whatever was decided since, unless the order has another work order.
    """
    order_id = report.claim.order_id
    row = orders.lock_by_id(connection, order_id)
    words = f"created {work_order.reference_code}, reported after the lease had ended"
    record_attempt(connection, report, now=now, words=words)
    if row is None:
        return OrderState.CLOSED
    if row["state"] == OrderState.CREATED and row["reference_code"] != work_order.reference_code:
        words = f"Panelr also created {work_order.reference_code} for this order: cancel one of them there"
        _add_attention(connection, row, "second_work_order", words, now=now)
        return OrderState(row["state"])
    _release_from_other_order(connection, work_order, order_id, now=now)
    orders.change(connection, order_id, values, now=now)
    if row["state"] == OrderState.SENDING:
        words = (
            f"Panelr reported late that it had created {work_order.reference_code}, during another call for this order:"
            " check in Panelr whether a second work order exists"
        )
        _add_attention(connection, row, "second_work_order", words, now=now)
    if row["state"] in {OrderState.CLOSED, OrderState.IGNORED}:
        words = (
            f"the order was {row['state']} when Panelr reported that {work_order.reference_code} exists:"
            " decide there what becomes of it"
        )
        _add_attention(connection, row, "created_after_all", words, now=now)
    _update_attention(connection, order_id, now=now)
    record_total_check(connection, report.claim, work_order, now=now)
    return OrderState.CREATED


def _release_from_other_order(connection: Connection, work_order: WorkOrder, order_id: int, *, now: datetime) -> None:
    """Unlink this work order from another order that adopted it by a look-up, and look that order up again.

    An order that did not adopt keeps its work order: Panelr reported both, whatever their numbers are.
    """
    owner = orders.find_owner(connection, work_order)
    row = None if owner in {None, order_id} else orders.lock_by_id(connection, int(owner or 0))
    if row is None or not row["adopted"] or row["request"] is None:
        return
    values = work_order_columns(WorkOrder(reference_code=None), adopted=False)
    words = f"the work order that it had adopted is order {order_id}'s: it is looked up again"
    values |= {
        "first_sent_at": row["first_sent_at"] or row["created_at"],
        "state": OrderState.UNCONFIRMED,
        "reasons": _reason("unconfirmed", words),
    }
    values |= owed_calls.owed_columns(action=CallAction.LOOK_UP, due=now, now=now)
    orders.change(connection, row["id"], values, now=now)
    if follow_ups.delete_all(connection, row["id"]):
        words = (
            f"its payment was reported for {work_order.reference_code}, which is order {order_id}'s:"
            " check the payments of both in Panelr"
        )
        _add_attention(connection, row, "payment_not_told", words, now=now)


def _add_attention(connection: Connection, row: OrderRow, code: str, words: str, *, now: datetime) -> None:
    """Add attention that lasts until an operator acts, unless one has acknowledged it already."""
    found = [*(row["attention"] or []), *without_acknowledged(row, _reason(code, words))]
    orders.change(connection, row["id"], {"attention": found or None}, now=now)


def _update_attention(connection: Connection, order_id: int, *, now: datetime) -> None:
    """Compare the latest snapshot with the one that was sent: the order may have changed during the call."""
    row = orders.lock_by_id(connection, order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is not None and order is not None:
        orders.change(connection, order_id, {"attention": attention(connection, row, order)}, now=now)


def _next_owed_call(state: OrderState, due: datetime, *, waits_for_outage: bool) -> Columns | OwedCallColumns:
    if state is OrderState.UNCONFIRMED:
        return owed_calls.switch_columns(action=CallAction.LOOK_UP, due=due)
    if state is OrderState.QUEUED:
        return owed_calls.release_columns(due=due, waits_for_outage=waits_for_outage)
    return owed_calls.NO_OWED_CALL


def _has_been_blocked(connection: Connection, claim: Claim) -> bool:
    """Return whether this blocked call is the last one that an order gets."""
    before = orders.count_attempts(connection, claim.order_id, outcome="blocked", since=claim.owed_since)
    return before + 1 >= outage.BLOCKED_TRIES


def _current_state(connection: Connection, order_id: int) -> OrderState:
    row = orders.lock_by_id(connection, order_id)
    return OrderState(row["state"]) if row else OrderState.CLOSED


def _retry_delay(report: CallReport, call_policy: CallPolicy, *, now: datetime) -> timedelta | None:
    return retry_policy.retry_delay(
        owed_for=now - report.claim.owed_since,
        attempt=report.claim.attempt,
        outcome=report.outcome,
        schedule=call_policy.retry_schedule,
        jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
    )


def _reason(code: str, words: str) -> list[dict[str, str]]:
    return [{"code": code, "words": words}]
