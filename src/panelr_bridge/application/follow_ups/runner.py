"""A worker's second half: what orders call for beside their create calls is planned, claimed and carried out.

New orders go first: what they need of the rate limit is left to them, and a status is asked for only while none waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from panelr_bridge import logs
from panelr_bridge.application.follow_ups import (
    customer_lines,
    lease,
    payment,
    payment_instructions,
    status_poll,
    write_back,
)
from panelr_bridge.application.follow_ups.lease import FollowUpResult, FollowUpTask
from panelr_bridge.application.follow_ups.plan import plan
from panelr_bridge.application.follow_ups.write_back import OrderWriter
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import LEAVE_FORGOTTEN, CallPolicy, NothingDue
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.follow_up_rules import StoreOptions
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy
from panelr_bridge.store import follow_ups
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.due_work import DueWork

BATCH = 200
AT_ONCE = 8
"""How many calls to Panelr, and how many writings to stores, a process has under way at one time."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class WriteBackTargets:
    """The stores that the bridge may write to, by their names: what is wanted of each, and who writes."""

    wanted: Mapping[str, StoreOptions] = field(default_factory=dict)
    writers: Mapping[str, OrderWriter] = field(default_factory=dict)


class FollowUpRunner:
    """One process's share of the follow-ups. `owed` is set when there is something for the worker."""

    def __init__(
        self,
        calls: PanelrCaller,
        *,
        policy: OrderPolicy,
        terms: CallPolicy,
        stores: WriteBackTargets,
        owed: asyncio.Event,
    ) -> None:
        self._calls = calls
        self._policy = policy
        self._terms = terms
        self._stores = stores
        self._owed = owed
        self._calling: set[asyncio.Task[None]] = set()
        self._writing: set[asyncio.Task[None]] = set()  # places of their own: a shop that hangs holds up no payment
        self._no_leave_before: datetime | None = None
        self._carry_out: Mapping[FollowUpKind, Callable[[FollowUpTask], Awaitable[FollowUpResult]]] = {
            FollowUpKind.PAYMENT: partial(payment.carry_out, calls, terms=terms),
            FollowUpKind.INSTRUCTIONS: partial(payment_instructions.carry_out, calls, terms=terms),
            FollowUpKind.LINES: partial(customer_lines.carry_out, calls, terms=terms),
            FollowUpKind.STATUS: partial(status_poll.carry_out, calls, terms=terms),
            FollowUpKind.WRITE_BACK: partial(write_back.carry_out, calls, stores.writers, terms=terms),
        }

    async def turn(self, seen: DueWork, *, now: datetime) -> datetime | None:
        """Do what there is to do; returns when there may be more, if that is known."""
        if seen.follow_up_lease_ends_at is not None and seen.follow_up_lease_ends_at < now:
            await self._end_leases()
        planned = seen.follow_at is not None and seen.follow_at <= now and await self._plan(now=now)
        known = (seen.follow_at, *seen.follow_ups.values())
        later = [moment for moment in known if moment is not None and moment > now]
        for kind in FollowUpKind:
            due = seen.follow_ups.get(kind)
            if (planned or (due is not None and due <= now)) and not self._gives_way(kind, seen, now=now):
                await self._claim(kind)
        if self._no_leave_before is not None and now <= self._no_leave_before:
            later.append(self._no_leave_before)
        return min(later, default=None)

    async def drain(self, *, seconds: float) -> None:
        """Wait for the errands under way, no longer than `seconds`."""
        if under_way := self._calling | self._writing:
            await asyncio.wait(under_way, timeout=seconds)

    def _gives_way(self, kind: FollowUpKind, seen: DueWork, *, now: datetime) -> bool:
        """A status waits for the new orders, and everything for Panelr while there is no leave for it."""
        if kind is FollowUpKind.WRITE_BACK:
            return False
        if self._no_leave_before is not None and now < self._no_leave_before:
            return True
        return kind is FollowUpKind.STATUS and seen.due_at is not None and seen.due_at <= now

    async def _end_leases(self) -> None:
        while (order_id := await self._calls.write(lease.end_leases, terms=self._terms)) is not None:
            log.warning("lease.ended", order=order_id)

    async def _plan(self, *, now: datetime) -> bool:
        """Look at the orders of which that is due; returns whether anything came to be owed."""
        owed = False
        for order_id in await self._calls.database.read(follow_ups.to_plan, now=now, limit=BATCH):
            try:
                kinds = await self._calls.write(plan, order_id, policy=self._policy, shops=self._stores.wanted)
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.exception("worker.failed", order=order_id)
                await self._calls.write(lease.give_up_planning, order_id)
                continue
            owed = owed or bool(kinds)
            if set(kinds) - {FollowUpKind.STATUS}:
                log.info("order.followed", order=order_id, owes=sorted(kinds))
        self._owed.set()  # there may be more than a batch
        return owed

    async def _claim(self, kind: FollowUpKind) -> None:
        """Begin every errand of a kind that is due and may be run.

        Where there is no leave for more, that holds for a moment only: the gate may open before it was expected to.
        """
        places = self._writing if kind is FollowUpKind.WRITE_BACK else self._calling
        while len(places) < AT_ONCE:
            tried: list[int] = []
            try:
                taken = await self._calls.write(lease.claim, kind=kind, terms=self._terms, tried=tried)
            except Exception as error:
                if is_unavailable(error) or not tried:
                    raise
                log.exception("worker.failed", order=tried[-1])
                await self._calls.write(lease.set_aside, tried[-1], kind)
                continue
            if isinstance(taken, NothingDue):
                forgotten = self._calls.clock() + LEAVE_FORGOTTEN
                self._no_leave_before = min(taken.until or forgotten, forgotten)
                return
            if taken is None:
                return
            task = asyncio.create_task(self._run(taken), name=f"{kind} for order {taken.order_id}")
            places.add(task)
            task.add_done_callback(places.discard)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._owed.set()
        if not task.cancelled() and task.exception() is not None:  # the lease's end will lead it on
            log.error("errand.failed", exc_info=task.exception())

    async def _run(self, errand: FollowUpTask) -> None:
        """Carry an errand out and record what came of it; where that fails, a person is told, and may try again."""
        try:
            await self._carried_out(errand)
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("worker.failed", order=errand.order_id)
            await self._calls.persist(lease.failed, errand)

    async def _carried_out(self, errand: FollowUpTask) -> None:
        result = await self._carry_out[errand.kind](errand)
        if errand.kind is FollowUpKind.LINES and result.done:
            await self._calls.persist(lease.record_lines, errand, result, terms=self._terms, policy=self._policy)
        else:
            await self._calls.persist(lease.record, errand, result, terms=self._terms)
        log.info(
            "errand.finished",
            store=errand.store,
            order=errand.order_id,
            woo_order_id=errand.woo_order_id,
            action=result.action,
            attempt=errand.attempt,
            outcome=call_outcome.name(result.outcome),
            status=result.outcome.status,
            milliseconds=result.milliseconds,
            done=result.done,
            attention=result.attention and result.attention.code,
        )
