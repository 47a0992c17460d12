"""Transaction 2: what became of a call is written down, fenced so that a late writer overwrites nothing newer.

`panelr/answer.py` has told the outcome's class; here it becomes the order's state, and what is owed next.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.claim_call import CallPolicy, Claim
from panelr_bridge.application.transactions.evaluate_order import (
    attention,
    lasting_attention,
    latest_snapshot,
    unhandled_attention,
    work_order_columns,
)
from panelr_bridge.domain import call_outcome, retry_policy
from panelr_bridge.domain.call_outcome import Outcome, Refused, Unknown
from panelr_bridge.domain.follow_up_rules import first_look
from panelr_bridge.domain.models import CallAction, OrderState, WorkOrder
from panelr_bridge.store import fast_path, follow_ups, orders, owed_calls
from panelr_bridge.store.tables import Row

GAVE_UP = "seven days of trying have passed: see what is wrong, then retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """What came of a claimed call: how it ended, when it began, how long it took."""

    claim: Claim
    outcome: Outcome
    started_at: datetime
    milliseconds: int


def record_attempt(connection: Connection, report: CallReport, *, now: datetime, words: str | None = None) -> None:
    """Write the attempt's row, and tell the rate limit of a call that took long: it may have left at its end."""
    rate_gate.extend_slot(connection, report.claim.slot, claimed_at=report.claim.claimed_at, now=now)
    orders.add_attempt(connection, _attempt(report, words or report.outcome.words, now=now))


def _attempt(report: CallReport, words: str, *, now: datetime) -> Row:
    claim = report.claim
    return {
        "order_id": claim.order_id,
        "action": claim.action,
        "number": claim.number if claim.action is CallAction.CREATE_WORK_ORDER else claim.attempt,
        "outcome": call_outcome.name(report.outcome),
        "status": report.outcome.status,
        "milliseconds": report.milliseconds,
        "words": words,
        "started_at": report.started_at,
        "recorded_at": now,
    }


def record_created(
    connection: Connection,
    now: datetime,
    report: CallReport,
    work_order: WorkOrder,
) -> OrderState:
    """Panelr has created the work order: keep it, whatever else happened in between."""
    claim = report.claim
    values = created_columns(claim, work_order, now=now)
    attempt = created_attempt(report, work_order, now=now)
    settled = fast_path.record_created(connection, claim.order_id, claim.number, values, attempt, now=now)
    if settled is None:
        return _late(connection, report, work_order, values, now=now)
    rate_gate.extend_slot(connection, claim.slot, claimed_at=claim.claimed_at, now=now)
    if (settled["delivery_id"], settled["woo_status"]) != (claim.delivery_id, claim.woo_status):
        _tell_changes(connection, claim.order_id, now=now)
    rate_gate.reopen_gate(connection, report.claim.slot, report.outcome, now=now)
    return OrderState.CREATED


def created_columns(claim: Claim, work_order: WorkOrder, *, now: datetime) -> Row:
    """Return what a created work order makes of its order's row."""
    standing: Row = {
        "state": OrderState.CREATED,
        "reasons": [],
        "awaits_mapping": False,
        "follow_at": first_look(work_order.status, follows=claim.follows, now=now),
    }
    return work_order_columns(work_order, adopted=False) | standing | owed_calls.NOTHING


def created_attempt(report: CallReport, work_order: WorkOrder, *, now: datetime) -> Row:
    """Return the row of the attempt that has created `work_order`."""
    return _attempt(report, f"created {work_order.reference_code}", now=now)


def record_not_created(connection: Connection, now: datetime, report: CallReport, *, terms: CallPolicy) -> OrderState:
    """The call did not bring a work order, or nobody knows: refuse, owe it again, or look it up."""
    claim, outcome = report.claim, report.outcome
    due = now + terms.grace
    if isinstance(outcome, Unknown):
        state, reasons = OrderState.UNCONFIRMED, _reason("unconfirmed", outcome.words)
    elif isinstance(outcome, Refused):
        state, reasons = OrderState.REFUSED, _reason("refused", f"Panelr refused: {outcome.words}")
    elif (wait := _delay(report, terms, now=now)) is None:
        state, reasons = OrderState.HELD, _reason("gave_up", GAVE_UP)
    else:
        state, reasons, due = OrderState.QUEUED, _reason(call_outcome.name(outcome), outcome.words), now + wait
    values: Row = {"state": state, "reasons": reasons, "awaits_mapping": state in {OrderState.REFUSED, OrderState.HELD}}
    if state is OrderState.REFUSED:
        values["mapping_revision"] = -1  # weighed once more: the order or its mapping may have been corrected meanwhile
    if state is not OrderState.UNCONFIRMED:  # it is known that nothing was created: the next doubt begins anew
        values |= {"first_sent_at": None, "sent_delivery_id": None}
    values |= _owed_next(state, due)
    if orders.settle(connection, claim.order_id, claim.number, values, now=now) is None:
        record_attempt(
            connection, report, now=now, words=f"{outcome.words} (told after the lease had ended: changes nothing)"
        )
        return _state(connection, claim.order_id)
    record_attempt(connection, report, now=now)
    rate_gate.reopen_gate(connection, report.claim.slot, report.outcome, now=now)
    rate_gate.close_gate(connection, report.claim.slot, outcome, schedule=terms.retry_schedule, now=now)
    return state


def record_adopted(
    connection: Connection,
    now: datetime,
    report: CallReport,
    work_order: WorkOrder,
) -> OrderState:
    """A look-up found the work order: link it. Its token is unknown; reference code and e-mail stand in for it."""

    def link(row: Row) -> OrderState:
        if orders.owner(connection, work_order) not in {None, row["id"]}:  # linked elsewhere since the list was read
            orders.note(connection, row["id"], owed_calls.put_back(due=now + timedelta(seconds=1)))
            return OrderState.UNCONFIRMED
        words = f"the answer was lost; a look-up found work order {work_order.reference_code}"
        values = work_order_columns(work_order, adopted=True) | {
            "state": OrderState.CREATED,
            "reasons": _reason("adopted_by_look_up", words),
            "attention": lasting_attention(row, handled=True) or None,
            "follow_at": now,
        }
        orders.change(connection, row["id"], values | owed_calls.NOTHING, now=now)
        _tell_changes(connection, row["id"], now=now)
        return OrderState.CREATED

    return _looked_up(connection, report, link, now=now, words=f"found {work_order.reference_code}")


def record_not_found(connection: Connection, now: datetime, report: CallReport, *, terms: CallPolicy) -> OrderState:
    """A look-up found nothing. Panelr may still be at work: only a later one settles that it is not there.

    However often a person has it looked up in between, six times the grace period lie between the two.
    """

    def wait_or_send(row: Row) -> OrderState:
        since = report.claim.empty_since or now
        if now < since + 6 * terms.grace:
            found = owed_calls.found_nothing(since=since, due=since + 6 * terms.grace)
            orders.note(connection, row["id"], found)
            return OrderState.UNCONFIRMED
        reasons = _reason("not_there", "two look-ups found no work order for the lost answer: it is sent again")
        values = {"state": OrderState.QUEUED, "reasons": reasons}
        values |= owed_calls.switched(action=CallAction.CREATE_WORK_ORDER, due=now)
        orders.change(connection, row["id"], values, now=now)
        return OrderState.QUEUED

    return _looked_up(connection, report, wait_or_send, now=now, words="found none")


def record_undecided(connection: Connection, now: datetime, report: CallReport, *, code: str, words: str) -> OrderState:
    """A look-up settled nothing and no further one will: a person decides."""

    def ask(row: Row) -> OrderState:
        values = {"attention": [*lasting_attention(row), *_reason(code, words)]}
        orders.change(connection, row["id"], values | owed_calls.NOTHING, now=now)
        return OrderState.UNCONFIRMED

    return _looked_up(connection, report, ask, now=now, words=words)


def postpone_look_up(
    connection: Connection, now: datetime, report: CallReport, *, terms: CallPolicy, wait: timedelta | None = None
) -> OrderState:
    """A look-up could not be made or not be judged yet: try again, after `wait` or by the schedule."""

    def again(row: Row) -> OrderState:
        pause = wait or _delay(report, terms, now=now)
        if pause is None:
            told = {"attention": [*lasting_attention(row), *_reason("gave_up", GAVE_UP)]}
            orders.change(connection, row["id"], told | owed_calls.NOTHING, now=now)
            return OrderState.UNCONFIRMED
        untried = {} if wait is None else {"tries": row["tries"] - 1}
        orders.note(connection, row["id"], owed_calls.put_back(due=now + pause) | untried)
        if wait is None:
            rate_gate.close_gate(connection, report.claim.slot, report.outcome, schedule=terms.retry_schedule, now=now)
        return OrderState.UNCONFIRMED

    words = "cannot be judged yet: asked again soon" if wait is not None else None
    return _looked_up(connection, report, again, now=now, words=words)


def record_failure(connection: Connection, now: datetime, claim: Claim) -> OrderState:
    """Handling what a look-up brought has failed: a person is told, and may try again."""
    row = orders.lock_by_id(connection, claim.order_id)
    if row is None or not owed_calls.holds(row, lease_until=claim.lease_until):
        return OrderState(row["state"]) if row else OrderState.CLOSED
    values = {"attention": unhandled_attention(row)}
    orders.change(connection, claim.order_id, values | owed_calls.NOTHING, now=now)
    return OrderState.UNCONFIRMED


def _looked_up(
    connection: Connection, report: CallReport, then: Callable[[Row], OrderState], *, now: datetime, words: str | None
) -> OrderState:
    """Note a look-up and act on it, unless the order has been settled without it."""
    row = orders.lock_by_id(connection, report.claim.order_id)
    record_attempt(connection, report, now=now, words=words)
    rate_gate.reopen_gate(connection, report.claim.slot, report.outcome, now=now)
    if row is None or not owed_calls.holds(row, lease_until=report.claim.lease_until):
        return OrderState(row["state"]) if row else OrderState.CLOSED
    return then(row)


def _late(
    connection: Connection, report: CallReport, work_order: WorkOrder, values: Row, *, now: datetime
) -> OrderState:
    """The answer of a call whose lease had ended: it is the truth about that call, and may be news.

    It settles the order, whatever has been decided since, unless there is another work order.
    """
    order_id = report.claim.order_id
    row = orders.lock_by_id(connection, order_id)
    record_attempt(
        connection, report, now=now, words=f"created {work_order.reference_code}, told after the lease had ended"
    )
    rate_gate.reopen_gate(connection, report.claim.slot, report.outcome, now=now)
    if row is None:
        return OrderState.CLOSED
    if row["state"] == OrderState.CREATED and row["reference_code"] != work_order.reference_code:
        words = f"Panelr also created {work_order.reference_code} for this order: cancel one of them there"
        _tell(connection, row, "second_work_order", words, now=now)
        return OrderState(row["state"])
    _take_back(connection, work_order, order_id, now=now)
    orders.change(connection, order_id, values, now=now)
    if row["state"] == OrderState.SENDING:
        words = (
            f"Panelr told late that it had created {work_order.reference_code}, when another call was under way:"
            " look there whether that made a second one"
        )
        _tell(connection, row, "second_work_order", words, now=now)
    if row["state"] in {OrderState.CLOSED, OrderState.IGNORED}:
        words = (
            f"the order was {row['state']} when Panelr told that {work_order.reference_code} exists: see to it there"
        )
        _tell(connection, row, "created_after_all", words, now=now)
    _tell_changes(connection, order_id, now=now)
    return OrderState.CREATED


def _take_back(connection: Connection, work_order: WorkOrder, order_id: int, *, now: datetime) -> None:
    """Another order had adopted this work order by a look-up, but it was made for this one: look the other up anew.

    One that was not adopted stays as it is: Panelr told both, whatever its numbers say.
    """
    owner = orders.owner(connection, work_order)
    row = None if owner in {None, order_id} else orders.lock_by_id(connection, int(owner or 0))
    if row is None or not row["adopted"] or row["request"] is None:
        return
    nothing = work_order_columns(WorkOrder(reference_code=None), adopted=False)
    nothing |= {"first_sent_at": row["first_sent_at"] or row["created_at"]}
    reasons = _reason("unconfirmed", f"the work order that it had adopted is order {order_id}'s: it is looked up anew")
    nothing |= {"state": OrderState.UNCONFIRMED, "reasons": reasons}
    orders.change(
        connection, row["id"], nothing | owed_calls.owed(action=CallAction.LOOK_UP, due=now, now=now), now=now
    )
    if follow_ups.forget(connection, row["id"]):
        words = f"its payment was told of {work_order.reference_code}, which is order {order_id}'s: see to both there"
        _tell(connection, row, "payment_not_told", words, now=now)


def _tell(connection: Connection, row: Row, code: str, words: str, *, now: datetime) -> None:
    """Add to an order's attention what lasts until a person acts."""
    told = [*(row["attention"] or []), *_reason(code, words)]
    orders.change(connection, row["id"], {"attention": told}, now=now)


def _owed_next(state: OrderState, due: datetime) -> Row:
    if state is OrderState.UNCONFIRMED:
        return owed_calls.switched(action=CallAction.LOOK_UP, due=due)
    return owed_calls.put_back(due=due) if state is OrderState.QUEUED else owed_calls.NOTHING


def _tell_changes(connection: Connection, order_id: int, *, now: datetime) -> None:
    """The order changed while its call was under way, or before its answer was found."""
    row = orders.lock_by_id(connection, order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is not None and order is not None:
        orders.change(connection, order_id, {"attention": attention(connection, row, order)}, now=now)


def _state(connection: Connection, order_id: int) -> OrderState:
    row = orders.lock_by_id(connection, order_id)
    return OrderState(row["state"]) if row else OrderState.CLOSED


def _delay(report: CallReport, terms: CallPolicy, *, now: datetime) -> timedelta | None:
    return retry_policy.retry_delay(
        owed_for=now - report.claim.owed_since,
        attempt=report.claim.attempt,
        outcome=report.outcome,
        schedule=terms.retry_schedule,
        jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
    )


def _reason(code: str, words: str) -> list[dict[str, str]]:
    return [{"code": code, "words": words}]
