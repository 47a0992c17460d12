"""Claims what is due and has it carried out, until it is told to stop."""

import asyncio
import contextlib
from datetime import datetime, timedelta

from panelr_bridge import logs
from panelr_bridge.bridge import Bridge
from panelr_bridge.steps import claim as claims
from panelr_bridge.steps import operator
from panelr_bridge.steps.claim import Claim, Idle, Moved
from panelr_bridge.store.database import is_unavailable

CALLS_AT_ONCE = 64
POLL = timedelta(seconds=5)
"""How often a worker looks for what another process has made due; its own process wakes it at once."""

log = logs.get(__name__)


class Worker:
    """Runs one process's share of what is owed. Any number of workers may run on one database."""

    def __init__(self, bridge: Bridge, *, wake_ignored: timedelta) -> None:
        self._bridge = bridge
        self._wake_ignored = wake_ignored
        self._stopping = False

    def stop(self) -> None:
        """Claim nothing more; `run` returns after its present step. What is owed stays owed."""
        self._stopping = True
        self._bridge.owed.set()

    async def run(self) -> None:
        """Work until `stop`. A database that is away is waited for."""
        while not self._stopping:
            self._bridge.owed.clear()
            try:
                until = await self.round()
            except Exception as error:
                if not is_unavailable(error):
                    log.exception("worker.failed")
                else:
                    log.warning("worker.waits", reason="the database is unavailable")
                until = None
            await self._rest(until)

    async def round(self) -> datetime | None:
        """Do everything that is due now; returns when something falls due next, if that is known."""
        await self._end_leases()
        await self._wake()
        while not self._stopping and self._bridge.calls_under_way < CALLS_AT_ONCE:
            next_one = await self._bridge.claim_due()
            if isinstance(next_one, Idle):
                return next_one.until
            if isinstance(next_one, Claim):
                self._bridge.start(next_one)
            else:
                _log_moved(next_one)
        return None

    async def _end_leases(self) -> None:
        while (order_id := await self._bridge.write(claims.end_leases, terms=self._bridge.terms)) is not None:
            log.warning("lease.ended", order=order_id)

    async def _wake(self) -> None:
        """Decide anew what waits for a mapping that has changed."""
        since = self._bridge.clock() - self._wake_ignored
        moved = await self._bridge.write(
            operator.wake,
            policy=self._bridge.policy,
            ignored_since=since,
        )
        for order_id, state in moved:
            _log_moved(Moved(order_id, state))

    async def _rest(self, until: datetime | None) -> None:
        """Sleep until there is something to do: an event of this process, the next due row, or the poll."""
        now = self._bridge.clock()
        pause = min(until - now, POLL) if until is not None else POLL
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bridge.owed.wait(), max(pause.total_seconds(), 0.01))


def _log_moved(moved: Moved) -> None:
    log.info("order.moved", order=moved.order_id, state=moved.state)
