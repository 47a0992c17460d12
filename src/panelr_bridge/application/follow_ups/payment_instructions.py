"""Having Panelr e-mail the customer how to pay, once: a lost answer is told to a person, never repeated."""

from panelr_bridge.application.follow_ups.lease import UNCLEAR, FollowUpResult, FollowUpTask
from panelr_bridge.application.follow_ups.panelr_request import ask
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.models import Reason
from panelr_bridge.panelr import request


async def carry_out(calls: PanelrCaller, errand: FollowUpTask, *, terms: CallPolicy) -> FollowUpResult:
    """Ask Panelr to send payment instructions."""
    call = request.send_payment_instructions(
        work_order_id=errand.work_order.work_order_id or 0, confirm_url=errand.told["confirm_url"]
    )
    asked = await ask(calls, errand, call)
    outcome = asked.outcome
    if isinstance(outcome, Done):
        return asked.result("Panelr has e-mailed the payment instructions", done=True)
    if isinstance(outcome, Unknown):
        return asked.result(outcome.words, attention=UNCLEAR)
    if isinstance(outcome, Refused):
        words = f"Panelr refused to send payment instructions: {outcome.words}"
        return asked.result(words, attention=Reason("instructions_not_sent", words), changes={"sent_at": None})
    return asked.again(terms, changes={"sent_at": None})
