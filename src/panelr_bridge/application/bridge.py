"""The steps of an order's way, in their order: receive, carry out, record. Nothing else joins them.

No transaction is open while Panelr is called, and what is owed is a row before it is called.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from panelr_bridge import logs
from panelr_bridge.application.fast_path import FastPath
from panelr_bridge.application.lost_answer_lookup import LostAnswerLookup
from panelr_bridge.application.panelr_caller import CallResult, Clock, PanelrCaller, utc_now
from panelr_bridge.application.parse_delivery import parse_delivery
from panelr_bridge.application.transactions import claim_call, receive_delivery, record_outcome
from panelr_bridge.application.transactions.claim_call import (
    LEAVE_FORGOTTEN,
    CallPolicy,
    Claim,
    NothingDue,
    StateChanged,
)
from panelr_bridge.application.transactions.record_outcome import CallReport
from panelr_bridge.domain.call_outcome import Done
from panelr_bridge.domain.models import CallAction, OrderPolicy, OrderState, WorkOrder
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr import response
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.store import orders
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted

R = TypeVar("R")

TURNS = (CallAction.CREATE_WORK_ORDER,) * 3 + (CallAction.LOOK_UP,)
"""Look-ups, of which an outage leaves many, do not starve new orders, nor these the look-ups."""
CALLS_AT_ONCE = 64
"""How many calls a process makes at one time before its worker takes no more."""
STORE_AGAIN = 0.5

log = logs.get(__name__)


class ClaimFailed(Exception):
    """Claiming an order's call raised what nobody expected; its cause says what."""

    def __init__(self, order_id: int) -> None:
        super().__init__(f"order {order_id}")
        self.order_id = order_id


class Bridge(PanelrCaller):
    """Carries orders from the door to Panelr. One a process; `owed` is set when there is something for the worker."""

    def __init__(
        self,
        *,
        database: Database,
        panelr: PanelrClient,
        policy: OrderPolicy,
        terms: CallPolicy,
        sync_budget: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(database=database, panelr=panelr, clock=clock)
        self.policy = policy
        self.terms = terms
        self.owed = asyncio.Event()
        self._sync_budget = sync_budget
        self._calls: set[asyncio.Task[CallResult]] = set()
        self._turns = deque(TURNS)
        self._no_leave: datetime | None = None
        self._asked_at = clock()
        self._look_ups = LostAnswerLookup(self, terms)
        self._fast_path = FastPath(database, policy=policy, terms=terms, clock=clock)

    def match_repeat(
        self, *, store: str, topic: str, body: bytes, headers: dict[str, str], sha256: bytes
    ) -> Delivery | None:
        """Return the delivery that these bytes are, without reading them, where they have told an order lately."""
        return self._fast_path.match_repeat(store=store, topic=topic, body=body, headers=headers, sha256=sha256)

    async def receive_again(self, delivery: Delivery) -> Row | None:
        """Store what `match_repeat` returned; returns its order, None and nothing is stored where that has changed."""
        until = time.monotonic() + self._sync_budget.total_seconds()
        received = await _stored(until, lambda: self._fast_path.store_repeat(delivery))
        return None if received is None else await self._follow(until, delivery, received)

    async def receive(self, delivery: Delivery, event: Order | OrderDeleted | None) -> Row | None:
        """Store an authentic delivery and carry out what it calls for, as far as the time budget goes.

        Returns the order as it stands then, None where the delivery is about none. Everything is committed before
        this returns; a call that is still under way goes on and is recorded when it ends.
        """
        until = time.monotonic() + self._sync_budget.total_seconds()
        received = await _stored(until, lambda: self._received(delivery, event))
        self._fast_path.remember(delivery, event, received)
        return await self._follow(until, delivery, received)

    async def _received(self, delivery: Delivery, event: Order | OrderDeleted | None) -> receive_delivery.ReceiveResult:
        """Transaction 1."""
        if self.rate_limited_until() is None:
            received = await self._fast_path.try_insert(delivery, event)
            if received is not None:
                return received
        return await self.write(receive_delivery.receive, delivery, event, policy=self.policy, terms=self.terms)

    async def replay(self, stored: Row, *, actor: str) -> tuple[Delivery, Row | None]:
        """Act on a stored delivery as if it had just come; returns it as it is understood now, and its order."""
        until = time.monotonic() + self._sync_budget.total_seconds()
        delivery, event = parse_delivery(
            store=stored["store"], topic=stored["topic"], body=stored["body"], headers=stored["headers"]
        )
        received = await self.write(
            receive_delivery.replay, stored["id"], delivery, event, policy=self.policy, terms=self.terms, actor=actor
        )
        return delivery, await self._follow(until, delivery, received)

    async def _follow(self, until: float, delivery: Delivery, received: receive_delivery.ReceiveResult) -> Row | None:
        """Carry out what a stored delivery calls for, as far as the time goes."""
        row = received.order
        if received.claim is not None and row is not None:
            row = await self._within(until, received.claim, row)
        elif row is not None and row["state"] == OrderState.QUEUED and self.rate_limited_until() is None:
            self.owed.set()
        if row is not None and row.get("follow_at") is not None:
            self.owed.set()
        log.info(
            "delivery.received",
            store=delivery.store,
            topic=delivery.topic,
            delivery=received.stored.id,
            times=received.stored.times,
            verdict=delivery.verdict,
            woo_order_id=delivery.woo_order_id,
            state=row and row["state"],
            reason=row and (row["reasons"] or [{}])[0].get("code"),
        )
        return row

    async def _within(self, until: float, claim: Claim, row: Row) -> Row:
        """Make the call; return the order as it stands when the call ends or the time does."""
        call = self.start(claim)
        done, _ = await asyncio.wait({call}, timeout=max(until - time.monotonic(), 0))
        if not done:
            return row
        if call.exception() is not None:  # logged when it ended; the lease will tell
            return row
        settled = call.result()
        if settled.work_order is not None:
            return row | {
                "state": settled.state,
                "reasons": [],
                "work_order_id": settled.work_order.work_order_id,
                "reference_code": settled.work_order.reference_code,
            }
        try:
            return await self.database.read(orders.get, claim.order_id) or row
        except Exception:  # noqa: BLE001  everything is stored: not to see it now is no reason to refuse the delivery
            log.warning("delivery.unread", order=claim.order_id)
            return row

    def start(self, claim: Claim) -> asyncio.Task[CallResult]:
        """Begin a claimed call; it ends by itself, whether or not anybody waits for it."""
        task = asyncio.create_task(self.carry_out(claim), name=f"{claim.action} for order {claim.order_id}")
        self._calls.add(task)
        task.add_done_callback(self._ended)
        if claim.slot.probe:  # its outcome may open the gate
            task.add_done_callback(self._probed)
        if claim.follows:
            task.add_done_callback(lambda _: self.owed.set())
        return task

    def _probed(self, _: asyncio.Task[CallResult]) -> None:
        self._no_leave = None
        self.owed.set()

    def _ended(self, task: asyncio.Task[CallResult]) -> None:
        self._calls.discard(task)
        failed = task.cancelled() or task.exception() is not None
        was_full = len(self._calls) + 1 >= CALLS_AT_ONCE
        if failed or was_full or task.result().state is not OrderState.CREATED:  # a created order owes nothing more
            self.owed.set()
        if failed and not task.cancelled():
            log.error("call.finished", outcome="not_recorded", exc_info=task.exception())

    @property
    def calls_under_way(self) -> int:
        """How many calls this process is making."""
        return len(self._calls)

    async def drain(self, *, seconds: float) -> int:
        """Wait for the calls under way, no longer than `seconds`; returns how many did not end."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=seconds)
        return len(self._calls)

    async def claim_due(self) -> Claim | StateChanged | NothingDue:
        """Take the call that has been due the longest: of the look-ups at every fourth turn, else of the new orders.

        Raises CannotHandle for an order at which that fails.
        """
        tried: list[int] = []
        try:
            taken = await self.write(
                claim_call.claim_due, policy=self.policy, terms=self.terms, first=self._turns[0], tried=tried
            )
        except Exception as error:
            if is_unavailable(error) or not tried:
                raise
            raise ClaimFailed(tried[-1]) from error
        if isinstance(taken, Claim):
            self._turns.rotate(-1)
        self._no_leave = taken.until if isinstance(taken, NothingDue) and taken.for_leave else None
        self._asked_at = self.clock()
        return taken

    def rate_limited_until(self) -> datetime | None:
        """Return until when to claim anything is in vain; None where it may be worth trying.

        Thousands of orders may wait for the limit: neither their deliveries nor the calls that end bring its next slot
        nearer. What another process or a person has changed is seen when this is forgotten.
        """
        if self._no_leave is None:
            return None
        until = min(self._no_leave, self._asked_at + LEAVE_FORGOTTEN)
        return until if self._asked_at <= self.clock() < until else None

    async def carry_out(self, claim: Claim) -> CallResult:
        """Make a claimed call and record what came of it."""
        if claim.action is CallAction.LOOK_UP:
            try:
                return await self._look_ups.carry_out(claim)
            except Exception as error:
                if is_unavailable(error):
                    raise
                log.exception("worker.failed", order=claim.order_id)
                return CallResult(await self.write(record_outcome.record_failure, claim))
        report = await self.call(claim, panelr_request.create_work_order(claim.body))
        if isinstance(report.outcome, Done):
            found = response.created_work_order(report.outcome)
            if isinstance(found, WorkOrder):
                state = await self._created(report, found)
                if claim.paid_at is not None and state is OrderState.CREATED:
                    self.tally.paid_to_created.observe((self.clock() - claim.paid_at).total_seconds())
                return CallResult(state, found if state is OrderState.CREATED else None)
            report = replace(report, outcome=found)
        return CallResult(await self.record(report, record_outcome.record_not_created, report, terms=self.terms))

    async def _created(self, report: CallReport, work_order: WorkOrder) -> OrderState:
        """Transaction 2."""

        async def settled() -> OrderState:
            if await self._fast_path.try_record_created(report, work_order):
                return OrderState.CREATED
            return await self.write(record_outcome.record_created, report, work_order)

        return await self.recorded(report, settled)


async def _stored(until: float, store: Callable[[], Awaitable[R]]) -> R:
    """Run transaction 1, again while the database is away and the time lasts: the sender tells only once."""
    while True:
        try:
            return await store()
        except Exception as error:
            if not is_unavailable(error) or time.monotonic() + STORE_AGAIN >= until:
                raise
            await asyncio.sleep(STORE_AGAIN)
