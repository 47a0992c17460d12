"""Claims what is due and has it carried out, until it is told to stop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from panelr_bridge import logs
from panelr_bridge.application.bridge import CALLS_AT_ONCE, Bridge, ClaimFailed
from panelr_bridge.application.follow_ups.runner import FollowUpRunner
from panelr_bridge.application.transactions import claim_call, operator_actions
from panelr_bridge.application.transactions.claim_call import Claim, NothingDue
from panelr_bridge.application.webhook_monitor import WebhookMonitor
from panelr_bridge.store import due_work, orders
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.due_work import DueWork

R = TypeVar("R")

BATCH = 500
POLL = timedelta(seconds=5)
"""How often a worker looks for what another process has made due; its own process wakes it at once."""

log = logs.get(__name__)


class Worker:
    """Runs one process's share of what is owed. Any number of workers may run on one database."""

    def __init__(
        self,
        bridge: Bridge,
        *,
        wake_ignored: timedelta,
        following: FollowUpRunner | None = None,
        watching: WebhookMonitor | None = None,
    ) -> None:
        self._bridge = bridge
        self._watching = watching
        self._following = following
        self._wake_ignored = wake_ignored
        self.stopping = False

    def stop(self) -> None:
        """Claim nothing more; `run` returns after its present step. What is owed stays owed."""
        self.stopping = True
        self._bridge.owed.set()

    async def run(self) -> None:
        """Work until `stop`. A database that is away is waited for; one order that fails holds up no other."""
        async with contextlib.nullcontext() if self._watching is None else self._watching.run_in_background():
            while not self.stopping:
                self._bridge.owed.clear()
                await self._rest(await self._turn())

    async def _turn(self) -> datetime | None:
        """Look, and do what there is to do; returns when there may be more, if that is known.

        With nothing to do, which is most of the time, this is one statement that only reads.
        """
        seen = await self._safely(self._look)
        if seen is None:
            return None
        now = self._bridge.clock()
        more = [await self._safely(partial(self._owed, seen, now=now))]
        if self._following is not None:
            more.append(await self._safely(partial(self._following.turn, seen, now=now)))
        return min((moment for moment in more if moment is not None), default=None)

    async def _owed(self, seen: DueWork, *, now: datetime) -> datetime | None:
        """Lead on the orders whose create calls are owed; returns when there may be more, if that is known."""
        led_on = False
        if seen.lease_ends_at is not None and seen.lease_ends_at < now:
            led_on = True
            await self._safely(self._end_leases)
        if seen.mapping_changed:
            led_on = True
            await self._safely(self._wake)
        if not led_on and (seen.due_at is None or seen.due_at > now):
            return seen.due_at
        return self._bridge.rate_limited_until() or await self._safely(self._claim)

    async def _safely(self, step: Callable[[], Awaitable[R]]) -> R | None:
        """Take a step; None where it has failed."""
        try:
            return await step()
        except Exception as error:
            if is_unavailable(error):
                log.warning("worker.waits", reason="the database is unavailable")
            else:
                log.exception("worker.failed")
            return None

    async def _look(self) -> DueWork:
        return await self._bridge.database.read(due_work.find_due_work)

    async def _end_leases(self) -> None:
        while (order_id := await self._bridge.write(claim_call.end_leases, terms=self._bridge.terms)) is not None:
            log.warning("lease.ended", order=order_id)

    async def _wake(self) -> None:
        """Decide anew what waits for a mapping that has changed."""
        since = self._bridge.clock() - self._wake_ignored
        for order_id in await self._bridge.database.read(orders.awaiting_mapping, limit=BATCH):
            try:
                state = await self._bridge.write(
                    operator_actions.reevaluate_waiting, order_id, policy=self._bridge.policy, ignored_since=since
                )
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.exception("worker.failed", order=order_id)
                await self._bridge.write(operator_actions.stop_waiting, order_id)
            else:
                if state is not None:
                    log.info("order.moved", order=order_id, state=state)
                    self._bridge.owed.set()

    async def _claim(self) -> datetime | None:
        """Begin every call that is due and may be made; returns when there may be more, if that is known."""
        while not self.stopping and self._bridge.calls_under_way < CALLS_AT_ONCE:
            try:
                next_one = await self._bridge.claim_due()
            except ClaimFailed as error:
                log.exception("worker.failed", order=error.order_id)
                await self._bridge.write(claim_call.set_aside, error.order_id)
                continue
            if isinstance(next_one, NothingDue):
                return next_one.until
            if isinstance(next_one, Claim):
                self._bridge.start(next_one)
            else:
                log.info("order.moved", order=next_one.order_id, state=next_one.state)
        return None

    async def _rest(self, until: datetime | None) -> None:
        """Sleep until there is something to do: an event of this process, the next due row, or the poll."""
        now = self._bridge.clock()
        pause = min(until - now, POLL) if until is not None else POLL
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bridge.owed.wait(), max(pause.total_seconds(), 0.01))
