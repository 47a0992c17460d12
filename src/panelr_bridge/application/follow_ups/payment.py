"""Follow-up `payment`: report a payment to Panelr exactly once.

Amounts add up at Panelr, so a lost answer is looked up and the call is never repeated blindly.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_panelr
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
    LostAnswer,
)
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import ENDED, UNPAID
from panelr_bridge.domain.follow_up_rules import SETTLED, Cancel, CreatedOrder, Escalate, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, OnPaid, Reason, WorkOrderDetails, WorkOrderProof
from panelr_bridge.panelr import request
from panelr_bridge.panelr.json_fields import status as read_status
from panelr_bridge.panelr.payment import work_order_details
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store.tables import Columns

LOOK_UP = "look_up_payment"
STATUSES_AFTER_SUBMIT_PAYMENT = frozenset(
    {"payment_submitted", "awaiting_webhook", "processing", "queued", "completed"}
)
"""A work order's statuses after submit_payment."""
STATUSES_AFTER_COMPLETE_ORDER = frozenset({"processing", "queued", "completed"})
"""A work order's statuses after complete_order."""
UNPAYABLE = SETTLED - {"completed"} | {"payment_failed"}
CLOCK_SKEW = timedelta(minutes=1)


def plan(created: CreatedOrder) -> Step | None:
    """Schedule a payment that came after the work order's creation; create_work_order reported an earlier one."""
    state = created.follow_ups.get(FollowUpKind.PAYMENT)
    is_unreported = _is_unreported(created)
    if state is not None:
        return Cancel(FollowUpKind.PAYMENT) if state.owed and not state.sent and not is_unreported else None
    if (words := _obstacle(created, is_unreported=is_unreported)) is not None:
        return Escalate(FollowUpKind.PAYMENT, Reason("payment_not_told", words))
    if not is_unreported or created.request is None:
        return None
    content = {
        "action": created.on_paid.value,
        "amount": None if created.request.payment_amount is not None else str(created.amount),
        "transaction_id": created.order.transaction_id or None,
        "payment_method_id": created.payment_method_id,
    }
    return Schedule(FollowUpKind.PAYMENT, created.now, content)


def _is_unreported(created: CreatedOrder) -> bool:
    """Return whether the order is paid, its mapping reports payments, and Panelr does not know this one."""
    if created.on_paid is OnPaid.NONE or not created.order.is_paid or created.order.status in ENDED:
        return False
    known_statuses = (
        STATUSES_AFTER_COMPLETE_ORDER if created.on_paid is OnPaid.COMPLETE_ORDER else STATUSES_AFTER_SUBMIT_PAYMENT
    )
    return created.work_order.status not in known_statuses


def _obstacle(created: CreatedOrder, *, is_unreported: bool) -> str | None:
    """Return why the bridge cannot report a payment that Panelr should know; None if it can, or need not."""
    request = created.request
    if is_unreported:
        if request is None:
            adopted = "the order is paid, but its work order was only adopted: record the payment in Panelr"
            return None if created.by_plugin else adopted
        if created.on_paid is OnPaid.COMPLETE_ORDER and created.work_order.confirmation_token is None:
            return "the order is paid, but its work order's token is not known: complete it in Panelr"
        if created.amount is None and request.payment_amount is None:
            return "the order is paid, but its mappings changed and the amount is not known: record it in Panelr"
        return None
    instructions = created.follow_ups.get(FollowUpKind.INSTRUCTIONS)
    was_instructed = instructions is not None and (instructions.sent or not instructions.owed)
    # an order that was sent without a payment method did not change its method
    changed_method = request is not None and request.payment_method_id not in {None, created.payment_method_id}
    is_paid = created.order.is_paid and created.order.status not in ENDED
    expects_payment = request is not None and (was_instructed or changed_method)
    if expects_payment and is_paid and created.on_paid is OnPaid.NONE and created.work_order.status == UNPAID:
        return "the order is paid by a method that is not reported to Panelr: record the payment in Panelr"
    return None


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Report the payment, or look up whether an earlier call reported it."""
    if task.sent_at is not None:
        return await _look_up(task, context)
    exchange = await ask_panelr(context, task, _payment_call(task))
    outcome = exchange.outcome
    if isinstance(outcome, Done):
        status = read_status(outcome.data.get("status")) if isinstance(outcome.data, dict) else None
        return _reported(exchange, status)
    if isinstance(outcome, Unknown):
        return exchange.postpone(context.call_policy.grace, outcome.words)
    if isinstance(outcome, Refused):  # it may be paid already, so look before asking an operator
        changes: Columns = {"told": task.content | {"refused": outcome.words}}
        return exchange.result(f"Panelr refused: {outcome.words}", due_at=exchange.now, changes=changes)
    return exchange.retry(context.call_policy, changes={"sent_at": None})


def _payment_call(task: FollowUpTask) -> PanelrRequest:
    content, work_order = task.content, task.work_order
    amount = None if content["amount"] is None else Decimal(content["amount"])
    if content["action"] == OnPaid.COMPLETE_ORDER:
        return request.complete_order(
            confirmation_token=work_order.confirmation_token or "",
            amount=amount,
            transaction_id=content["transaction_id"],
            payment_method_id=content["payment_method_id"],
        )
    proof = WorkOrderProof(
        confirmation_token=work_order.confirmation_token,
        reference_code=work_order.reference_code,
        customer_email=task.email,
    )
    return request.submit_payment(proof=proof, amount=amount, transaction_id=content["transaction_id"])


def _reported(exchange: FollowUpExchange, status: str | None) -> FollowUpResult:
    amount = exchange.task.content["amount"]
    words = f"Panelr knows of the payment{f' of {amount}' if amount else ''}"
    order = {"follow_at": exchange.now} | ({} if status is None else {"panelr_status": status})
    return exchange.result(words, done=True, order=order)


async def _look_up(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    call = request.get_work_order(
        reference_code=task.work_order.reference_code or "",
        confirmation_token=task.work_order.confirmation_token,
        customer_email=task.email,
    )
    exchange = await ask_panelr(context, task, call, action=LOOK_UP)
    if isinstance(exchange.outcome, Refused):
        words = f"Panelr no longer shows the work order ({exchange.outcome.words}): check there whether it is paid"
        return exchange.result(words, attention=Reason("work_order_gone", words))
    if not isinstance(exchange.outcome, Done):
        return exchange.retry(context.call_policy)
    details = work_order_details(exchange.outcome)
    if isinstance(details, Unknown):
        return exchange.retry(context.call_policy, outcome=details)
    return _judge(exchange, details, call_policy=context.call_policy)


def _judge(exchange: FollowUpExchange, details: WorkOrderDetails, *, call_policy: CallPolicy) -> FollowUpResult:
    """Judge by Panelr's answer whether the payment arrived. Two look-ups must find none before it is sent again."""
    task = exchange.task
    payments = tuple((payment.amount, payment.at) for payment in details.payment_history)
    sent_at = task.sent_at or task.claimed_at
    if has_arrived(content=task.content, sent_at=sent_at, status=details.status, payments=payments):
        return _reported(exchange, details.status)
    if details.status in UNPAYABLE:
        words = f"the order is paid, but its work order is {details.status} in Panelr: decide there what to do"
        return exchange.result(words, attention=Reason("payment_not_told", words))
    if (refused := task.content.get("refused")) is not None:
        words = f"Panelr refused to take the payment: {refused}"
        return exchange.result(words, attention=Reason("payment_not_told", words))
    since = task.empty_since or exchange.now
    due = since + 6 * call_policy.grace
    if exchange.now < due:
        words = "Panelr does not know of the payment yet"
        return exchange.result(words, due_at=due, changes={"empty_since": since})
    words = "two look-ups found that Panelr does not know of the payment: it is reported again"
    # planned again first: the order may have been cancelled meanwhile
    changes, order = {"sent_at": None, "empty_since": None}, {"follow_at": exchange.now}
    return exchange.result(words, due_at=exchange.now, changes=changes, order=order)


def has_arrived(
    *,
    content: dict[str, Any],
    sent_at: datetime,
    status: str | None,
    payments: tuple[tuple[Decimal, datetime | None], ...],
) -> bool:
    """Return whether a payment whose answer was lost arrived, by the answer of get_work_order.

    Either the status shows the call's effect, or the history holds a payment of this amount since the call.
    """
    if status in (
        STATUSES_AFTER_COMPLETE_ORDER if content["action"] == OnPaid.COMPLETE_ORDER else STATUSES_AFTER_SUBMIT_PAYMENT
    ):
        return True
    amount = content.get("amount")
    return amount is not None and any(
        paid == Decimal(amount) and (at is None or at >= sent_at - CLOCK_SKEW) for paid, at in payments
    )


SPEC = FollowUpSpec(
    kind=FollowUpKind.PAYMENT,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    after_lost_answer=LostAnswer.LOOK_UP,
    gave_up=Reason("payment_not_told", "the payment could not be reported to Panelr"),
    attention_codes=frozenset({"payment_not_told", "work_order_gone"}),
)
