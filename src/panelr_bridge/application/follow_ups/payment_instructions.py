"""Follow-up `instructions`: have Panelr e-mail the payment instructions once. A lost answer is never repeated."""

from panelr_bridge.application.follow_ups.exchange import ask_panelr
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
    LostAnswer,
)
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.follow_up_rules import Cancel, CreatedOrder, Escalate, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, OnPaid, Reason
from panelr_bridge.domain.work_order_request import UNPAID
from panelr_bridge.panelr import request
from panelr_bridge.woocommerce.order_received import LONGEST_ADDRESS, order_received_address

AWAITING_PAYMENT = frozenset({"pending", "on-hold"})
UNCLEAR = Reason(
    "instructions_unclear",
    "Panelr was asked to e-mail payment instructions and its answer was lost: the customer may have them or not",
)


def plan(created: CreatedOrder) -> Step | None:
    """Schedule the instructions for an unpaid order with a manual payment method."""
    order, state = created.order, created.follow_ups.get(FollowUpKind.INSTRUCTIONS)
    is_called_for = (
        created.request is not None
        and created.on_paid is OnPaid.SUBMIT_PAYMENT
        and created.request.status == UNPAID
        and not order.is_paid
        and order.status in AWAITING_PAYMENT
    )
    if state is not None:
        return Cancel(FollowUpKind.INSTRUCTIONS) if state.owed and not state.sent and not is_called_for else None
    if not is_called_for:
        return None
    if created.work_order.work_order_id is None:
        return _escalate("the work order's number is not known")
    if not created.store.url or not order.order_key:
        return _escalate("the store's order-received page is not known")
    url = order_received_address(
        order, shop_url=created.store.url, source=created.store.source, paths=created.store.checkout
    )
    if len(url) > LONGEST_ADDRESS:
        return _escalate(f"the address of the order-received page is longer than {LONGEST_ADDRESS} characters")
    return Schedule(FollowUpKind.INSTRUCTIONS, created.now, {"confirm_url": url})


def _escalate(why: str) -> Escalate:
    words = f"{why}, so Panelr was not asked to send payment instructions"
    return Escalate(FollowUpKind.INSTRUCTIONS, Reason("instructions_not_sent", words))


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Ask Panelr to send payment instructions."""
    call = request.send_payment_instructions(
        work_order_id=task.work_order.work_order_id or 0, confirm_url=task.content["confirm_url"]
    )
    exchange = await ask_panelr(context, task, call)
    outcome = exchange.outcome
    if isinstance(outcome, Done):
        return exchange.result("Panelr has e-mailed the payment instructions", done=True)
    if isinstance(outcome, Unknown) or outcome.doubtful:
        return exchange.result(outcome.words, attention=UNCLEAR)
    if isinstance(outcome, Refused):
        words = f"Panelr refused to send payment instructions: {outcome.words}"
        return exchange.result(words, attention=Reason("instructions_not_sent", words), changes={"sent_at": None})
    return exchange.retry(context.call_policy, changes={"sent_at": None})


SPEC = FollowUpSpec(
    kind=FollowUpKind.INSTRUCTIONS,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    after_lost_answer=LostAnswer.ASK_OPERATOR,
    lost=UNCLEAR,
    gave_up=Reason("instructions_not_sent", "Panelr could not be asked to send payment instructions"),
    attention_codes=frozenset({"instructions_not_sent", "instructions_unclear"}),
)
