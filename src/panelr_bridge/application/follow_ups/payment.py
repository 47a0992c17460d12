"""Follow-up `payment`: report a payment to Panelr exactly once, after its amount was compared with Panelr's total.

Amounts add up at Panelr, so a lost answer is looked up and the call is never repeated blindly. `payment_plan.py` plans.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_panelr, work_order_gone
from panelr_bridge.application.follow_ups.payment_plan import AWAITING_WEBHOOK, plan, statuses_after
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
    LostAnswer,
)
from panelr_bridge.domain import retry_policy
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import CANCELED, CreatedOrder
from panelr_bridge.domain.models import FollowUpKind, OnPaid, Reason
from panelr_bridge.domain.panelr_values import PaymentReceipt, RecordedPayment, WorkOrderDetails, WorkOrderProof
from panelr_bridge.domain.payment_check import Payment, agrees, check_payment, check_receipt
from panelr_bridge.panelr import request
from panelr_bridge.panelr.payment import payment_receipt, work_order_details
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store.tables import Columns

CHECK = "check_payment"
"""The attempt that reads the work order before a payment is reported."""
LOOK_UP = "look_up_payment"
"""The attempt that reads the work order after a payment's answer was lost or refused."""
UNPAYABLE = frozenset({CANCELED, "payment_failed"})
CLOCK_SKEW = timedelta(minutes=1)
LOST_BEFORE_ATTENTION = 5
"""After so many lost answers a person is informed. The payment is still reported again."""
UNSENT: Columns = {"sent_at": None, "empty_since": None}


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Report the payment; first read the work order if an earlier call may have reported it, or amounts are in doubt.

    Panelr's stored total can only confirm a payment. A difference may have been corrected in Panelr since.
    """
    if task.sent_at is not None or not _is_confirmed(task):
        return await _look_up(task, context)
    exchange = await ask_panelr(context, task, _payment_call(task))
    outcome = exchange.outcome
    if isinstance(outcome, Done):
        return _reported(exchange, payment_receipt(outcome))
    if isinstance(outcome, Unknown) or outcome.doubtful:
        lost = {"told": task.content | {"lost": task.content.get("lost", 0) + 1}}
        return exchange.postpone(context.call_policy.grace, outcome.words, changes=lost)
    if isinstance(outcome, Refused):  # it may be paid already, so look before asking an operator
        changes: Columns = {"told": task.content | {"refused": outcome.words}}
        return exchange.result(f"Panelr refused: {outcome.words}", due_at=exchange.now, changes=changes)
    return exchange.retry(context.call_policy, changes={"sent_at": None, "told": _unchecked(task.content)})


def _is_confirmed(task: FollowUpTask) -> bool:
    """Return whether the payment was compared with a work order just read, or agrees with Panelr's total as stored."""
    content = task.content
    if content.get("checked"):
        return True
    if "paid" not in content:  # Panelr gets no amounts of the order, or a version before this one planned it
        return not (content.get("omits_amounts") and content.get("looks_first"))
    return not content.get("looks_first") and agrees(_payment(content), task.work_order.order_total)


def _unchecked(content: dict[str, Any]) -> dict[str, Any]:
    """Return a follow-up's content without its comparison, which an hour or a person may have outdated."""
    return {name: value for name, value in content.items() if name != "checked"}


def _check(content: dict[str, Any], details: WorkOrderDetails) -> Payment | Reason:
    """Compare a payment with its work order, unless a version planned it that did not know the amount."""
    payment = _payment(content)
    return check_payment(payment, details) if "paid" in content else payment


def _payment(content: dict[str, Any]) -> Payment:
    """Return the payment in a follow-up's content. Only complete_order has a field for coupons."""

    def amount(name: str) -> Decimal | None:
        return None if content.get(name) is None else Decimal(content[name])

    coupons = content.get("coupons", ()) if content["action"] == OnPaid.COMPLETE_ORDER else ()
    return Payment(
        paid=amount("paid") or amount("amount") or Decimal(0),
        amount=amount("amount"),
        currency=content.get("currency") or "",
        coupons=tuple(Decimal(each) for each in coupons),
        store_discount=amount("store_discount"),
        order_total=amount("order_total"),
    )


def _payment_call(task: FollowUpTask) -> PanelrRequest:
    """Return the call. A completion without a transaction is named as Panelr's plugin names it."""
    content, work_order, payment = task.content, task.work_order, _payment(task.content)
    if content["action"] == OnPaid.COMPLETE_ORDER:
        return request.complete_order(
            confirmation_token=work_order.confirmation_token or "",
            amount=payment.amount,
            transaction_id=content["transaction_id"] or f"WC-{task.woo_order_id}",
            payment_method_id=content["payment_method_id"],
            store_discount=payment.store_discount,
            is_free=bool(content.get("is_free")),
        )
    proof = WorkOrderProof(
        confirmation_token=work_order.confirmation_token,
        reference_code=work_order.reference_code,
        customer_email=task.email,
    )
    return request.submit_payment(proof=proof, amount=payment.amount, transaction_id=content["transaction_id"])


def _reported(exchange: FollowUpExchange, receipt: PaymentReceipt) -> FollowUpResult:
    content = exchange.task.content
    amount = content["amount"]
    words = f"Panelr knows of the payment{f' of {amount}' if amount else ''}"
    return exchange.result(
        words,
        done=True,
        order={"follow_at": exchange.now} | _order_columns(receipt.status, receipt.order_total),
        settles=frozenset({"totals_differ", "payment_not_told"}),
        attention=check_receipt(_payment(content), receipt) if "paid" in content else None,
    )


def _order_columns(status: str | None, order_total: Decimal | None) -> Columns:
    shown: Columns = {"panelr_status": status, "order_total": order_total}
    return {name: value for name, value in shown.items() if value is not None}


async def _look_up(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    is_in_doubt = task.sent_at is not None
    call = request.get_work_order(
        reference_code=task.work_order.reference_code or "",
        confirmation_token=task.work_order.confirmation_token,
        customer_email=task.email,
    )
    exchange = await ask_panelr(context, task, call, action=LOOK_UP if is_in_doubt else CHECK)
    unchanged: Columns = {} if is_in_doubt else UNSENT
    if isinstance(exchange.outcome, Refused):
        gone = work_order_gone(exchange.outcome)
        return exchange.result(gone.words, attention=gone, changes=unchanged)
    if not isinstance(exchange.outcome, Done):
        return exchange.retry(context.call_policy, changes=unchanged)
    details = work_order_details(exchange.outcome)
    if isinstance(details, Unknown):
        return exchange.retry(context.call_policy, outcome=details, changes=unchanged)
    return _judge(exchange, details, call_policy=context.call_policy)


def _judge(exchange: FollowUpExchange, details: WorkOrderDetails, *, call_policy: CallPolicy) -> FollowUpResult:
    """Judge by the work order whether the payment arrived. Two look-ups must find none before it is sent again."""
    task = exchange.task
    order = _order_columns(None, details.order_total)
    history = () if task.sent_at is None else details.payment_history
    sent_at = task.sent_at or task.claimed_at
    if has_arrived(content=task.content, sent_at=sent_at, status=details.status, payments=history):
        return _reported(exchange, _receipt(details))
    if details.status in UNPAYABLE:
        words = f"the order is paid, but its work order is {details.status} in Panelr: decide there what to do"
        return exchange.result(words, attention=Reason("payment_not_told", words), order=order)
    if (refused := task.content.get("refused")) is not None:
        reason = _refusal(_check(task.content, details), refused)
        return exchange.result(reason.words, attention=reason, order=order)
    since = task.empty_since or exchange.now
    if task.sent_at is not None and exchange.now < since + 6 * call_policy.grace:
        words, due = "Panelr does not know of the payment yet", since + 6 * call_policy.grace
        return exchange.result(words, due_at=due, changes={"empty_since": since}, order=order)
    return _compare(exchange, details, order=order, call_policy=call_policy)


def _receipt(details: WorkOrderDetails) -> PaymentReceipt:
    """Return the work order as a receipt. Once it is being set up, its balance is no news."""
    is_submitted = details.status == "payment_submitted"
    return PaymentReceipt(
        status=details.status,
        order_total=details.order_total if is_submitted else None,
        balance_due=details.balance_due if is_submitted else None,
    )


def _refusal(verdict: Payment | Reason, refused: str) -> Reason:
    words = f"Panelr refused to take the payment: {refused}"
    if isinstance(verdict, Reason):
        return Reason(verdict.code, f"{verdict.words} ({words})")
    return Reason("payment_not_told", words)


def _compare(
    exchange: FollowUpExchange, details: WorkOrderDetails, *, order: Columns, call_policy: CallPolicy
) -> FollowUpResult:
    """Compare the payment with the work order: it is reported now, or a person corrects one of them."""
    task, content = exchange.task, exchange.task.content
    if details.status == AWAITING_WEBHOOK:
        content = content | {"action": OnPaid.COMPLETE_ORDER.value}
        if task.work_order.confirmation_token is None:
            words = "the order is paid, but its work order awaits Panelr's checkout and its token is not known"
            return exchange.result(words, attention=Reason("payment_not_told", words), changes=UNSENT, order=order)
    payment = _check(content, details)
    if isinstance(payment, Reason):
        changes = UNSENT | {"told": _unchecked(task.content)}
        return exchange.result(payment.words, attention=payment, changes=changes, order=order)
    amounts = {name: getattr(payment, name) for name in ("amount", "store_discount", "order_total")}
    checked = {name: None if amount is None else str(amount) for name, amount in amounts.items()}
    content = content | checked | {"checked": True}
    if task.sent_at is not None:
        return _report_again(exchange, content, order=order, call_policy=call_policy)
    words = "the payment agrees with Panelr's total"
    return exchange.result(words, due_at=exchange.now, changes=UNSENT | {"told": content}, order=order)


def _report_again(
    exchange: FollowUpExchange, content: dict[str, Any], *, order: Columns, call_policy: CallPolicy
) -> FollowUpResult:
    """Report a payment again that Panelr does not know of: at once after the first lost answer, then by the schedule.

    It is planned again first: the order may have been cancelled meanwhile.
    """
    lost, order = content.get("lost", 0), order | {"follow_at": exchange.now}
    words = "two look-ups found that Panelr does not know of the payment: it is reported again"
    if lost <= 1:
        return exchange.result(words, due_at=exchange.now, changes=UNSENT | {"told": content}, order=order)
    wait = retry_policy.retry_delay(
        attempt=lost - 1,
        outcome=Unknown(words=""),
        schedule=call_policy.retry_schedule,
        owed_for=exchange.now - exchange.task.owed_since,
    )
    changes = UNSENT | {"told": _unchecked(content)}
    if wait is None:
        return exchange.result(words, gave_up=True, changes=changes, order=order)
    reason = Reason(
        "payment_not_told",
        f"Panelr has failed to take the payment {lost} times, and is asked again later each time. Panelr's own log, or"
        " that of a firewall in front of it, may say why",
    )
    attention = reason if lost >= LOST_BEFORE_ATTENTION else None
    return exchange.result(words, due_at=exchange.now + wait, attention=attention, changes=changes, order=order)


def has_arrived(
    *,
    content: dict[str, Any],
    sent_at: datetime,
    status: str | None,
    payments: tuple[RecordedPayment, ...],
) -> bool:
    """Return whether Panelr knows the payment, by the answer of get_work_order.

    Either the status shows the call's effect, or the history holds a payment of this amount since the call.
    """
    if status in statuses_after(content["action"]):
        return True
    amount = content.get("amount")
    return amount is not None and any(
        payment.amount == Decimal(amount) and (payment.at is None or payment.at >= sent_at - CLOCK_SKEW)
        for payment in payments
    )


SPEC = FollowUpSpec(
    kind=FollowUpKind.PAYMENT,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    after_lost_answer=LostAnswer.LOOK_UP,
    gave_up=Reason("payment_not_told", "the payment could not be reported to Panelr"),
    attention_codes=frozenset({"payment_not_told", "work_order_gone", "totals_differ", "balance_due"}),
)
