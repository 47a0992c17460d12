"""Claim a follow-up by a lease, and record its result. The lease fences late results."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.plan import add_attention, work_order_of
from panelr_bridge.application.follow_ups.registry import spec_of
from panelr_bridge.application.follow_ups.specification import FollowUpResult, FollowUpSpec, FollowUpTask, LostAnswer
from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.attempts import attempt_row
from panelr_bridge.application.transactions.claim_call import LEASE_ENDED, NothingDue
from panelr_bridge.application.transactions.continuation import (
    TELLS_LINES,
    asked_columns,
    evaluate_renewals_again,
    keep_activations,
    note_orders,
)
from panelr_bridge.application.transactions.evaluate_order import (
    evaluate,
    latest_snapshot,
    reevaluate,
    unhandled_attention,
)
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain import retry_policy
from panelr_bridge.domain.call_outcome import Blocked, Outcome, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.follow_up_rules import HeldOrder, OrderToPlan
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, Reason
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import follow_ups, orders, rate_limit
from panelr_bridge.store.rows import FollowUpWithOrderRow, OrderRow, not_null
from panelr_bridge.store.tables import Columns


def claim(
    connection: Connection,
    now: datetime,
    *,
    kind: FollowUpKind,
    call_policy: CallPolicy,
    tried: list[int] | None = None,
) -> FollowUpTask | NothingDue | None:
    """Claim the longest due follow-up of a kind; None if none is due, NothingDue if no slot is free.

    Follow-ups take at most half of a minute's slots, so that new orders find the other half. Appends the order's id
    to `tried`, so that the caller knows the order if this raises.
    """
    row, spec = follow_ups.next_due(connection, kind, now=now), spec_of(kind)
    if row is None:
        return None
    if tried is not None:
        tried.append(row["id"])
    slot, share = None, max(call_policy.rate_per_minute // 2, 1)
    if spec.calls_panelr:
        slot = rate_limit.take(connection, name=RATE, limit=share, now=now)
        if slot is None:
            return NothingDue(rate_limit.free_at(connection, name=RATE, limit=share, now=now), rate_limited=True)
    until = now + spec.lease_for(call_policy)
    values = {"lease_until": until, "attempt": row["of_attempt"] + 1, "slot": slot and slot.number}
    values["waits_for_outage"] = False
    if spec.after_lost_answer is not LostAnswer.REPEAT and row["sent_at"] is None:
        values["sent_at"] = now
    follow_ups.change(connection, row["id"], kind, values)
    return FollowUpTask(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        kind=kind,
        attempt=row["of_attempt"] + 1,
        content=row["told"],
        sent_at=row["sent_at"],
        empty_since=row["empty_since"],
        owed_since=row["of_owed_since"],
        claimed_at=now,
        lease_until=until,
        slot=slot,
        work_order=work_order_of(row),
        email=_email(connection, row, plans_for=spec.plans_for),
        adopted=row["adopted"],
    )


def _email(connection: Connection, row: OrderRow, *, plans_for: type[OrderToPlan]) -> str | None:
    """Return the customer's address as the request has it; for a held order, as the next request will have it."""
    if row["request"] is not None and not issubclass(plans_for, HeldOrder):
        return panelr_request.load(row["request"]).customer_email
    order = latest_snapshot(connection, row)
    return None if order is None else find_email(order)


def record(
    connection: Connection,
    now: datetime,
    task: FollowUpTask,
    result: FollowUpResult,
    *,
    policy: OrderPolicy,
) -> bool:
    """Record a task's result. Returns False if its lease had ended: then only the attempt is recorded."""
    if result.related_orders:  # first, because it locks the orders that wait for them
        note_orders(connection, result.related_orders, store=task.store)
    row = orders.lock_by_id(connection, task.order_id)
    if task.slot is not None:
        rate_gate.extend_slot(connection, task.slot, claimed_at=task.claimed_at, now=now)
    if result.is_attempt:
        _add_attempt(connection, task, result, now=now)
    if row is None or not follow_ups.holds(connection, row["id"], task.kind, lease_until=task.lease_until):
        return False
    values: Columns = {
        "lease_until": None,
        "slot": None,
        "due_at": result.due_at,
        "done_at": now if result.done else None,
        "waits_for_outage": result.waits_for_outage and task.slot is not None,
    }
    follow_ups.change(connection, row["id"], task.kind, values | result.changes)
    if row["follow_at"] == task.lease_until:  # planning waited for this task
        orders.schedule_planning(connection, row["id"], at=now)
    order = dict(result.order)
    if result.related_orders is not None:
        order |= asked_columns(row["continuation"], now=now)
    reason = gave_up_attention(spec_of(task.kind), result.outcome) if result.gave_up else result.attention
    settled = [each for each in row["attention"] or [] if each["code"] not in result.settles]
    if reason is not None or settled != (row["attention"] or []):
        row["attention"] = settled or None
        order["attention"] = row["attention"] if reason is None else add_attention(row, reason)
    if order:
        orders.change(connection, row["id"], order, now=now)
    if result.reevaluate:
        _reevaluate(connection, task.order_id, policy=policy, now=now)
    _record_activations(connection, task, result)
    return True


def _record_activations(connection: Connection, task: FollowUpTask, result: FollowUpResult) -> None:
    """Keep the lines that a work order brought; renewals wait for them, or for the news that none will be found."""
    if result.activations:
        keep_activations(
            connection,
            result.activations,
            order_id=task.order_id,
            woo_order_id=task.woo_order_id,
            store=task.store,
        )
    elif task.kind in TELLS_LINES and result.due_at is None:
        evaluate_renewals_again(connection, woo_order_id=task.woo_order_id, store=task.store)


def _reevaluate(connection: Connection, order_id: int, *, policy: OrderPolicy, now: datetime) -> None:
    row = orders.lock_by_id(connection, order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is not None and order is not None:
        evaluation, _ = evaluate(connection, order, store=row["store"], policy=policy, now=now)
        orders.change(connection, row["id"], reevaluate(row, evaluation, now=now), now=now)


def set_aside(connection: Connection, now: datetime, order_id: int, kind: FollowUpKind) -> None:
    """Leave a follow-up that cannot be claimed to an operator, so that others do not wait for it."""
    row = orders.lock_by_id(connection, order_id)
    if row is not None:
        follow_ups.change(connection, order_id, kind, {"due_at": None})
        orders.change(connection, order_id, {"attention": unhandled_attention(row)}, now=now)


def record_failure(connection: Connection, now: datetime, task: FollowUpTask) -> None:
    """Record that the bridge failed to carry out a task: an operator may retry."""
    row = orders.lock_by_id(connection, task.order_id)
    if task.slot is not None:
        rate_gate.extend_slot(connection, task.slot, claimed_at=task.claimed_at, now=now)
    if row is not None and follow_ups.holds(connection, row["id"], task.kind, lease_until=task.lease_until):
        follow_ups.change(connection, row["id"], task.kind, {"lease_until": None, "slot": None, "due_at": None})
        orders.change(connection, row["id"], {"attention": unhandled_attention(row)}, now=now)


def stop_planning(connection: Connection, now: datetime, order_id: int) -> None:
    """Plan no more follow-ups of an order that cannot be planned, and add attention; a retry plans again."""
    row = orders.lock_by_id(connection, order_id)
    if row is not None:
        orders.schedule_planning(connection, order_id, at=None)
        orders.change(connection, order_id, {"attention": unhandled_attention(row)}, now=now)


def _add_attempt(connection: Connection, task: FollowUpTask, result: FollowUpResult, *, now: datetime) -> None:
    attempt = attempt_row(
        order_id=task.order_id,
        action=result.action,
        number=task.attempt,
        outcome=result.outcome,
        words=result.words,
        started_at=result.started_at,
        milliseconds=result.milliseconds,
        now=now,
    )
    orders.add_attempt(connection, attempt)


def end_one_lease(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> int | None:
    """Take back one lease that ended without a result; return the order's id, None if there is none."""
    row = follow_ups.ended_lease(connection, now=now)
    if row is None:
        return None
    if row["slot"] is not None:
        rate_limit.keep(connection, row["slot"], name=RATE, now=now)
    kind = FollowUpKind(row["kind"])
    spec = spec_of(kind)
    due = _due_after_lost_answer(row, spec, call_policy=call_policy, now=now)
    follow_ups.change(connection, row["id"], kind, {"lease_until": None, "slot": None, "due_at": due})
    attempt = attempt_row(
        order_id=row["id"],
        action=row["told"].get("action", kind),
        number=row["of_attempt"],
        outcome=Unknown(words=LEASE_ENDED),
        started_at=not_null(row["of_lease_until"]) - spec.lease_for(call_policy),
        now=now,
    )
    orders.add_attempt(connection, attempt)
    if due is None:
        orders.change(
            connection, row["id"], {"attention": add_attention(row, spec.lost or gave_up_attention(spec))}, now=now
        )
    return row["id"]


def _due_after_lost_answer(
    row: FollowUpWithOrderRow, spec: FollowUpSpec[OrderToPlan], *, call_policy: CallPolicy, now: datetime
) -> datetime | None:
    """Return when a task without a result is due again; None if an operator must decide."""
    if spec.after_lost_answer is LostAnswer.ASK_OPERATOR:
        return None
    if spec.after_lost_answer is LostAnswer.LOOK_UP:
        return now + call_policy.grace
    wait = retry_policy.retry_delay(
        attempt=row["of_attempt"],
        outcome=Unknown(words=LEASE_ENDED),
        schedule=call_policy.retry_schedule,
        owed_for=now - row["of_owed_since"],
    )
    return None if wait is None else now + wait


def gave_up_attention(spec: FollowUpSpec[OrderToPlan], outcome: Outcome | None = None) -> Reason:
    """Return the attention of a follow-up that failed for seven days, or was blocked again and again."""
    if isinstance(outcome, Blocked):
        return replace(spec.gave_up, words=f"{spec.gave_up.words}: {outcome.words}")
    return replace(spec.gave_up, words=f"{spec.gave_up.words} for seven days: see what is wrong, then retry")


def retry_stuck(connection: Connection, now: datetime, order: OrderRow) -> bool:
    """Owe again each follow-up of a locked created order that waits for an operator; return whether there was one.

    A payment in doubt is looked up first. Escalated follow-ups are planned again.
    """
    stuck = follow_ups.list_stuck(connection, order["id"])
    for row in stuck:
        kind = FollowUpKind(row["kind"])
        if "cannot" in row["told"]:
            follow_ups.cancel(connection, order["id"], kind)
            continue
        content = {name: value for name, value in row["told"].items() if name != "refused"}
        values: Columns = {"due_at": now, "attempt": 0, "owed_since": now, "empty_since": None, "told": content}
        if spec_of(kind).after_lost_answer is not LostAnswer.LOOK_UP:
            values["sent_at"] = None
        follow_ups.change(connection, order["id"], kind, values)
    return bool(stuck)
