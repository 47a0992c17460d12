"""The customer's lines at Panelr, for a renewal that does not say which of them it is for."""

from dataclasses import asdict

from panelr_bridge.application.follow_ups.lease import FollowUpResult, FollowUpTask
from panelr_bridge.application.follow_ups.panelr_request import ask
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.panelr import request
from panelr_bridge.panelr.customer_lines import customer_lines


async def carry_out(calls: PanelrCaller, errand: FollowUpTask, *, terms: CallPolicy) -> FollowUpResult:
    """Ask Panelr for the customer's lines."""
    email = errand.email or ""
    asked = await ask(calls, errand, request.get_lines(customer_email=email))
    if isinstance(asked.outcome, Refused):  # no such customer, or a Panelr that does not know the action
        words = f"Panelr shows no lines of this customer: {asked.outcome.words}"
        return asked.result(words, done=True, order={"customer_lines": {"email": email, "lines": []}})
    if not isinstance(asked.outcome, Done):
        return asked.again(terms)
    lines = customer_lines(asked.outcome)
    if isinstance(lines, Unknown):
        return asked.again(terms, outcome=lines)
    words = f"Panelr shows {len(lines)} lines of this customer"
    told = {"email": email, "lines": [asdict(line) for line in lines]}
    return asked.result(words, done=True, order={"customer_lines": told})
