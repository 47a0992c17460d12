"""One call of a follow-up, and the results that may follow from it."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from panelr_bridge.application.follow_ups.specification import FollowUpContext, FollowUpResult, FollowUpTask
from panelr_bridge.domain import retry_policy
from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.panelr.request import PanelrRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpExchange:
    """A finished call: its action, its outcome, its start, its end (`now`) and its duration."""

    task: FollowUpTask
    action: str
    outcome: Outcome
    started_at: datetime
    now: datetime
    milliseconds: int

    def result(self, words: str, **more: Any) -> FollowUpResult:
        """Return the task's result in `words`; `more` are further fields of FollowUpResult."""
        fields: dict[str, Any] = {
            "action": self.action,
            "outcome": self.outcome,
            "words": words,
            "started_at": self.started_at,
            "milliseconds": self.milliseconds,
        }
        return FollowUpResult(**fields | more)

    def retry(self, call_policy: CallPolicy, *, outcome: Outcome | None = None, **more: Any) -> FollowUpResult:
        """Return that the task is due again by the retry schedule; after seven days it gives up."""
        outcome = outcome or self.outcome
        wait = retry_policy.retry_delay(
            attempt=self.task.attempt,
            outcome=outcome,
            schedule=call_policy.retry_schedule,
            owed_for=self.now - self.task.owed_since,
            jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
        )
        if wait is None:
            return self.result(outcome.words, outcome=outcome, gave_up=True, **more)
        return self.result(outcome.words, outcome=outcome, due_at=self.now + wait, **more)

    def postpone(self, wait: timedelta, words: str, **more: Any) -> FollowUpResult:
        """Return that the task is due again after `wait`."""
        return self.result(words, due_at=self.now + wait, **more)


async def ask_panelr(
    context: FollowUpContext, task: FollowUpTask, call: PanelrRequest, *, action: str | None = None
) -> FollowUpExchange:
    """Call Panelr for a task; `action` names the attempt if the call's own name does not."""
    outcome, started_at, milliseconds = await context.caller.ask(call, claimed_at=task.claimed_at)
    return FollowUpExchange(
        task=task,
        action=action or call.action,
        outcome=outcome,
        started_at=started_at,
        now=context.caller.clock(),
        milliseconds=milliseconds,
    )
