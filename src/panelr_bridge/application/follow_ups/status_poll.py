"""Follow-up `status`: read the work order's status. Panelr never calls back, so the bridge polls like its plugin."""

from datetime import datetime, timedelta

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_panelr
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
)
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import FIRST_POLL, SETTLED, CreatedOrder, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, Reason
from panelr_bridge.panelr import request
from panelr_bridge.panelr.payment import work_order_status

FIRST_POLLS = (FIRST_POLL, *(timedelta(minutes=minutes) for minutes in (2, 5, 15, 60)))
POLL_EVERY = timedelta(hours=6)
POLL_PERIOD = timedelta(days=7)
"""The schedule of Panelr's own plugin (source: the reference of Panelr's API)."""


def plan(created: CreatedOrder) -> Step | None:
    """Schedule the polls from the creation of the work order on, and again from its payment on."""
    work_order, state = created.work_order, created.follow_ups.get(FollowUpKind.STATUS)
    has_proof = work_order.confirmation_token is not None or created.has_email
    if work_order.status in SETTLED or work_order.reference_code is None or not has_proof:
        return None
    since = created.created_at
    if state is not None:
        payment = created.follow_ups.get(FollowUpKind.PAYMENT)
        paid_at = None if payment is None else payment.done_at
        if paid_at is None or datetime.fromisoformat(state.content["since"]) >= paid_at:
            return None
        since = paid_at
    return Schedule(FollowUpKind.STATUS, since + FIRST_POLL, {"since": since.isoformat()})


def next_poll(*, since: datetime, now: datetime) -> datetime | None:
    """Return the next poll of a work order that was created, or paid, at `since`; None after a week."""
    for wait in FIRST_POLLS:
        if since + wait > now:
            return since + wait
    polls = (now - since) // POLL_EVERY + 1
    due = since + polls * POLL_EVERY
    return due if due - since <= POLL_PERIOD else None


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Read the status of the work order."""
    call = request.get_work_order(
        reference_code=task.work_order.reference_code or "",
        confirmation_token=task.work_order.confirmation_token,
        customer_email=task.email,
    )
    exchange = await ask_panelr(context, task, call)
    if isinstance(exchange.outcome, Refused):
        words = f"Panelr no longer shows the work order: {exchange.outcome.words}"
        return exchange.result(words, attention=Reason("work_order_gone", words))
    if not isinstance(exchange.outcome, Done):
        return _poll_later(exchange, context.call_policy)
    status = work_order_status(exchange.outcome)
    if isinstance(status, Unknown):
        return _poll_later(exchange, context.call_policy, outcome=status)
    return _record_status(exchange, status)


def _record_status(exchange: FollowUpExchange, status: str) -> FollowUpResult:
    """Store a new status and plan the order's follow-ups again; an unchanged status gets no attempt row."""
    before = exchange.task.work_order.status
    due = None if status in SETTLED else _next_poll(exchange)
    if status == before:
        words = f"still {status}"
        return exchange.result(words, due_at=due, done=due is None, changes={"attempt": 0}, is_attempt=False)
    canceled = Reason("work_order_canceled", "the work order was canceled in Panelr")
    return exchange.result(
        f"{status} now; it was {before or 'not known'}",
        due_at=due,
        done=due is None,
        changes={"attempt": 0},
        order={"panelr_status": status, "follow_at": exchange.now},
        attention=canceled if status == "canceled" else None,
    )


def _poll_later(exchange: FollowUpExchange, call_policy: CallPolicy, outcome: Unknown | None = None) -> FollowUpResult:
    """Poll again at the next poll, or earlier by the retry schedule."""
    due = _next_poll(exchange)
    retried = exchange.retry(call_policy, outcome=outcome)
    if due is None:
        return exchange.result(retried.words, outcome=retried.outcome, done=True)
    earliest = exchange.now + timedelta(seconds=1)
    due = max(min(due, retried.due_at or due), earliest)
    return exchange.result(retried.words, outcome=retried.outcome, due_at=due)


def _next_poll(exchange: FollowUpExchange) -> datetime | None:
    since = datetime.fromisoformat(exchange.task.content["since"])
    return next_poll(since=since, now=exchange.now)


SPEC = FollowUpSpec(
    kind=FollowUpKind.STATUS,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    yields_to_orders=True,
    gave_up=Reason("status_not_told", "Panelr could not be asked for the work order's status"),
    attention_codes=frozenset({"status_not_told", "work_order_gone", "work_order_canceled"}),
)
