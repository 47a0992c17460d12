"""The worker: claims what is due and starts it, until it is stopped."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from panelr_bridge import logs
from panelr_bridge.application.bridge import CALLS_AT_ONCE, Bridge, ClaimFailed
from panelr_bridge.application.follow_ups.runner import FollowUpRunner
from panelr_bridge.application.refusal_counter import remove_resolved
from panelr_bridge.application.transactions import claim_call, rate_gate, waiting_orders
from panelr_bridge.application.transactions.cart_quotes import QuoteClaim
from panelr_bridge.application.transactions.claim_call import NothingDue
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.unread_deliveries import UnreadDeliveriesSweep
from panelr_bridge.store import due_work, orders
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.due_work import DueWork

R = TypeVar("R")

BATCH = 500
CLOCK_CHECK = timedelta(minutes=1)
"""How often a worker looks for calls that a clock far ahead put off, and for unread deliveries that are resolved."""
POLL = timedelta(seconds=5)
"""How often a worker looks for work of other processes; its own process wakes it at once."""

log = logs.get(__name__)


class Worker:
    """One process's worker. Any number of workers may run on one database."""

    def __init__(
        self,
        bridge: Bridge,
        *,
        wake_ignored: timedelta,
        follow_ups: FollowUpRunner | None = None,
    ) -> None:
        self._bridge = bridge
        self._wake_ignored = wake_ignored
        self._follow_ups = follow_ups
        self._checked_clock_at: datetime | None = None
        self._unread = UnreadDeliveriesSweep(bridge.database)
        self.stopping = False

    def stop(self) -> None:
        """Claim nothing more; `run` returns after its current step. Owed calls stay owed."""
        self.stopping = True
        self._bridge.wake_worker.set()

    async def run(self) -> None:
        """Work until `stop`. It waits while the database is unavailable; an order that fails delays no other."""
        await self._safely(self._bridge.probe.look_for_waiting)
        while not self.stopping:
            self._bridge.wake_worker.clear()
            await self._rest(await self._turn())

    async def _turn(self) -> datetime | None:
        """Do what is due; return when more may be due, None if that is unknown.

        If nothing is due, which is usual, this is one statement that only reads.
        """
        found = await self._safely(partial(self._bridge.database.read, due_work.find_due_work))
        if found is None:
            return None
        now = self._bridge.clock()
        if self._checked_clock_at is None or abs(now - self._checked_clock_at) >= CLOCK_CHECK:
            self._checked_clock_at = now
            await self._safely(self._bring_back)
            await self._safely(partial(self._unread.run, now=now))
            await self._safely(partial(remove_resolved, self._bridge.database))
        moments = [await self._safely(partial(self._run_orders, found, now=now))]
        if found.gate_closed_until is not None:
            moments.append(self._bridge.probe.start_due(found.gate_closed_until, now=now))
        if self._follow_ups is not None:
            moments.append(await self._safely(partial(self._follow_ups.run_due, found, now=now)))
        return min((moment for moment in moments if moment is not None), default=None)

    async def _run_orders(self, found: DueWork, *, now: datetime) -> datetime | None:
        """End leases, evaluate waiting orders, start due calls; return when more may be due."""
        changed = False
        if found.lease_ends_at is not None and found.lease_ends_at < now:
            changed = True
            await self._safely(self._end_leases)
        if found.mapping_changed:
            changed = True
            await self._safely(self._reevaluate_waiting)
        if not changed and (found.due_at is None or found.due_at > now):
            return found.due_at
        return self._bridge.rate_limited_until() or await self._safely(self._start_due)

    async def _safely(self, step: Callable[[], Awaitable[R]]) -> R | None:
        """Run a step; log its failure and return None."""
        try:
            return await step()
        except Exception as error:
            if is_unavailable(error):
                log.warning("worker.waits", reason="the database is unavailable")
            else:
                log.exception("worker.failed")
            return None

    async def _bring_back(self) -> None:
        """Make calls due that were put off while a clock was far ahead."""
        put_off = await self._bridge.write(rate_gate.bring_back, call_policy=self._bridge.call_policy)
        if put_off:
            log.warning("worker.clock_was_ahead", calls=put_off)
            self._bridge.wake_worker.set()

    async def _end_leases(self) -> None:
        call_policy = self._bridge.call_policy
        while (order_id := await self._bridge.write(claim_call.end_one_lease, call_policy=call_policy)) is not None:
            log.warning("lease.ended", order=order_id)

    async def _reevaluate_waiting(self) -> None:
        """Evaluate again the orders that wait for a changed mapping."""
        since = self._bridge.clock() - self._wake_ignored
        for order_id in await self._bridge.database.read(orders.list_behind_mappings, limit=BATCH):
            try:
                state = await self._bridge.write(
                    waiting_orders.reevaluate_waiting, order_id, policy=self._bridge.policy, ignored_since=since
                )
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.exception("worker.failed", order=order_id)
                await self._bridge.write(waiting_orders.stop_waiting, order_id)
            else:
                if state is not None:
                    log.info("order.moved", order=order_id, state=state)
                    self._bridge.wake_worker.set()

    async def _start_due(self) -> datetime | None:
        """Claim and start every due call that has a slot; return when more may be due, None if that is unknown."""
        while not self.stopping and self._bridge.calls_under_way < CALLS_AT_ONCE:
            try:
                claimed = await self._bridge.claim_due()
            except ClaimFailed as error:
                log.exception("worker.failed", order=error.order_id)
                await self._bridge.write(claim_call.set_aside, error.order_id)
                continue
            if isinstance(claimed, NothingDue):
                return claimed.until
            if isinstance(claimed, Claim):
                self._bridge.start(claimed)
            elif isinstance(claimed, QuoteClaim):
                self._bridge.start_quote(claimed)
            else:
                log.info("order.moved", order=claimed.order_id, state=claimed.state)
        return None

    async def _rest(self, until: datetime | None) -> None:
        """Sleep until this process wakes the worker, the next row is due, or the next poll."""
        now = self._bridge.clock()
        pause = min(until - now, POLL) if until is not None else POLL
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bridge.wake_worker.wait(), max(pause.total_seconds(), 0.01))
