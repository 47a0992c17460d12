"""Follow-up `lines`: read the customer's lines at Panelr, for a renewal that does not name its line."""

from dataclasses import asdict

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_panelr
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
)
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.follow_up_rules import HeldOrder, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, Reason
from panelr_bridge.domain.panelr_values import CustomerLine
from panelr_bridge.panelr import request
from panelr_bridge.panelr.customer_lines import customer_lines


def plan(held: HeldOrder) -> Step | None:
    """Schedule reading the lines that a held order lacks."""
    return Schedule(FollowUpKind.LINES, held.now, {}) if held.lacks_lines else None


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Ask Panelr for the customer's lines; the order is evaluated again with them."""
    email = task.email or ""
    exchange = await ask_panelr(context, task, request.get_lines(customer_email=email))
    if isinstance(exchange.outcome, Refused):  # no such customer, or a Panelr without this action
        words = f"Panelr shows no lines of this customer: {exchange.outcome.words}"
        return _record_lines(exchange, email, (), words)
    if not isinstance(exchange.outcome, Done):
        return exchange.retry(context.call_policy)
    lines = customer_lines(exchange.outcome)
    if isinstance(lines, Unknown):
        return exchange.retry(context.call_policy, outcome=lines)
    words = f"Panelr shows {len(lines)} lines of this customer"
    return _record_lines(exchange, email, lines, words)


def _record_lines(
    exchange: FollowUpExchange, email: str, lines: tuple[CustomerLine, ...], words: str
) -> FollowUpResult:
    order = {"customer_lines": {"email": email, "lines": [asdict(line) for line in lines]}}
    return exchange.result(words, done=True, order=order, reevaluate=True)


SPEC = FollowUpSpec(
    kind=FollowUpKind.LINES,
    plans_for=HeldOrder,
    plan=plan,
    carry_out=carry_out,
    gave_up=Reason("lines_not_told", "Panelr could not be asked for the customer's lines"),
    attention_codes=frozenset({"lines_not_told"}),
)
