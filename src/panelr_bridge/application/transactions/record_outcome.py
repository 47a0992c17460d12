"""Transaction 2: record the outcome of a call. A fence keeps a late outcome from overwriting newer state.

`panelr/response.py` classifies the outcome. This module turns it into the order's state and its next owed call.
"""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.call_report import (
    GAVE_UP,
    CallReport,
    add_attention,
    build_attempt,
    count_creates,
    next_delay,
    reason_json,
    record_attempt,
    update_attention,
)
from panelr_bridge.application.transactions.check_total import record_total_check
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.evaluate_order import (
    work_order_columns,
)
from panelr_bridge.domain import call_outcome, outage
from panelr_bridge.domain.call_outcome import Blocked, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import first_planning
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store import fast_path, follow_ups, orders, owed_calls, subscriptions
from panelr_bridge.store.rows import NewAttemptRow, OwedCallColumns
from panelr_bridge.store.tables import Columns


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
        update_attention(connection, claim.order_id, now=now)
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
    return build_attempt(report, f"created {work_order.reference_code}", now=now)


def record_not_created(
    connection: Connection, now: datetime, report: CallReport, *, call_policy: CallPolicy
) -> OrderState:
    """Record any other outcome: the order is refused, queued again, held, or unconfirmed."""
    claim, outcome = report.claim, report.outcome
    due = now + call_policy.grace
    if isinstance(outcome, Unknown):
        state, reasons = OrderState.UNCONFIRMED, reason_json("unconfirmed", outcome.words)
    elif outcome.doubtful:
        words = f"{outcome.words}. The work order is looked up before it is sent again"
        state, reasons = OrderState.UNCONFIRMED, reason_json(call_outcome.name(outcome), words)
    elif isinstance(outcome, Refused):
        state, reasons = OrderState.REFUSED, reason_json("refused", f"Panelr refused: {outcome.words}")
    elif isinstance(outcome, Blocked) and _has_been_blocked(connection, claim):
        state, reasons = OrderState.HELD, reason_json("blocked", f"{outcome.words} ({outage.BLOCKED_TRIES} tries)")
    elif (wait := next_delay(report, call_policy, now=now)) is None:
        state, reasons = OrderState.HELD, reason_json("gave_up", GAVE_UP)
    else:
        state, reasons, due = OrderState.QUEUED, reason_json(call_outcome.name(outcome), outcome.words), now + wait
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
        add_attention(connection, row, "second_work_order", words, now=now)
        return OrderState(row["state"])
    _release_from_other_order(connection, work_order, order_id, now=now)
    orders.change(connection, order_id, values, now=now)
    if row["state"] == OrderState.SENDING:
        words = (
            f"Panelr reported late that it had created {work_order.reference_code}, during another call for this order:"
            " check in Panelr whether a second work order exists"
        )
        add_attention(connection, row, "second_work_order", words, now=now)
    if row["state"] in {OrderState.CLOSED, OrderState.IGNORED}:
        words = (
            f"the order was {row['state']} when Panelr reported that {work_order.reference_code} exists:"
            " decide there what becomes of it"
        )
        add_attention(connection, row, "created_after_all", words, now=now)
    update_attention(connection, order_id, now=now)
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
        "reasons": reason_json("unconfirmed", words),
    }
    values |= owed_calls.owed_columns(action=CallAction.LOOK_UP, due=now, now=now)
    orders.change(connection, row["id"], values, now=now)
    subscriptions.forget_activations(connection, row["id"])
    if follow_ups.delete_all(connection, row["id"]):
        words = (
            f"its payment was reported for {work_order.reference_code}, which is order {order_id}'s:"
            " check the payments of both in Panelr"
        )
        add_attention(connection, row, "payment_not_told", words, now=now)


def _next_owed_call(state: OrderState, due: datetime, *, waits_for_outage: bool) -> Columns | OwedCallColumns:
    if state is OrderState.UNCONFIRMED:
        return owed_calls.switch_columns(action=CallAction.LOOK_UP, due=due)
    if state is OrderState.QUEUED:
        return owed_calls.release_columns(due=due, waits_for_outage=waits_for_outage)
    return owed_calls.NO_OWED_CALL


def _has_been_blocked(connection: Connection, claim: Claim) -> bool:
    """Return whether this blocked call is the last one that an order gets."""
    before = count_creates(connection, claim.order_id, Blocked(words=""), since=claim.owed_since)
    return before + 1 >= outage.BLOCKED_TRIES


def _current_state(connection: Connection, order_id: int) -> OrderState:
    row = orders.lock_by_id(connection, order_id)
    return OrderState(row["state"]) if row else OrderState.CLOSED
