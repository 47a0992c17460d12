"""Telling Panelr of a payment, exactly once: amounts add up there, so a lost answer is looked up, never repeated."""

from decimal import Decimal

from panelr_bridge.application.follow_ups.lease import FollowUpResult, FollowUpTask
from panelr_bridge.application.follow_ups.panelr_request import PanelrExchange, ask
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.follow_up_rules import SETTLED, has_arrived
from panelr_bridge.domain.models import OnPaid, Reason, WorkOrderDetails, WorkOrderProof
from panelr_bridge.panelr import request
from panelr_bridge.panelr.json_fields import string
from panelr_bridge.panelr.payment import work_order_details
from panelr_bridge.panelr.request import PanelrRequest

LOOK_UP = "look_up_payment"
ENDED = SETTLED - {"completed"} | {"payment_failed"}


async def carry_out(calls: PanelrCaller, errand: FollowUpTask, *, terms: CallPolicy) -> FollowUpResult:
    """Tell Panelr of a payment, or find out whether it has heard of it."""
    if errand.sent_at is not None:
        return await _look_up(calls, errand, terms=terms)
    asked = await ask(calls, errand, _call(errand))
    outcome = asked.outcome
    if isinstance(outcome, Done):
        return _told(asked, string((outcome.data or {}).get("status")) if isinstance(outcome.data, dict) else None)
    if isinstance(outcome, Unknown):
        return asked.soon(terms.grace, outcome.words)
    if isinstance(outcome, Refused):  # it may be paid there already: look before a person is troubled
        return asked.result(
            f"Panelr refused: {outcome.words}",
            due_at=asked.now,
            changes={"told": errand.told | {"refused": outcome.words}},
        )
    return asked.again(terms, changes={"sent_at": None})


def _call(errand: FollowUpTask) -> PanelrRequest:
    told = errand.told
    amount = None if told["amount"] is None else Decimal(told["amount"])
    work_order = errand.work_order
    if told["action"] == OnPaid.COMPLETE_ORDER:
        return request.complete_order(
            confirmation_token=work_order.confirmation_token or "",
            amount=amount,
            transaction_id=told["transaction_id"],
            payment_method_id=told["payment_method_id"],
        )
    authority = WorkOrderProof(
        confirmation_token=work_order.confirmation_token,
        reference_code=work_order.reference_code,
        customer_email=errand.email,
    )
    return request.submit_payment(proof=authority, amount=amount, transaction_id=told["transaction_id"])


def _told(asked: PanelrExchange, status: str | None) -> FollowUpResult:
    amount = asked.errand.told["amount"]
    words = f"Panelr knows of the payment{f' of {amount}' if amount else ''}"
    order = {"follow_at": asked.now} | ({} if status is None else {"panelr_status": status})
    return asked.result(words, done=True, order=order)


async def _look_up(calls: PanelrCaller, errand: FollowUpTask, *, terms: CallPolicy) -> FollowUpResult:
    call = request.get_work_order(
        reference_code=errand.work_order.reference_code or "",
        confirmation_token=errand.work_order.confirmation_token,
        customer_email=errand.email,
    )
    asked = await ask(calls, errand, call, action=LOOK_UP)
    if isinstance(asked.outcome, Refused):
        words = f"Panelr does not show the work order any more ({asked.outcome.words}): see to its payment there"
        return asked.result(words, attention=Reason("work_order_gone", words))
    if not isinstance(asked.outcome, Done):
        return asked.again(terms)
    details = work_order_details(asked.outcome)
    return asked.again(terms, outcome=details) if isinstance(details, Unknown) else _judge(asked, details, terms=terms)


def _judge(asked: PanelrExchange, details: WorkOrderDetails, *, terms: CallPolicy) -> FollowUpResult:
    """Say by what Panelr shows whether the payment has come there; two look-ups must have found none to say no."""
    errand = asked.errand
    payments = tuple((payment.amount, payment.at) for payment in details.payment_history)
    sent_at = errand.sent_at or errand.claimed_at
    if has_arrived(told=errand.told, sent_at=sent_at, status=details.status, payments=payments):
        return _told(asked, details.status)
    if details.status in ENDED:
        words = f"the order is paid, but its work order is {details.status} in Panelr: see to it there"
        return asked.result(words, attention=Reason("payment_not_told", words))
    if (refused := errand.told.get("refused")) is not None:
        words = f"Panelr refused to take the payment: {refused}"
        return asked.result(words, attention=Reason("payment_not_told", words))
    since = errand.empty_since or asked.now
    if asked.now < since + 6 * terms.grace:
        due = since + 6 * terms.grace
        return asked.result("Panelr does not know of the payment yet", due_at=due, changes={"empty_since": since})
    words = "two look-ups found that Panelr does not know of the payment: it is told again"
    # looked at anew first: the order may have been cancelled meanwhile
    again = {"sent_at": None, "empty_since": None}
    return asked.result(words, due_at=asked.now, changes=again, order={"follow_at": asked.now})
