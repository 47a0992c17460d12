"""One call of a follow-up, to Panelr or to a shop, and the results that may follow from it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpTask,
    ShopOrders,
)
from panelr_bridge.domain import outage, retry_policy
from panelr_bridge.domain.call_outcome import Blocked, Done, Misconfigured, NotSent, Outcome, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import Reason
from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopNotFound, ShopRefused, ShopUnsupported
from panelr_bridge.panelr.request import PanelrRequest

PAUSED = NotSent(words="the shop's API fails at other orders, so it was not asked for this one")


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
        """Return that the task is due again by the retry schedule; after seven days or blocked tries it gives up."""
        outcome = outcome or self.outcome
        wait = retry_policy.retry_delay(
            attempt=self.task.attempt,
            outcome=outcome,
            schedule=call_policy.retry_schedule,
            owed_for=self.now - self.task.owed_since,
            jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
        )
        if wait is None or (isinstance(outcome, Blocked) and self.task.attempt >= outage.BLOCKED_TRIES):
            return self.result(outcome.words, outcome=outcome, gave_up=True, **more)
        waits = outage.is_outage(outcome)
        return self.result(outcome.words, outcome=outcome, due_at=self.now + wait, waits_for_outage=waits, **more)

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


def work_order_gone(outcome: Refused) -> Reason:
    """Return that Panelr does not show a work order; a 403 means that the proof of access is not this order's."""
    cause = "its token or e-mail address does not fit" if outcome.status == 403 else "it may be deleted"
    return Reason("work_order_gone", f"Panelr does not show the work order ({outcome.words}): {cause}, look there")


async def ask_shop(
    context: FollowUpContext,
    task: FollowUpTask,
    work: Callable[[ShopOrders], Awaitable[Any]],
    *,
    action: str,
    limit: timedelta,
) -> FollowUpExchange:
    """Do `work` with the client of the task's shop, within `limit`; the outcome holds its result, or its ShopError."""
    started_at, began = context.caller.clock(), time.monotonic()
    client = context.clients.get(task.store)
    outcome: Outcome
    try:
        if client is None:
            outcome = Misconfigured(words=f"the store {task.store} has no API settings any more: see BRIDGE_WOO_URL")
        else:
            async with asyncio.timeout(limit.total_seconds()):
                outcome = Done(words="done", data=await work(client))
    except ShopError as error:
        outcome = _classify(error)
    except TimeoutError:
        outcome = Unknown(words=f"the shop took longer than {limit.total_seconds():g} s")
    return FollowUpExchange(
        task=task,
        action=action,
        outcome=outcome,
        started_at=started_at,
        now=context.caller.clock(),
        milliseconds=round((time.monotonic() - began) * 1000),
    )


async def ask_shop_unless_paused(
    context: FollowUpContext,
    task: FollowUpTask,
    work: Callable[[ShopOrders], Awaitable[Any]],
    *,
    action: str,
    limit: timedelta,
) -> FollowUpExchange:
    """Do as `ask_shop` does, unless the shop's API fails at other orders: then the outcome is PAUSED."""
    now = context.caller.clock()
    if not context.pauses.begin(task.store, now=now, limit=limit):
        return FollowUpExchange(task=task, action=action, outcome=PAUSED, started_at=now, now=now, milliseconds=0)
    exchange = await ask_shop(context, task, work, action=action, limit=limit)
    has_answered = not isinstance(exchange.outcome, Unknown)
    context.pauses.end(task.store, now=exchange.now, has_answered=has_answered)
    return exchange


def _classify(error: ShopError) -> Outcome:
    if isinstance(error, ShopMisconfigured):
        return Misconfigured(words=str(error))
    if isinstance(error, (ShopRefused, ShopNotFound, ShopUnsupported)):
        return Refused(words=str(error))
    return Unknown(words=str(error))
