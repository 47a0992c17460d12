"""Make calls to Panelr and record their outcomes: what create calls, look-ups and follow-ups share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application.metrics import Metrics
from panelr_bridge.application.panelr_probe import PanelrProbe
from panelr_bridge.application.transactions.call_report import CallReport
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_outcome import NotSent, Outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store import rate_limit
from panelr_bridge.store.database import Database, is_unavailable

P = ParamSpec("P")
R = TypeVar("R")
Clock = Callable[[], datetime]

SLOT_HOLDS = rate_limit.SLACK
"""How long after its claim a call may start."""
HELD_UP = NotSent(words="this process was held up before the call could begin")
RECORD_TRIES = 20

log = logs.get(__name__)


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CallResult:
    """The state of an order after its call, and the work order if the call created it."""

    state: OrderState
    work_order: WorkOrder | None = None


class PanelrCaller:
    """The database, the Panelr client with its probe, the clock and the metrics of one process."""

    def __init__(
        self, *, database: Database, panelr: PanelrClient, call_policy: CallPolicy, clock: Clock = utc_now
    ) -> None:
        self.database = database
        self.panelr = panelr
        self.call_policy = call_policy
        self.clock = clock
        self.metrics = Metrics()
        self.probe = PanelrProbe(database=database, panelr=panelr, call_policy=call_policy, clock=self.read_clock)

    def read_clock(self) -> datetime:
        """Return the current time."""
        return self.clock()

    async def write(
        self, work: Callable[Concatenate[Connection, datetime, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work` in a transaction; its `now` is the start of the transaction, not the time of this call."""

        def transaction(connection: Connection) -> R:
            return work(connection, self.clock(), *args, **kwargs)

        return await self.database.write(transaction)

    async def persist(
        self, work: Callable[Concatenate[Connection, datetime, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work` as `write` does; retry for about three minutes while the database is unavailable."""
        return await _retry(lambda: self.write(work, *args, **kwargs))

    async def call(self, claim: Claim, call: PanelrRequest) -> CallReport:
        """Make a claimed call to Panelr."""
        outcome, started_at, milliseconds = await self.ask(call, claimed_at=claim.claimed_at)
        return CallReport(claim=claim, outcome=outcome, started_at=started_at, milliseconds=milliseconds)

    async def ask(
        self, call: PanelrRequest, *, claimed_at: datetime, patience: float | None = None
    ) -> tuple[Outcome, datetime, int]:
        """Call Panelr unless the slot has expired; return the outcome, the start and the duration in milliseconds.

        The probe judges the outcome: whether it concerns this call alone. `patience` shortens the timeout (seconds).
        """
        if self.panelr.address is None:
            await self.probe.read_address()
        started_at, began = self.clock(), time.monotonic()
        if started_at - claimed_at > SLOT_HOLDS:
            return HELD_UP, started_at, 0
        outcome = await self.panelr.call(call, now=started_at, patience=patience)
        seconds = time.monotonic() - began
        self.metrics.observe_call(call.action, call_outcome.name(outcome), seconds)
        return await self.probe.judge(outcome), started_at, round(seconds * 1000)

    async def record(
        self,
        report: CallReport,
        work: Callable[Concatenate[Connection, datetime, P], OrderState],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> OrderState:
        """Record an outcome by `work` in a transaction, and log it; returns the order's state."""
        return await self.record_with(report, lambda: self.write(work, *args, **kwargs))

    async def record_with(self, report: CallReport, record: Callable[[], Awaitable[OrderState]]) -> OrderState:
        """Record an outcome by `record`, and log it. Retries while the database is unavailable."""
        state = await _retry(record)
        claim = report.claim
        log_call(
            "call.finished",
            claim,
            report.outcome,
            action=claim.action,
            milliseconds=report.milliseconds,
            state=state,
        )
        return state


def log_call(event: str, call: Any, outcome: Outcome, *, action: str, milliseconds: int, **more: Any) -> None:
    """Write the log line of a finished call; `call` is its Claim or FollowUpTask."""
    log.info(
        event,
        store=call.store,
        order=call.order_id,
        woo_order_id=call.woo_order_id,
        action=action,
        attempt=call.attempt,
        outcome=call_outcome.name(outcome),
        status=outcome.status,
        milliseconds=milliseconds,
        **more,
    )


async def _retry(store: Callable[[], Awaitable[R]]) -> R:
    """Run `store`; retry while the database is unavailable, because an outcome cannot be asked for again."""
    for tried in range(1, RECORD_TRIES):
        try:
            return await store()
        except Exception as error:
            if not is_unavailable(error):
                raise
            await asyncio.sleep(min(0.1 * 2**tried, 10))
    return await store()
