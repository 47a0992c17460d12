"""The worker's follow-up half: plan, claim and carry out follow-ups.

Orders go first: follow-ups leave half of the rate limit to create calls, and status polls wait while one is due.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from panelr_bridge import logs
from panelr_bridge.application.follow_ups import lease
from panelr_bridge.application.follow_ups.plan import plan
from panelr_bridge.application.follow_ups.registry import SPECS, spec_of
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpSpec,
    FollowUpTask,
    ShopOrders,
)
from panelr_bridge.application.panelr_caller import PanelrCaller, log_call
from panelr_bridge.application.transactions.claim_call import RATE_LIMITED_FOR, NothingDue
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import StoreOptions
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy
from panelr_bridge.store import follow_ups
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.due_work import DueWork

BATCH = 200
AT_ONCE = 8
"""How many tasks that call Panelr, and how many that call stores, a process runs at the same time."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class FollowUpStores:
    """The stores by name: the operator's options, and the API client of each store that has one."""

    options: Mapping[str, StoreOptions] = field(default_factory=dict)
    clients: Mapping[str, ShopOrders] = field(default_factory=dict)


class FollowUpRunner:
    """Runs the follow-ups of one process. It sets `wake_worker` when there is more to do."""

    def __init__(
        self,
        caller: PanelrCaller,
        *,
        policy: OrderPolicy,
        call_policy: CallPolicy,
        stores: FollowUpStores,
        wake_worker: asyncio.Event,
    ) -> None:
        self._caller = caller
        self._policy = policy
        self._call_policy = call_policy
        self._stores = stores
        self._wake_worker = wake_worker
        self._context = FollowUpContext(caller=caller, clients=stores.clients, call_policy=call_policy)
        # separate sets, so that a shop that hangs delays no payment
        self._panelr_tasks: set[asyncio.Task[None]] = set()
        self._store_tasks: set[asyncio.Task[None]] = set()
        self._rate_limited_until: datetime | None = None

    async def run_due(self, due_work: DueWork, *, now: datetime) -> datetime | None:
        """Plan and start what is due; return when more may be due, None if that is unknown."""
        if due_work.follow_up_lease_ends_at is not None and due_work.follow_up_lease_ends_at < now:
            await self._end_leases()
        planned = due_work.follow_at is not None and due_work.follow_at <= now and await self._plan(now=now)
        moments = (due_work.follow_at, *due_work.follow_ups.values())
        later = [moment for moment in moments if moment is not None and moment > now]
        for spec in SPECS:
            due_at = due_work.follow_ups.get(spec.kind)
            is_due = planned or (due_at is not None and due_at <= now)
            if is_due and not self._must_wait(spec, due_work, now=now):
                await self._start_due(spec)
        if self._rate_limited_until is not None and now <= self._rate_limited_until:
            later.append(self._rate_limited_until)
        return min(later, default=None)

    async def drain(self, *, seconds: float) -> None:
        """Wait up to `seconds` for the tasks under way."""
        if under_way := self._panelr_tasks | self._store_tasks:
            await asyncio.wait(under_way, timeout=seconds)

    def _must_wait(self, spec: FollowUpSpec[Any], due_work: DueWork, *, now: datetime) -> bool:
        """Return whether a kind waits for a slot of the rate limit, or for the create calls that are due."""
        if not spec.calls_panelr:
            return False
        if self._rate_limited_until is not None and now < self._rate_limited_until:
            return True
        return spec.yields_to_orders and due_work.due_at is not None and due_work.due_at <= now

    async def _end_leases(self) -> None:
        while (order_id := await self._caller.write(lease.end_one_lease, call_policy=self._call_policy)) is not None:
            log.warning("lease.ended", order=order_id)

    async def _plan(self, *, now: datetime) -> bool:
        """Plan the orders that are due for it; return whether any follow-up is newly owed."""
        any_owed = False
        for order_id in await self._caller.database.read(follow_ups.list_due_for_planning, now=now, limit=BATCH):
            try:
                kinds = await self._caller.write(plan, order_id, policy=self._policy, stores=self._stores.options)
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.exception("worker.failed", order=order_id)
                await self._caller.write(lease.stop_planning, order_id)
                continue
            any_owed = any_owed or bool(kinds)
            if set(kinds) - {FollowUpKind.STATUS}:
                log.info("order.followed", order=order_id, owes=sorted(kinds))
        self._wake_worker.set()  # there may be more than one batch
        return any_owed

    async def _start_due(self, spec: FollowUpSpec[Any]) -> None:
        """Claim and start every due task of a kind that has a slot.

        A missing slot is remembered for a moment only, because the gate may reopen earlier than expected.
        """
        tasks = self._panelr_tasks if spec.calls_panelr else self._store_tasks
        while len(tasks) < AT_ONCE:
            tried: list[int] = []
            try:
                claimed = await self._caller.write(
                    lease.claim, kind=spec.kind, call_policy=self._call_policy, tried=tried
                )
            except Exception as error:
                if is_unavailable(error) or not tried:
                    raise
                log.exception("worker.failed", order=tried[-1])
                await self._caller.write(lease.set_aside, tried[-1], spec.kind)
                continue
            if isinstance(claimed, NothingDue):
                latest = self._caller.clock() + RATE_LIMITED_FOR
                self._rate_limited_until = min(claimed.until or latest, latest)
                return
            if claimed is None:
                return
            task = asyncio.create_task(self._run(claimed), name=f"{spec.kind} for order {claimed.order_id}")
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            task.add_done_callback(self._task_ended)

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        self._wake_worker.set()
        if not task.cancelled() and task.exception() is not None:  # the end of its lease makes it due again
            log.error("errand.failed", exc_info=task.exception())

    async def _run(self, task: FollowUpTask) -> None:
        """Carry out a task and record its result. If the bridge fails at it, an operator may retry."""
        try:
            await self._carry_out(task)
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("worker.failed", order=task.order_id)
            await self._caller.persist(lease.record_failure, task)

    async def _carry_out(self, task: FollowUpTask) -> None:
        result = await spec_of(task.kind).carry_out(task, self._context)
        await self._caller.persist(lease.record, task, result, policy=self._policy)
        log_call(
            "errand.finished",
            task,
            result.outcome,
            action=result.action,
            milliseconds=result.milliseconds,
            done=result.done,
            attention=result.attention and result.attention.code,
            activations=len(result.activations),
        )
