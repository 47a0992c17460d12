"""What every errand to Panelr does: ask, measure, and say what is tried again when."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from panelr_bridge.application.follow_ups.lease import FollowUpResult, FollowUpTask, gave_up
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain import retry_policy
from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.panelr.request import PanelrRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrExchange:
    """One call that an errand has made: how it ended, when it began and ended, how long it took."""

    errand: FollowUpTask
    action: str
    outcome: Outcome
    started_at: datetime
    now: datetime
    milliseconds: int

    def result(self, words: str, **more: Any) -> FollowUpResult:
        """Return what came of the errand, in `words`; `more` are further fields of Result."""
        told: dict[str, Any] = {
            "action": self.action,
            "outcome": self.outcome,
            "words": words,
            "started_at": self.started_at,
            "milliseconds": self.milliseconds,
        }
        return FollowUpResult(**told | more)

    def again(self, terms: CallPolicy, *, outcome: Outcome | None = None, **more: Any) -> FollowUpResult:
        """Return that it is to be tried again by the schedule; after seven days a person is told."""
        met = outcome or self.outcome
        wait = retry_policy.retry_delay(
            attempt=self.errand.attempt,
            outcome=met,
            schedule=terms.retry_schedule,
            owed_for=self.now - self.errand.owed_since,
            jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
        )
        if wait is None:
            return self.result(met.words, outcome=met, attention=gave_up(self.errand.kind), **more)
        return self.result(met.words, outcome=met, due_at=self.now + wait, **more)

    def soon(self, wait: timedelta, words: str, **more: Any) -> FollowUpResult:
        """Return that it is looked at again after `wait`."""
        return self.result(words, due_at=self.now + wait, **more)


async def ask(
    calls: PanelrCaller, errand: FollowUpTask, call: PanelrRequest, *, action: str | None = None
) -> PanelrExchange:
    """Make a call for an errand; `action` is what the attempts call it, where that is not the call's own name."""
    outcome, started_at, milliseconds = await calls.ask(call, claimed_at=errand.claimed_at)
    return PanelrExchange(
        errand=errand,
        action=action or call.action,
        outcome=outcome,
        started_at=started_at,
        now=calls.clock(),
        milliseconds=milliseconds,
    )
