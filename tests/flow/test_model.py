"""The core against a model: any order of deliveries, calls, lost answers, crashes, mapping edits and operators.

The real transactions run on both databases with a clock that the test turns. Panelr is a list. After every step: at
most one work order per order, nothing owed is forgotten, and state and rows agree.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, select

from panelr_bridge.errors import Conflict
from panelr_bridge.outcomes import Done, Misconfigured, NotSent, Outcome, Refused, Throttled, Unknown
from panelr_bridge.panelr.match import Ambiguous, Found, NotThere, match
from panelr_bridge.settings import Settings
from panelr_bridge.steps import claim as claims
from panelr_bridge.steps import intake, operator, record
from panelr_bridge.steps import mapping as mapping_steps
from panelr_bridge.steps.claim import RATE, Claim, Terms
from panelr_bridge.steps.record import Report
from panelr_bridge.store import database, rate
from panelr_bridge.store import orders as orders_store
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.tables import Row, orders, outbox
from panelr_bridge.values import Action, ListedItem, ListedWorkOrder, State, WorkOrder
from panelr_bridge.woo.payload import Deleted, read_order
from tests.kit import order

BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TERMS = Terms(
    rate_per_minute=5, lease=timedelta(seconds=35), grace=timedelta(seconds=20), retry_schedule=(5.0, 30.0, 120.0)
)
POLICY = Settings().policy
NUMBERS = st.integers(1, 3)
NOT_DONE: dict[str, Outcome] = {
    "refused": Refused(words="no"),
    "throttled": Throttled(words="later", retry_after=7),
    "misconfigured": Misconfigured(words="who are you"),
    "not sent": NotSent(words="nobody there"),
    "lost before": Unknown(words="lost"),
}


@dataclass
class Flight:
    """A claimed call, and what Panelr has answered to it, if anybody is there to hear it."""

    claim: Claim
    made: WorkOrder | None = None
    called: bool = False


class Model(RuleBasedStateMachine):
    """One bridge of any number of processes, one Panelr, one shop of three orders."""

    url: ClassVar[str]
    shows_wc_order_id: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = BEGIN
        self.panel: list[tuple[str, ListedWorkOrder]] = []
        self.flights: list[Flight] = []
        self.versions = 0
        self.mapping: Row | None = None

    def teardown(self) -> None:
        self.loop.run_until_complete(self.database.close())
        self.loop.close()

    def write(self, work: Any, *args: Any, **more: Any) -> Any:
        return self.loop.run_until_complete(self.database.write(work, *args, **more))

    @initialize(mapped=st.booleans())
    def start(self, mapped: bool) -> None:
        self.database = database.connect(self.url)
        self.write(_empty)
        self.write(rate.prepare, name=RATE, limit=TERMS.rate_per_minute)
        if mapped:
            self.add_mapping()

    # The shop

    @rule(
        number=NUMBERS,
        status=st.sampled_from(["pending", "processing", "completed", "cancelled"]),
        age=st.integers(0, 2),
    )
    def deliver(self, number: int, status: str, age: int) -> None:
        """A snapshot, the newest or an older one; the same again is a matter of chance."""
        self.versions += 1
        moment = BEGIN + timedelta(seconds=max(self.versions - 3 * age, 0))
        content = order(id=number, status=status, date_modified_gmt=moment.isoformat()[:19])
        body = json.dumps(content).encode()
        delivery = Delivery(
            store="default", topic="order.updated", body=body, headers={}, verdict="order", woo_order_id=number
        )
        received = self.write(intake.receive, self.now, delivery, read_order(body), policy=POLICY, terms=TERMS)
        if received.claim is not None:
            self.flights.append(Flight(received.claim))

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        body = json.dumps({"id": number}).encode()
        delivery = Delivery(
            store="default", topic="order.deleted", body=body, headers={}, verdict="deleted", woo_order_id=number
        )
        self.write(intake.receive, self.now, delivery, Deleted(number), policy=POLICY, terms=TERMS)

    # The workers

    @rule()
    def claim(self) -> None:
        taken = self.write(claims.claim_due, self.now, policy=POLICY, terms=TERMS)
        if isinstance(taken, Claim):
            self.flights.append(Flight(taken))

    @rule()
    def end_leases(self) -> None:
        while self.write(claims.end_leases, self.now, terms=TERMS) is not None:
            pass

    @rule()
    def wake(self) -> None:
        for order_id in self.write(orders_store.awaiting_mapping, limit=10):
            self.write(operator.wake, self.now, order_id, policy=POLICY, ignored_since=BEGIN - timedelta(days=30))

    @rule(seconds=st.sampled_from([0.5, 6, 21, 36, 130]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # Calls

    def _flight(self, data: st.DataObject, *, called: bool) -> Flight | None:
        fitting = [flight for flight in self.flights if flight.called is called]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), heard=st.booleans())
    def panelr_creates(self, data: st.DataObject, heard: bool) -> None:
        """The request arrives, in time or not at all; the answer is heard later, or never."""
        flight = self._flight(data, called=False)
        if flight is None or flight.claim.action is Action.LOOK_UP:
            return
        flight.called = True
        if self.now - flight.claim.claimed_at > timedelta(seconds=1):
            self._record_not_created(flight, "not sent")  # `Bridge._call` gives up what was held up for so long
            return
        code = f"WO-2026-{len(self.panel) + 1:05}"
        flight.made = WorkOrder(
            work_order_id=len(self.panel) + 1, reference_code=code, confirmation_token="t" + code, status="pending"
        )
        self.panel.append((flight.claim.request.wc_order_id, self._listed(flight.claim, flight.made)))
        if heard:
            self.hear(flight)

    def _listed(self, claim: Claim, made: WorkOrder) -> ListedWorkOrder:
        shown = claim.request.wc_order_id if self.shows_wc_order_id else None
        items = tuple(
            ListedItem(
                name="x",
                qty=item.qty,
                intent=item.intent.value,
                product_id=item.product_id,
                wc_order_id=shown,
                shows_wc_order_id=self.shows_wc_order_id,
            )
            for item in claim.request.items
        )
        return ListedWorkOrder(work_order=replace(made, confirmation_token=None), created_at=self.now, items=items)

    @precondition(lambda self: any(flight.made for flight in self.flights))
    @rule(data=st.data())
    def answer_arrives(self, data: st.DataObject) -> None:
        """In time or after the lease has ended."""
        flight = data.draw(st.sampled_from([flight for flight in self.flights if flight.made]))
        self.hear(flight)

    def hear(self, flight: Flight) -> None:
        assert flight.made is not None
        self.flights.remove(flight)
        outcome = Done(words="done", status=200, data={})
        self.write(record.created, self.now, self._report(flight.claim, outcome), flight.made)

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), kind=st.sampled_from(sorted(NOT_DONE)))
    def call_fails(self, data: st.DataObject, kind: str) -> None:
        flight = self._flight(data, called=False)
        if flight is None:
            return
        if flight.claim.action is Action.CREATE_WORK_ORDER:
            self._record_not_created(flight, kind)
        else:
            self.flights.remove(flight)
            self.write(record.look_up_later, self.now, self._report(flight.claim, NOT_DONE[kind]), terms=TERMS)

    def _record_not_created(self, flight: Flight, kind: str) -> None:
        self.flights.remove(flight)
        self.write(record.not_created, self.now, self._report(flight.claim, NOT_DONE[kind]), terms=TERMS)

    @precondition(lambda self: any(flight.made for flight in self.flights))
    @rule(data=st.data())
    def answer_is_lost(self, data: st.DataObject) -> None:
        flight = data.draw(st.sampled_from([flight for flight in self.flights if flight.made]))
        self._record_not_created(flight, "lost before")

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def process_dies(self, data: st.DataObject) -> None:
        self.flights.remove(data.draw(st.sampled_from(self.flights)))

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def look_up(self, data: st.DataObject) -> None:
        flight = self._flight(data, called=False)
        if flight is None or flight.claim.action is not Action.LOOK_UP:
            return
        self.flights.remove(flight)
        report = self._report(flight.claim, Done(words="done", status=200, data=[]))
        found = match(
            request=flight.claim.request,
            first_attempt_at=flight.claim.first_sent_at,
            listed=[listed for _, listed in self.panel],
            linked=self.write(_linked, flight.claim.order_id),
            products={},
        )
        if isinstance(found, Found):
            if self._sibling_under_way(flight.claim, certain=found.certain):
                self.write(record.look_up_later, self.now, report, terms=TERMS, wait=timedelta(seconds=5))
            else:
                self.write(record.adopted, self.now, report, found.work_order)
        elif isinstance(found, NotThere):
            self.write(record.not_there, self.now, report, terms=TERMS)
        else:
            assert isinstance(found, Ambiguous)
            self.write(record.undecided, self.now, report, code="several_candidates", words="?")

    def _sibling_under_way(self, claim: Claim, *, certain: bool) -> bool:
        rows = self.write(_all, orders)
        return not certain and any(row["state"] == State.SENDING and row["id"] != claim.order_id for row in rows)

    def _report(self, claim: Claim, outcome: Outcome) -> Report:
        return Report(claim=claim, outcome=outcome, started_at=self.now, milliseconds=1)

    # People

    @rule()
    def add_mapping(self) -> None:
        if self.mapping is None:
            values = {"store": "default", "key": "sku:panel-1000", "sku": "PANEL-1000", "panelr_product_id": 3}
            values |= {"intent": "new_activation", "quantity": 1, "woo_product_id": None, "woo_variation_id": None}
            self.mapping = self.write(mapping_steps.add, self.now, mapping_steps.PRODUCT, values, actor="test")

    @rule()
    def remove_mapping(self) -> None:
        if self.mapping is not None:
            self.write(mapping_steps.remove, self.now, mapping_steps.PRODUCT, self.mapping["id"], actor="test")
            self.mapping = None

    @rule(number=NUMBERS, act=st.sampled_from(["retry", "close", "resolve"]))
    def operate(self, number: int, act: str) -> None:
        """An honest operator: what is said of Panelr is so, and stays so."""
        row = next((row for row in self.write(_all, orders) if row["woo_order_id"] == number), None)
        if row is None:
            return
        try:
            if act == "retry":
                self.write(operator.retry, self.now, row["id"], policy=POLICY, actor="test")
            elif act == "close":
                self.write(operator.close, self.now, row["id"], why="test", actor="test")
            else:
                self._resolve(row)
        except Conflict:
            pass

    def _resolve(self, row: Row) -> None:
        there = [listed.work_order for name, listed in self.panel if name == str(row["woo_order_id"])]
        if there:
            self.write(operator.link, self.now, row["id"], there[0], actor="test")
        elif not any(flight.claim.order_id == row["id"] for flight in self.flights):
            self.write(operator.not_created, self.now, row["id"], actor="test")

    # What is always so

    @invariant()
    def at_most_one_work_order_each(self) -> None:
        names = [name for name, _ in self.panel]
        assert len(names) == len(set(names)), names

    @invariant()
    def state_and_rows_agree(self) -> None:
        if not hasattr(self, "database"):
            return
        owed = {row["order_id"]: row for row in self.write(_all, outbox)}
        for row in self.write(_all, orders):
            call, state = owed.get(row["id"]), row["state"]
            if state == State.QUEUED:
                assert call
                assert (call["action"], call["lease_until"]) == (Action.CREATE_WORK_ORDER, None)
            elif state == State.SENDING:
                assert call
                assert call["action"] == Action.CREATE_WORK_ORDER
                assert call["lease_until"] is not None
            elif state == State.UNCONFIRMED:
                assert row["attention"] or (call and call["action"] == Action.LOOK_UP)
            else:
                assert call is None, (state, call)

    @invariant()
    def a_created_order_has_its_own_work_order(self) -> None:
        if not hasattr(self, "database"):
            return
        rows = [row for row in self.write(_all, orders) if row["state"] == State.CREATED]
        codes = [row["reference_code"] for row in rows]
        assert len(codes) == len(set(codes))
        if self.shows_wc_order_id:
            owners = {listed.work_order.reference_code: name for name, listed in self.panel}
            assert [owners[row["reference_code"]] for row in rows] == [str(row["woo_order_id"]) for row in rows]


def _all(connection: Connection, table: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(select(table)).mappings()]


def _linked(connection: Connection, besides: int) -> set[str]:
    return {row["reference_code"] for row in _all(connection, orders) if row["id"] != besides} - {None}


def _empty(connection: Connection) -> None:
    from panelr_bridge.store.tables import metadata  # noqa: PLC0415

    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())


@pytest.mark.parametrize("shows_wc_order_id", [True, False])
def test_the_core_holds_whatever_happens(database_url: str, shows_wc_order_id: bool, dialect: str) -> None:
    model = type("Model", (Model,), {"url": database_url, "shows_wc_order_id": shows_wc_order_id})
    examples = 40 if dialect == "sqlite" else 15
    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
