"""The steps of an order's way, in their order: receive, carry out, record. Nothing else joins them.

No transaction is open while Panelr is called, and what is owed is a row before it is called.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from panelr_bridge import logs, outcomes
from panelr_bridge.outcomes import Done, Misconfigured, NotSent, Outcome, Refused, Throttled, Unknown
from panelr_bridge.panelr import answer
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.match import A_DAY, Ambiguous, Found, Match, NamesNeeded, NotThere, likeness, match
from panelr_bridge.steps import claim as claims
from panelr_bridge.steps import intake, record
from panelr_bridge.steps.claim import Claim, Idle, Moved, Terms
from panelr_bridge.steps.record import Report
from panelr_bridge.steps.understand import understand
from panelr_bridge.store import orders, outbox, rate
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.tables import Row
from panelr_bridge.values import Action, ListedWorkOrder, Policy, State, WorkOrder
from panelr_bridge.woo.payload import Deleted, Order

P = ParamSpec("P")
R = TypeVar("R")
Clock = Callable[[], datetime]

SLOT_HOLDS = rate.SLACK
"""How long leave from the rate limit is good for."""
SIBLING_WAIT = timedelta(seconds=5)
TURNS = (Action.CREATE_WORK_ORDER,) * 3 + (Action.LOOK_UP,)
"""Look-ups, of which an outage leaves many, do not starve new orders, nor these the look-ups."""
RECORD_TRIES = 20
STORE_AGAIN = 0.5

_OUTCOMES = (Done, Refused, Misconfigured, Throttled, NotSent, Unknown)
log = logs.get(__name__)


def utc_now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a call came to: the order's state, and the work order when it was created."""

    state: State
    work_order: WorkOrder | None = None


class Bridge:
    """Carries orders from the door to Panelr. One a process; `owed` is set when there is something for the worker."""

    def __init__(
        self,
        *,
        database: Database,
        panelr: PanelrClient,
        policy: Policy,
        terms: Terms,
        sync_budget: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self.database = database
        self.policy = policy
        self.terms = terms
        self.clock = clock
        self.owed = asyncio.Event()
        self._panelr = panelr
        self._sync_budget = sync_budget
        self._calls: set[asyncio.Task[Settled]] = set()
        self._turns = deque(TURNS)

    async def write(
        self, work: Callable[Concatenate[Connection, datetime, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work` in a transaction of its own; its `now` is the moment that begins, not when it was asked for."""

        def at_its_beginning(connection: Connection) -> R:
            return work(connection, self.clock(), *args, **kwargs)

        return await self.database.write(at_its_beginning)

    async def receive(self, delivery: Delivery, event: Order | Deleted | None) -> Row | None:
        """Store an authentic delivery and carry out what it calls for, as far as the time budget goes.

        Returns the order as it stands then, None where the delivery is about none. Everything is committed before
        this returns; a call that is still under way goes on and is recorded when it ends.
        """
        until = time.monotonic() + self._sync_budget.total_seconds()
        return await self._follow(until, delivery, await self._stored(until, delivery, event))

    async def replay(self, stored: Row, *, actor: str) -> tuple[Delivery, Row | None]:
        """Act on a stored delivery as if it had just come; returns it as it is understood now, and its order."""
        until = time.monotonic() + self._sync_budget.total_seconds()
        delivery, event = understand(
            store=stored["store"], topic=stored["topic"], body=stored["body"], headers=stored["headers"]
        )
        received = await self.write(
            intake.replay, stored["id"], delivery, event, policy=self.policy, terms=self.terms, actor=actor
        )
        return delivery, await self._follow(until, delivery, received)

    async def _follow(self, until: float, delivery: Delivery, received: intake.Received) -> Row | None:
        """Carry out what a stored delivery calls for, as far as the time goes."""
        row = received.order
        if received.claim is not None and row is not None:
            row = await self._within(until, received.claim, row)
        elif row is not None and row["state"] == State.QUEUED:
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

    async def _stored(self, until: float, delivery: Delivery, event: Order | Deleted | None) -> intake.Received:
        """Transaction 1, tried again while the database is away and the time lasts: the sender tells only once."""
        while True:
            try:
                return await self.write(intake.receive, delivery, event, policy=self.policy, terms=self.terms)
            except Exception as error:
                if not is_unavailable(error) or time.monotonic() + STORE_AGAIN >= until:
                    raise
                await asyncio.sleep(STORE_AGAIN)

    def start(self, claim: Claim) -> asyncio.Task[Settled]:
        """Begin a claimed call; it ends by itself, whether or not anybody waits for it."""
        task = asyncio.create_task(self.carry_out(claim), name=f"{claim.action} for order {claim.order_id}")
        self._calls.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Settled]) -> None:
        self._calls.discard(task)
        self.owed.set()
        if not task.cancelled() and task.exception() is not None:
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

    async def claim_due(self) -> Claim | Moved | Idle:
        """Take the call that has been due the longest: of the look-ups at every fourth turn, else of the new orders."""
        taken = await self.write(claims.claim_due, policy=self.policy, terms=self.terms, first=self._turns[0])
        if isinstance(taken, Claim):
            self._turns.rotate(-1)
        return taken

    async def set_aside(self) -> int | None:
        """Put the row off at which `claim_due` has failed; returns its order's id."""
        return await self.write(claims.set_aside, first=self._turns[0])

    async def carry_out(self, claim: Claim) -> Settled:
        """Make a claimed call and record what came of it."""
        if claim.action is Action.LOOK_UP:
            return await self._look_up(claim)
        report = await self._call(claim, panelr_request.create_work_order(claim.request))
        if isinstance(report.outcome, Done):
            found = answer.created_work_order(report.outcome)
            if isinstance(found, WorkOrder):
                state = await self._record(report, record.created, report, found)
                return Settled(state, found if state is State.CREATED else None)
            report = replace(report, outcome=found)
        return Settled(await self._record(report, record.not_created, report, terms=self.terms))

    async def _look_up(self, claim: Claim) -> Settled:
        """Find out whether a call whose answer was lost has reached Panelr."""
        email = claim.request.customer_email
        report = await self._call(claim, panelr_request.get_work_orders(customer_email=email))
        listed = answer.listed_work_orders(report.outcome) if isinstance(report.outcome, Done) else report.outcome
        if isinstance(listed, Refused):
            words = (
                f"this Panelr cannot be asked for a customer's work orders ({listed.words}): look there, then resolve"
            )
            return await self._undecided(report, "cannot_look_up", words)
        if not isinstance(listed, tuple):
            return await self._later(replace(report, outcome=listed))
        found = await self._match(claim, listed)
        if isinstance(found, _OUTCOMES):  # the products' names, which the match needs, could not be had
            return await self._later(replace(report, outcome=found))
        if isinstance(found, Found):
            if await self._sibling_on_the_wire(claim, certain=found.certain):
                return await self._later(report, wait=SIBLING_WAIT)
            return Settled(await self._record(report, record.adopted, report, found.work_order))
        if isinstance(found, Ambiguous):
            return await self._undecided(report, "several_candidates", _candidates(found))
        if isinstance(found, NotThere):
            return Settled(await self._record(report, record.not_there, report, terms=self.terms))
        return await self._later(report, wait=SIBLING_WAIT)

    async def _match(self, claim: Claim, listed: tuple[ListedWorkOrder, ...]) -> Match | Outcome:
        codes = [entry.work_order.reference_code for entry in listed if entry.work_order.reference_code]
        linked = await self.database.read(orders.linked, codes, besides=claim.order_id)
        look = partial(match, request=claim.request, first_attempt_at=claim.first_sent_at, listed=listed, linked=linked)
        found: Match | Outcome = look(products=None)
        if isinstance(found, NamesNeeded):
            products = await self._products()
            found = look(products=products) if isinstance(products, dict) else products or found
        if isinstance(found, Found) and not found.certain and await self._has_twin(claim):
            return Ambiguous((found.work_order.reference_code or "",))
        return found

    async def _has_twin(self, claim: Claim) -> bool:
        """Whether the one candidate may as well be another order's, whose answer was lost too."""
        since = claim.first_sent_at - A_DAY
        twin = await self.database.read(
            orders.twin_in_doubt, likeness=likeness(claim.request), besides=claim.order_id, since=since
        )
        return twin is not None

    async def _products(self) -> dict[str, frozenset[int]] | Outcome | None:
        """Panelr's products by their names as they are now; None without leave for the call."""
        began = self.clock()
        slot = await self.write(claims.leave, terms=self.terms)
        if slot is None or self.clock() - began > SLOT_HOLDS:
            return None
        outcome = await self._panelr.call(panelr_request.get_products(), now=self.clock())
        if self.clock() - began > SLOT_HOLDS:
            await self.write(claims.took_long, slot)
        return answer.products_by_name(outcome) if isinstance(outcome, Done) else outcome

    async def _sibling_on_the_wire(self, claim: Claim, *, certain: bool) -> bool:
        """Whether another order is just being sent whose work order this one could be: the same customer's."""
        bodies = await self.database.read(outbox.requests_on_the_wire, besides=claim.order_id)
        others = [panelr_request.load(body) for body in bodies]
        email, name = claim.request.customer_email.casefold(), claim.request.wc_order_id
        return any(
            other.customer_email.casefold() == email and (not certain or other.wc_order_id == name) for other in others
        )

    async def _later(self, report: Report, *, wait: timedelta | None = None) -> Settled:
        return Settled(await self._record(report, record.look_up_later, report, terms=self.terms, wait=wait))

    async def _undecided(self, report: Report, code: str, words: str) -> Settled:
        return Settled(await self._record(report, record.undecided, report, code=code, words=words))

    async def _call(self, claim: Claim, call: panelr_request.Call) -> Report:
        """Call Panelr, unless the leave to do so has run out while this process was held up."""
        started_at, began = self.clock(), time.monotonic()
        outcome: Outcome
        if started_at - claim.claimed_at > SLOT_HOLDS:
            outcome = NotSent(words="this process was held up before the call could begin")
        else:
            outcome = await self._panelr.call(call, now=started_at)
        milliseconds = round((time.monotonic() - began) * 1000)
        return Report(claim=claim, outcome=outcome, started_at=started_at, milliseconds=milliseconds)

    async def _record(
        self,
        report: Report,
        work: Callable[Concatenate[Connection, datetime, P], State],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> State:
        """Record an outcome; what Panelr has answered is worth several tries when the database is away."""
        for tried in range(1, RECORD_TRIES + 1):
            try:
                state = await self.write(work, *args, **kwargs)
                break
            except Exception as error:
                if tried == RECORD_TRIES or not is_unavailable(error):
                    raise
                await asyncio.sleep(min(0.1 * 2**tried, 10))
        claim = report.claim
        log.info(
            "call.finished",
            store=claim.store,
            order=claim.order_id,
            woo_order_id=claim.woo_order_id,
            action=claim.action,
            attempt=claim.attempt,
            outcome=outcomes.name(report.outcome),
            status=report.outcome.status,
            milliseconds=report.milliseconds,
            state=state,
        )
        return state


def _candidates(found: Ambiguous) -> str:
    if not found.reference_codes:
        return "the customer has more work orders than Panelr lists at once: look there, then resolve"
    return f"it may be {' or '.join(found.reference_codes)}, or none of them: look there, then resolve"
