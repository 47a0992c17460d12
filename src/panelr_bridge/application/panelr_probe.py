"""The probe: a neutral call that says whether a failed call concerns one request or all of them.

Only the probe closes and opens the gate. A process makes one probe at a time, and uses its result for a few seconds,
so many calls that fail together cost one probe.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.domain import call_outcome, outage
from panelr_bridge.domain.call_outcome import Blocked, Done, Misconfigured, NotSent, Outcome, Throttled, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.outage import ProbeVerdict
from panelr_bridge.panelr import request
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store import owed_calls, rate_limit
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.rate_limit import GateStatus, ProbeSlot

R = TypeVar("R")

REUSED_FOR = timedelta(seconds=3)
"""How long a probe's verdict is used for other calls that fail."""
PATIENCE = 5.0
"""How long a failed call waits for its probe, in seconds: its outcome must be recorded before its lease ends."""
NEUTRAL_CALL = request.get_store_settings()
TRIED_AGAIN_AFTER = timedelta(seconds=4)
"""When a worker tries again to begin a probe for which there was no slot."""

log = logs.get(__name__)


@contextlib.contextmanager
def suppress_unavailable() -> Iterator[None]:
    """Go on if the database is unavailable."""
    try:
        yield
    except Exception as error:
        if not is_unavailable(error):
            raise
        log.warning("worker.waits", reason="the database is unavailable")


class PanelrProbe:
    """The probes of one process, and the outcome of the last one.

    It calls `ended` after each probe and after each release of waiting calls.
    """

    def __init__(
        self,
        *,
        database: Database,
        panelr: PanelrClient,
        call_policy: CallPolicy,
        clock: Callable[[], datetime],
        call: PanelrRequest = NEUTRAL_CALL,
    ) -> None:
        self._database = database
        self._panelr = panelr
        self._call_policy = call_policy
        self._clock = clock
        self._neutral_call = call
        self.outcome: Outcome | None = None
        self._task: asyncio.Task[ProbeVerdict] | None = None
        self._releases: set[asyncio.Task[None]] = set()
        self._last: tuple[datetime, ProbeVerdict] | None = None
        self._not_before: datetime | None = None
        self._outage_seen = False
        self.ended: Callable[[], None] = lambda: None

    async def judge(self, outcome: Outcome) -> Outcome:
        """Return a call's outcome in the light of the probe, which may close the gate.

        A refusal waits for the probe. A call whose fate is unknown, or that was not sent, is to be recorded first, so
        its probe runs beside that. A success after an outage releases the calls that wait for it.
        """
        if isinstance(outcome, (Misconfigured, Blocked, Throttled)):
            return await self._judge_refusal(outcome)
        if isinstance(outcome, (NotSent, Unknown)) and self._reusable() is None:
            self.start()
        elif isinstance(outcome, Done) and self._outage_seen:
            self._outage_seen = False
            self._run_beside(self._release())
        return outcome

    async def _judge_refusal(self, outcome: Outcome) -> Outcome:
        verdict = self._reusable()
        if verdict is None:
            done, _ = await asyncio.wait({self.start()}, timeout=PATIENCE)
            verdict = done.pop().result() if done else ProbeVerdict.PENDING
        if verdict is ProbeVerdict.NO_SLOT and isinstance(outcome, (Misconfigured, Throttled)):
            with suppress_unavailable():  # the outcome is recorded all the same
                await self._write(rate_gate.close_until_probed, outcome, call_policy=self._call_policy)
        return outage.judge(outcome, verdict)

    def _reusable(self) -> ProbeVerdict | None:
        """Return the last verdict if it is fresh; None otherwise, and while a probe is under way."""
        if self._last is None or self._task is not None or abs(self._clock() - self._last[0]) > REUSED_FOR:
            return None
        return self._last[1]

    def start(self) -> "asyncio.Task[ProbeVerdict]":
        """Start a probe, or return the one that is under way."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="probe")
        return self._task

    def start_due(self, closed_until: datetime, *, now: datetime) -> datetime:
        """Start a probe if the gate's pause is over; return when to ask again.

        `closed_until` is a time of the database; the transaction that begins the probe checks it again.
        """
        longest = max(outage.longest_pause(self._call_policy.retry_schedule), rate_limit.PROBE)
        due = closed_until if closed_until - now <= longest else now
        if self._not_before is not None and self._not_before - now <= TRIED_AGAIN_AFTER:
            due = max(due, self._not_before)
        if due > now:
            return due
        self.start()
        self._not_before = now + TRIED_AGAIN_AFTER
        return self._not_before

    async def look_for_waiting(self) -> None:
        """Notice calls that wait for an outage which may have ended while no process ran: a success releases them."""
        if await self._database.read(owed_calls.oldest_in_outage) is not None:
            self._outage_seen = True

    async def drain(self) -> None:
        """Wait for the probe and the releases under way."""
        tasks = self._releases | ({self._task} if self._task is not None else set())
        if tasks:
            await asyncio.wait(tasks, timeout=2 * PATIENCE)

    async def read_address(self) -> None:
        """Use the address that another process or an earlier run found out, if the configured one is ambiguous."""
        if self._panelr.address is None:
            found = None
            with suppress_unavailable():
                found = await self._database.read(rate_gate.read_address, base_url=self._panelr.base_url)
            if found in self._panelr.addresses:
                self._panelr.use(found)

    async def _run(self) -> ProbeVerdict:
        try:
            verdict = await self._probe()
        except Exception as error:
            if not is_unavailable(error):
                log.exception("worker.failed", probe=True)
            verdict = ProbeVerdict.PENDING
        self._last = (self._clock(), verdict)
        self._outage_seen |= verdict is not ProbeVerdict.FINE
        self._task = None
        self.ended()
        return verdict

    async def _probe(self) -> ProbeVerdict:
        await self.read_address()
        claimed_at = self._clock()
        slot = await self._write(rate_gate.take_probe, call_policy=self._call_policy)
        if slot is None:
            return ProbeVerdict.NO_SLOT
        if isinstance(slot, GateStatus):
            return ProbeVerdict.FAILED
        if self._clock() - claimed_at > rate_limit.SLACK:
            await self._write(rate_gate.give_back_probe, slot)
            return ProbeVerdict.PENDING
        return await self._make(slot, claimed_at=claimed_at)

    async def _make(self, slot: ProbeSlot, *, claimed_at: datetime) -> ProbeVerdict:
        """Make the call, close or open the gate by its outcome, and release what waited for this."""
        outcome, address = await self._call()
        self.outcome = outcome
        has_more = await self._write(
            rate_gate.record_probe, slot, outcome, claimed_at=claimed_at, call_policy=self._call_policy
        )
        if slot.failures or not outage.answers(outcome):
            log.info(
                "probe.finished", outcome=call_outcome.name(outcome), status=outcome.status, failures=slot.failures
            )
        if not outage.answers(outcome):
            return ProbeVerdict.FAILED
        if address != self._panelr.address:
            self._panelr.use(address)
            has_more |= await self._write(rate_gate.save_address, address, base_url=self._panelr.base_url)
        if has_more:
            self._run_beside(self._release())
        return ProbeVerdict.FINE

    async def _call(self) -> tuple[Outcome, str]:
        """Make the neutral call. Return its outcome, and the address that answered.

        If the configured address is ambiguous, each of its meanings is tried until one answers.
        """
        first, call = self._panelr.address or self._panelr.addresses[0], self._neutral_call
        outcome = await self._panelr.call(call, now=self._clock(), address=first)
        for address in self._panelr.addresses:
            if outage.answers(outcome):
                break
            if address == first or await self._write(rate_gate.take_second, call_policy=self._call_policy) is None:
                continue
            second = await self._panelr.call(call, now=self._clock(), address=address)
            if outage.answers(second):
                return second, address
        return outcome, first

    async def _release(self) -> None:
        """Make all calls due that waited for the end of the outage, a few at a time."""
        while await self._write(rate_gate.release_waiting):
            pass
        self.ended()

    def _run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="release")
        self._releases.add(task)
        task.add_done_callback(self._released)

    def _released(self, task: "asyncio.Task[None]") -> None:
        self._releases.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._outage_seen = True  # the next success tries again
            if is_unavailable(error):
                log.warning("worker.waits", reason="the database is unavailable")
            else:
                log.error("worker.failed", probe=True, exc_info=error)

    async def _write(self, work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        def transaction(connection: Connection) -> R:
            return work(connection, self._clock(), *args, **kwargs)

        return await self._database.write(transaction)
