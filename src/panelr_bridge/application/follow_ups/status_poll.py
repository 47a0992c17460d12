"""Follow-up `status`: read the work order. Panelr never calls back, so the bridge polls like its plugin.

A completed work order is read once a day for two months: it may still be voided or disputed. The lines that it brought
are kept with the order.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_panelr, work_order_gone
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
)
from panelr_bridge.application.transactions.continuation import SHOWN
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import CANCELED, COMPLETED, FIRST_POLL, CreatedOrder, Schedule, Step
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import FollowUpKind, Reason
from panelr_bridge.domain.money import CENT
from panelr_bridge.domain.panelr_values import WorkOrderDetails
from panelr_bridge.domain.payment_check import balance_due, payment_reset
from panelr_bridge.domain.work_order_request import UNPAID
from panelr_bridge.panelr import request
from panelr_bridge.panelr.payment import work_order_summary

FIRST_POLLS = (FIRST_POLL, *(timedelta(minutes=minutes) for minutes in (2, 5, 15, 60)))
POLL_EVERY = timedelta(hours=6)
POLL_PERIOD = timedelta(days=7)
"""The schedule of Panelr's own plugin (source: the reference of Panelr's API)."""
WATCH_PERIOD = timedelta(days=60)
"""How long a completed work order is read once a day."""
DAY = 86_400
STRIDE = 7919
"""Seconds between the daily polls of neighbours. It and a day have no common factor, so few orders meet."""
SUBMITTED = "payment_submitted"
MOST_SHOWN = 10
"""How many lines an attempt's words name."""


def plan(created: CreatedOrder) -> Step | None:
    """Schedule the polls from the creation of the work order on, and again from its payment on."""
    work_order, state = created.work_order, created.follow_ups.get(FollowUpKind.STATUS)
    has_proof = work_order.confirmation_token is not None or created.has_email
    if work_order.status == CANCELED or work_order.reference_code is None or not has_proof:
        return None
    since = created.created_at
    if state is not None:
        payment = created.follow_ups.get(FollowUpKind.PAYMENT)
        paid_at = None if payment is None else payment.done_at
        if paid_at is None or datetime.fromisoformat(state.content["since"]) >= paid_at:
            return None
        since = paid_at
    seen = {} if state is None else {name: state.content[name] for name in ("disputed", SHOWN) if name in state.content}
    content: dict[str, Any] = {"since": since.isoformat()} | seen
    if created.has_reported_amount:
        content["is_reported"] = True
    if work_order.status != COMPLETED:
        return Schedule(FollowUpKind.STATUS, since + FIRST_POLL, content)
    content["completed_at"] = created.now.isoformat()
    return Schedule(FollowUpKind.STATUS, next_daily_poll(created.order.id, after=created.now), content)


def next_poll(*, since: datetime, now: datetime) -> datetime | None:
    """Return the next poll of a work order that was created, or paid, at `since`; None after a week."""
    for wait in FIRST_POLLS:
        if since + wait > now:
            return since + wait
    polls = (now - since) // POLL_EVERY + 1
    due = since + polls * POLL_EVERY
    return due if due - since <= POLL_PERIOD else None


def next_daily_poll(woo_order_id: int, *, after: datetime) -> datetime:
    """Return the order's own second of the day, so that many orders of one hour are not read in one hour."""
    midnight = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    due = midnight + timedelta(seconds=woo_order_id * STRIDE % DAY)
    return due if due > after else due + timedelta(seconds=DAY)


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Read the work order's status, total and balance."""
    call = request.get_work_order(
        reference_code=task.work_order.reference_code or "",
        confirmation_token=task.work_order.confirmation_token,
        customer_email=task.email,
    )
    exchange = await ask_panelr(context, task, call)
    if isinstance(exchange.outcome, Refused):
        gone = work_order_gone(exchange.outcome)
        return exchange.result(gone.words, attention=gone)
    if not isinstance(exchange.outcome, Done):
        return _poll_later(exchange, context.call_policy)
    details = work_order_summary(exchange.outcome)
    if isinstance(details, Unknown):
        return _poll_later(exchange, context.call_policy, outcome=details)
    return _record(exchange, details)


def _record(exchange: FollowUpExchange, details: WorkOrderDetails) -> FollowUpResult:
    """Store what is new, and plan the order's follow-ups again; without news, the poll gets no attempt row."""
    before, status = exchange.task.work_order, details.status
    content = _content_after(exchange, details)
    brought = details.activations if content.get(SHOWN) != exchange.task.content.get(SHOWN) else ()
    due = _next_due(content, exchange, status=status)
    attention = find_news(exchange.task.content, before=before.status, details=details)
    order: dict[str, Any] = {}
    if details.order_total not in {None, before.order_total}:
        order["order_total"] = details.order_total
    words = f"still {status}"
    if status != before.status:
        words = f"{status} now; it was {before.status or 'not known'}"
        order["panelr_status"] = status
    lacks_lines = content.get(SHOWN) == [] != exchange.task.content.get(SHOWN)
    if status != before.status or lacks_lines:
        order["follow_at"] = exchange.now
    if brought:
        words += f"; it brought {list_activations(brought)}"
    return exchange.result(
        words if attention is None or status != before.status else f"{words}: {attention.words}",
        due_at=due,
        done=due is None,
        changes={"attempt": 0, "told": content},
        order=order,
        attention=attention,
        activations=brought,
        is_attempt=status != before.status or attention is not None or bool(brought),
    )


def list_activations(brought: Collection[Activation]) -> str:
    """Return lines in words."""
    shown = ", ".join(str(each.id) for each in list(brought)[:MOST_SHOWN])
    rest = f" and {len(brought) - MOST_SHOWN} more" if len(brought) > MOST_SHOWN else ""
    return f"activation{'s' if len(brought) > 1 else ''} {shown}{rest}"


def find_news(content: dict[str, Any], *, before: str | None, details: WorkOrderDetails) -> Reason | None:
    """Return what an operator must know of a work order. `content` is what earlier polls saw: nothing is said twice."""
    status, currency = details.status, details.currency or ""
    if status == CANCELED != before:
        return Reason("work_order_canceled", "the work order was canceled in Panelr")
    if details.disputed and not content.get("disputed"):
        words = "the payment is disputed, and Panelr has suspended the customer's lines: decide there"
        return Reason("work_order_disputed", words)
    if not content.get("is_reported"):
        return None
    if (before, status) == (SUBMITTED, UNPAID):
        return payment_reset(details.balance_due, currency)
    balance = details.balance_due
    is_new = balance is not None and content.get("balance_due") != str(balance)
    if status == SUBMITTED and balance is not None and balance > CENT and is_new:
        return balance_due(balance, currency)
    return None


def _content_after(exchange: FollowUpExchange, details: WorkOrderDetails) -> dict[str, Any]:
    """Return the content with what this poll saw."""
    content = exchange.task.content | {"disputed": details.disputed}
    if details.balance_due is not None:
        content["balance_due"] = str(details.balance_due)
    if details.status == COMPLETED:
        content.setdefault("completed_at", exchange.now.isoformat())
        content[SHOWN] = [each.id for each in details.activations] or content.get(SHOWN, [])
    else:
        content.pop("completed_at", None)
    return content


def _next_due(content: dict[str, Any], exchange: FollowUpExchange, *, status: str | None) -> datetime | None:
    if status == CANCELED:
        return None
    if (completed_at := content.get("completed_at")) is None:
        return next_poll(since=datetime.fromisoformat(content["since"]), now=exchange.now)
    due = next_daily_poll(exchange.task.woo_order_id, after=exchange.now)
    return due if due - datetime.fromisoformat(completed_at) <= WATCH_PERIOD else None


def _poll_later(exchange: FollowUpExchange, call_policy: CallPolicy, outcome: Unknown | None = None) -> FollowUpResult:
    """Poll again at the next poll, or earlier by the retry schedule."""
    due = _next_due(exchange.task.content, exchange, status=exchange.task.work_order.status)
    retried = exchange.retry(call_policy, outcome=outcome)
    if due is None:
        return exchange.result(retried.words, outcome=retried.outcome, done=True)
    earliest = exchange.now + timedelta(seconds=1)
    due = max(min(due, retried.due_at or due), earliest)
    return exchange.result(retried.words, outcome=retried.outcome, due_at=due)


SPEC = FollowUpSpec(
    kind=FollowUpKind.STATUS,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    yields_to_orders=True,
    gave_up=Reason("status_not_told", "Panelr could not be asked for the work order's status"),
    attention_codes=frozenset(
        {
            "status_not_told",
            "work_order_gone",
            "work_order_canceled",
            "work_order_disputed",
            "payment_reset",
            "balance_due",
        }
    ),
)
