"""What became of a work order: Panelr never calls back, so it is asked, as often as its own plugin does."""

from datetime import datetime, timedelta

from panelr_bridge.application.follow_ups.lease import FollowUpResult, FollowUpTask
from panelr_bridge.application.follow_ups.panelr_request import PanelrExchange, ask
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.follow_up_rules import SETTLED, next_poll
from panelr_bridge.domain.models import Reason
from panelr_bridge.panelr import request
from panelr_bridge.panelr.payment import work_order_status


async def carry_out(calls: PanelrCaller, errand: FollowUpTask, *, terms: CallPolicy) -> FollowUpResult:
    """Ask Panelr where a work order stands."""
    call = request.get_work_order(
        reference_code=errand.work_order.reference_code or "",
        confirmation_token=errand.work_order.confirmation_token,
        customer_email=errand.email,
    )
    asked = await ask(calls, errand, call)
    if isinstance(asked.outcome, Refused):
        words = f"Panelr does not show the work order any more: {asked.outcome.words}"
        return asked.result(words, attention=Reason("work_order_gone", words))
    if not isinstance(asked.outcome, Done):
        return _later(asked, terms)
    status = work_order_status(asked.outcome)
    if isinstance(status, Unknown):
        return _later(asked, terms, outcome=status)
    return _heard(asked, status)


def _heard(asked: PanelrExchange, status: str) -> FollowUpResult:
    """What is new is kept and led on; asking that brings nothing new is no attempt worth a row."""
    before = asked.errand.work_order.status
    over = status in SETTLED
    due = None if over else next_poll(since=_since(asked.errand), now=asked.now)
    if status == before:
        return asked.result(f"still {status}", due_at=due, done=due is None, changes={"attempt": 0}, noted=False)
    attention = None
    if status == "canceled":
        attention = Reason("work_order_canceled", "the work order was canceled in Panelr")
    return asked.result(
        f"{status} now; it was {before or 'not known'}",
        due_at=due,
        done=due is None,
        changes={"attempt": 0},
        order={"panelr_status": status, "follow_at": asked.now},
        attention=attention,
    )


def _later(asked: PanelrExchange, terms: CallPolicy, outcome: Unknown | None = None) -> FollowUpResult:
    """A question that had no answer is asked again when the next one is due, or earlier by the schedule."""
    due = next_poll(since=_since(asked.errand), now=asked.now)
    tried = asked.again(terms, outcome=outcome, noted=False)
    if due is None:
        return asked.result(tried.words, outcome=tried.outcome, done=True)
    soon = min(due, tried.due_at or due)
    return asked.result(tried.words, outcome=tried.outcome, due_at=max(soon, asked.now + timedelta(seconds=1)))


def _since(errand: FollowUpTask) -> datetime:
    return datetime.fromisoformat(errand.told["since"])
