"""Having Panelr e-mail the customer how to pay, once: a lost answer is told to a person, never repeated."""

from panelr_bridge.calls import Calls
from panelr_bridge.errands.asking import ask
from panelr_bridge.outcomes import Done, Refused, Unknown
from panelr_bridge.panelr import request
from panelr_bridge.steps.claim import Terms
from panelr_bridge.steps.errand import UNCLEAR, Errand, Result
from panelr_bridge.values import Reason


async def carry_out(calls: Calls, errand: Errand, *, terms: Terms) -> Result:
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
