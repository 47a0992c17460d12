"""Making one claimed call and recording what came of it: what the bridge and its look-ups have in common."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application.metrics import Metrics
from panelr_bridge.application.transactions.claim_call import Claim
from panelr_bridge.application.transactions.record_outcome import CallReport
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_outcome import NotSent, Outcome
from panelr_bridge.domain.models import OrderState, WorkOrder
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store import rate_limit
from panelr_bridge.store.database import Database, is_unavailable

P = ParamSpec("P")
R = TypeVar("R")
Clock = Callable[[], datetime]

SLOT_HOLDS = rate_limit.SLACK
"""How long leave from the rate limit is good for."""
RECORD_TRIES = 20

log = logs.get(__name__)


def utc_now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a call came to: the order's state, and the work order when it was created."""

    state: OrderState
    work_order: WorkOrder | None = None


class PanelrCaller:
    """One process's database, its Panelr and its clock."""

    def __init__(self, *, database: Database, panelr: PanelrClient, clock: Clock = utc_now) -> None:
        self.database = database
        self.panelr = panelr
        self.clock = clock
        self.tally = Metrics()

    async def write(
        self, work: Callable[Concatenate[Connection, datetime, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work` in a transaction of its own; its `now` is the moment that begins, not when it was asked for."""

        def at_its_beginning(connection: Connection) -> R:
            return work(connection, self.clock(), *args, **kwargs)

        return await self.database.write(at_its_beginning)

    async def call(self, claim: Claim, call: PanelrRequest) -> CallReport:
        """Make a claimed call to Panelr."""
        outcome, started_at, milliseconds = await self.ask(call, claimed_at=claim.claimed_at)
        return CallReport(claim=claim, outcome=outcome, started_at=started_at, milliseconds=milliseconds)

    async def ask(self, call: PanelrRequest, *, claimed_at: datetime) -> tuple[Outcome, datetime, int]:
        """Call Panelr, unless the leave to do so has run out while this process was held up.

        Returns the outcome, when the call began, and how many milliseconds it took.
        """
        started_at, began = self.clock(), time.monotonic()
        outcome: Outcome
        if started_at - claimed_at > SLOT_HOLDS:
            outcome = NotSent(words="this process was held up before the call could begin")
        else:
            outcome = await self.panelr.call(call, now=started_at)
        seconds = time.monotonic() - began
        self.tally.observe_call(call.action, call_outcome.name(outcome), seconds)
        return outcome, started_at, round(seconds * 1000)

    async def persist(
        self, work: Callable[Concatenate[Connection, datetime, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do as `write`, again and again for a while where the database is away: what was heard is worth it."""
        return await _insisting(lambda: self.write(work, *args, **kwargs))

    async def record(
        self,
        report: CallReport,
        work: Callable[Concatenate[Connection, datetime, P], OrderState],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> OrderState:
        """Record an outcome as `recorded` does, by `work` in a transaction."""
        return await self.recorded(report, lambda: self.write(work, *args, **kwargs))

    async def recorded(self, report: CallReport, record: Callable[[], Awaitable[OrderState]]) -> OrderState:
        """Record an outcome; what Panelr has answered is worth several tries when the database is away."""
        state = await _insisting(record)
        claim = report.claim
        log.info(
            "call.finished",
            store=claim.store,
            order=claim.order_id,
            woo_order_id=claim.woo_order_id,
            action=claim.action,
            attempt=claim.attempt,
            outcome=call_outcome.name(report.outcome),
            status=report.outcome.status,
            milliseconds=report.milliseconds,
            state=state,
        )
        return state


async def _insisting(store: Callable[[], Awaitable[R]]) -> R:
    """Store what was heard, however often the database is away meanwhile."""
    for tried in range(1, RECORD_TRIES):
        try:
            return await store()
        except Exception as error:
            if not is_unavailable(error):
                raise
            await asyncio.sleep(min(0.1 * 2**tried, 10))
    return await store()
