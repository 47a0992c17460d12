"""The way of an order: receive a delivery, make the call that it owes, record the outcome.

No transaction is open during a call. The owed call is committed before it is made.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from panelr_bridge import logs
from panelr_bridge.application.fast_path import FastPath
from panelr_bridge.application.lost_answer_lookup import LostAnswerLookup
from panelr_bridge.application.panelr_caller import CallResult, Clock, PanelrCaller, log_call, utc_now
from panelr_bridge.application.parse_delivery import Event, RawDelivery, parse_delivery
from panelr_bridge.application.transactions import claim_call, receive_delivery, record_look_up, record_outcome
from panelr_bridge.application.transactions.call_report import CallReport
from panelr_bridge.application.transactions.cart_quotes import ACTION as QUOTE
from panelr_bridge.application.transactions.cart_quotes import QuoteClaim, record_quote
from panelr_bridge.application.transactions.claim_call import RATE_LIMITED_FOR, NothingDue, StateChanged
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.receive_delivery import ReceiveResult
from panelr_bridge.domain.call_outcome import Done
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import CallAction, OrderPolicy, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.errors import DeliveryNotStored
from panelr_bridge.panelr import request, response
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.store import orders
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.rows import AnsweredOrder, DeliveryRow, OrderRow, ShownOrderRow, with_columns
from panelr_bridge.store.tables import Columns

R = TypeVar("R")

ACTION_TURNS = (CallAction.CREATE_WORK_ORDER,) * 3 + (CallAction.LOOK_UP,)
"""Every fourth claim prefers a look-up, so that neither action starves the other after an outage."""
CALLS_AT_ONCE = 64
"""How many calls a process makes at the same time before its worker claims no more."""
STORE_RETRY_SECONDS = 0.5
QUOTE_SECONDS = 5.0
"""The longest wait for a quote: an order is also sent without one."""

log = logs.get(__name__)


class ClaimFailed(Exception):
    """The call of this order could not be claimed because of an unexpected error, its cause."""

    def __init__(self, order_id: int) -> None:
        super().__init__(f"order {order_id}")
        self.order_id = order_id


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """A stored delivery: its verdict and its order, if it is about one. `words` explain a verdict without an order."""

    verdict: str
    woo_order_id: int | None
    order: AnsweredOrder | None
    words: str | None


class Bridge(PanelrCaller):
    """Receives deliveries and makes the owed calls of one process. `wake_worker` is set when the worker has work."""

    def __init__(
        self,
        *,
        database: Database,
        panelr: PanelrClient,
        policy: OrderPolicy,
        call_policy: CallPolicy,
        sync_budget: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(database=database, panelr=panelr, call_policy=call_policy, clock=clock)
        self.policy = policy
        self.wake_worker = asyncio.Event()
        self.probe.ended = self._probe_ended
        self._sync_budget = sync_budget
        self._calls: set[asyncio.Task[CallResult]] = set()
        self._action_turns = deque(ACTION_TURNS)
        self._rate_limited_until: datetime | None = None
        self._rate_limited_since = clock()
        self._look_ups = LostAnswerLookup(self, call_policy)
        self._fast_path = FastPath(database, policy=policy, call_policy=call_policy, clock=clock)

    async def receive(self, raw: RawDelivery) -> DeliveryResult:
        """Store an authentic delivery and process its order within the time budget.

        Everything is committed before this returns. A call that takes longer goes on and is recorded when it ends.
        A delivery that cannot be processed is stored with the verdict `failed`. Raises DeliveryNotStored.
        """
        until = self._end_of_budget()
        repeat = self._fast_path.match_repeat(raw)
        try:
            order = None if repeat is None else await self._store_repeat(until, repeat)
            if repeat is not None and order is not None:
                return DeliveryResult(repeat.verdict, repeat.woo_order_id, order, None)
            known = self._fast_path.match_subscription(raw)
            delivery, event = parse_delivery(raw) if known is None else (known, None)
            received = await self._store(until, delivery, event)
            delivery = received.judge(delivery)
            order = await self._process(until, delivery, received)
            return DeliveryResult(delivery.verdict, delivery.woo_order_id, order, delivery.words)
        except Exception as error:  # noqa: BLE001  `_store_as_failed` logs it
            delivery, _ = parse_delivery(raw)
            await self._store_as_failed(delivery, error)
            words = "stored; it could not be processed: an operator must look at the log"
            return DeliveryResult("failed", delivery.woo_order_id, None, words)

    async def _store_repeat(self, until: float, delivery: Delivery) -> AnsweredOrder | None:
        """Store a repeat by the fast path and return its order; None, with nothing written, if that changed since."""
        repeated = await _retry_until(until, lambda: self._fast_path.store_repeat(delivery))
        if repeated is None:
            return None
        self._wake_for(repeated.order)
        _log_received(delivery, repeated.order, delivery_id=repeated.delivery_id, times=repeated.times)
        return repeated.order

    async def _store(self, until: float, delivery: Delivery, event: Event | None) -> ReceiveResult:
        """Run transaction 1, by the fast path if it applies."""

        async def store() -> ReceiveResult:
            if self.rate_limited_until() is None:
                received = await self._fast_path.try_insert(delivery, event)
                if received is not None:
                    return received
            return await self.write(
                receive_delivery.receive, delivery, event, policy=self.policy, call_policy=self.call_policy
            )

        received = await _retry_until(until, store)
        self._fast_path.remember(delivery, event, received)
        return received

    async def _store_as_failed(self, delivery: Delivery, error: Exception) -> None:
        """Store a delivery whose processing raised `error`; raises DeliveryNotStored if that fails, too."""
        if not is_unavailable(error):
            try:
                await self.write(receive_delivery.store_as_failed, delivery)
            except Exception:
                log.exception("delivery.not_kept", store=delivery.store)
            else:
                log.error("delivery.failed", store=delivery.store, woo_order_id=delivery.woo_order_id, exc_info=error)
                return
        log.error("delivery.not_stored", store=delivery.store, exc_info=error)
        raise DeliveryNotStored(delivery.verdict) from error

    async def replay(self, stored: DeliveryRow, *, actor: str) -> DeliveryResult:
        """Process a stored delivery as if it had just arrived; `stored` is its row with its body."""
        until = self._end_of_budget()
        raw = RawDelivery(
            store=stored["store"], topic=stored["topic"], body=stored["body"], headers=dict(stored["headers"])
        )
        delivery, event = parse_delivery(raw)
        received = await self.write(
            receive_delivery.replay,
            stored["id"],
            delivery,
            event,
            policy=self.policy,
            call_policy=self.call_policy,
            actor=actor,
        )
        delivery = received.judge(delivery)
        row = await self._process(until, delivery, received)
        return DeliveryResult(delivery.verdict, delivery.woo_order_id, row, delivery.words)

    def _end_of_budget(self) -> float:
        return time.monotonic() + self._sync_budget.total_seconds()

    async def _process(self, until: float, delivery: Delivery, received: ReceiveResult) -> AnsweredOrder | None:
        """Make the claimed call of a stored delivery, or wake the worker; return the order."""
        row: ShownOrderRow | None = received.order
        if received.claim is not None and received.order is not None:
            row = await self._wait_for_call(until, self.start(received.claim), received.order)
        elif received.quote is not None and received.order is not None:
            row = await self._wait_for_call(until, self.start_quote(received.quote), received.order)
        elif row is not None:
            self._wake_for(row)
        if row is not None and row["follow_at"] is not None:
            self.wake_worker.set()
        _log_received(delivery, row, delivery_id=received.stored.id, times=received.stored.times)
        return row

    def _wake_for(self, order: AnsweredOrder) -> None:
        """Wake the worker if the order is queued and a slot may be free."""
        if order["state"] == OrderState.QUEUED and self.rate_limited_until() is None:
            self.wake_worker.set()

    async def _wait_for_call(self, until: float, call: asyncio.Task[CallResult], row: OrderRow) -> ShownOrderRow:
        """Return the order's row at the end of the call or of the time budget."""
        done, _ = await asyncio.wait({call}, timeout=max(until - time.monotonic(), 0))
        if not done or call.exception() is not None:  # `_call_ended` logs the exception; the lease ends
            return row
        result = call.result()
        if result.work_order is not None:
            created: Columns = {
                "state": result.state,
                "reasons": [],
                "work_order_id": result.work_order.work_order_id,
                "reference_code": result.work_order.reference_code,
            }
            return with_columns(row, created)
        try:
            return await self.database.read(orders.get, row["id"]) or row
        except Exception:  # noqa: BLE001  everything is stored, so a failed read must not fail the delivery
            log.warning("delivery.unread", order=row["id"])
            return row

    def start(self, claim: Claim) -> asyncio.Task[CallResult]:
        """Start a claimed call as a task of its own; it ends even if its caller stops waiting."""
        task = self._start(self.carry_out(claim), name=f"{claim.action} for order {claim.order_id}")
        if claim.follows_up:
            task.add_done_callback(lambda _: self.wake_worker.set())
        return task

    def start_quote(self, claim: QuoteClaim) -> asyncio.Task[CallResult]:
        """Start a claimed call for a quote; its order's create call follows at once."""
        return self._start(self._quote_and_create(claim), name=f"{QUOTE} for order {claim.order_id}")

    def _start(self, call: Coroutine[Any, Any, CallResult], *, name: str) -> asyncio.Task[CallResult]:
        task = asyncio.create_task(call, name=name)
        self._calls.add(task)
        task.add_done_callback(self._call_ended)
        return task

    def _probe_ended(self) -> None:
        """Look for work again: the gate may be open, and calls may be due."""
        self._rate_limited_until = None
        self.wake_worker.set()

    def _call_ended(self, task: asyncio.Task[CallResult]) -> None:
        self._calls.discard(task)
        failed = task.cancelled() or task.exception() is not None
        was_full = len(self._calls) + 1 >= CALLS_AT_ONCE
        if failed or was_full or task.result().state is not OrderState.CREATED:  # a created order owes no call
            self.wake_worker.set()
        if failed and not task.cancelled():
            log.error("call.finished", outcome="not_recorded", exc_info=task.exception())

    @property
    def calls_under_way(self) -> int:
        """The number of calls that this process is making."""
        return len(self._calls)

    async def drain(self, *, seconds: float) -> int:
        """Wait up to `seconds` for the calls under way; return how many did not end."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=seconds)
        await self.probe.drain()
        return len(self._calls)

    async def claim_due(self) -> Claim | QuoteClaim | StateChanged | NothingDue:
        """Claim the longest due call. Raises ClaimFailed if an order cannot be processed."""
        tried: list[int] = []
        try:
            claimed = await self.write(
                claim_call.claim_due,
                policy=self.policy,
                call_policy=self.call_policy,
                first=self._action_turns[0],
                tried=tried,
            )
        except Exception as error:
            if is_unavailable(error) or not tried:
                raise
            raise ClaimFailed(tried[-1]) from error
        if isinstance(claimed, (Claim, QuoteClaim)):
            self._action_turns.rotate(-1)
        limited = isinstance(claimed, NothingDue) and claimed.rate_limited
        self._rate_limited_until = claimed.until if isinstance(claimed, NothingDue) and limited else None
        self._rate_limited_since = self.clock()
        return claimed

    def rate_limited_until(self) -> datetime | None:
        """Return until when no slot is free; None if a claim may succeed.

        Thousands of orders may wait for a slot, and asking more often frees none. After RATE_LIMITED_FOR the process
        asks again, because another process or an operator may have changed something.
        """
        if self._rate_limited_until is None:
            return None
        until = min(self._rate_limited_until, self._rate_limited_since + RATE_LIMITED_FOR)
        return until if self._rate_limited_since <= self.clock() < until else None

    async def carry_out(self, claim: Claim) -> CallResult:
        """Make a claimed call and record its outcome."""
        if claim.action is CallAction.LOOK_UP:
            return await self._look_up(claim)
        report = await self.call(claim, request.create_work_order(claim.body))
        if isinstance(report.outcome, Done):
            created = response.created_work_order(report.outcome)
            if isinstance(created, WorkOrder):
                return await self._record_created(report, created)
            report = replace(report, outcome=created)
        return CallResult(
            await self.record(report, record_outcome.record_not_created, report, call_policy=self.call_policy)
        )

    async def _quote_and_create(self, quote: QuoteClaim) -> CallResult:
        """Make a claimed call for a quote, then the create call of its order if a slot is free."""
        try:
            await self.ask_for_quote(quote)
            claim = await self.write(
                claim_call.claim_quoted, quote.order_id, policy=self.policy, call_policy=self.call_policy
            )
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("worker.failed", order=quote.order_id)
            await self.write(claim_call.set_aside, quote.order_id, due=quote.again_at)
            return CallResult(OrderState.QUEUED)
        if claim is None:
            return CallResult(OrderState.QUEUED)
        result = await self.carry_out(claim)
        if claim.follows_up:
            self.wake_worker.set()
        return result

    async def ask_for_quote(self, claim: QuoteClaim) -> None:
        """Make a claimed call for a quote and record the answer."""
        outcome, started_at, milliseconds = await self.ask(
            request.quote_cart(claim.request), claimed_at=claim.claimed_at, patience=QUOTE_SECONDS
        )
        await self.persist(record_quote, claim, outcome, started_at=started_at, milliseconds=milliseconds)
        log_call("call.finished", claim, outcome, action=QUOTE, milliseconds=milliseconds, state=OrderState.QUEUED)

    async def _look_up(self, claim: Claim) -> CallResult:
        try:
            return await self._look_ups.carry_out(claim)
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("worker.failed", order=claim.order_id)
            return CallResult(await self.write(record_look_up.record_failure, claim))

    async def _record_created(self, report: CallReport, work_order: WorkOrder) -> CallResult:
        """Run transaction 2, by the fast path if it applies."""

        async def record() -> OrderState:
            if await self._fast_path.try_record_created(report, work_order):
                return OrderState.CREATED
            return await self.write(record_outcome.record_created, report, work_order)

        state = await self.record_with(report, record)
        if state is not OrderState.CREATED:
            return CallResult(state)
        if report.claim.paid_at is not None:
            self.metrics.paid_to_created.observe((self.clock() - report.claim.paid_at).total_seconds())
        return CallResult(state, work_order)


def _log_received(delivery: Delivery, order: AnsweredOrder | None, *, delivery_id: int, times: int) -> None:
    log.info(
        "delivery.received",
        store=delivery.store,
        topic=delivery.topic,
        delivery=delivery_id,
        times=times,
        verdict=delivery.verdict,
        woo_order_id=delivery.woo_order_id,
        state=order and order["state"],
        reason=order and (order["reasons"] or [{}])[0].get("code"),
    )


async def _retry_until(until: float, store: Callable[[], Awaitable[R]]) -> R:
    """Run `store`, again while the database is unavailable: WooCommerce sends each delivery only once."""
    while True:
        try:
            return await store()
        except Exception as error:
            if not is_unavailable(error) or time.monotonic() + STORE_RETRY_SECONDS >= until:
                raise
            await asyncio.sleep(STORE_RETRY_SECONDS)
