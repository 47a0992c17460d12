"""A model test of the core: any sequence of deliveries, calls, lost answers, crashes, mapping edits and operators.

The real bridge, its worker's steps and its transactions run on both databases, in up to three processes, with a clock
that the test sets. A process may be killed at any statement, or stall and continue late. After every step: at most one
work order per order, nothing owed is forgotten, state and rows agree, and nothing is sent again without look-ups.
"""

import json
import os
from datetime import timedelta
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

from panelr_bridge.application import operator_actions, resolve_order
from panelr_bridge.application.transactions import change_mappings
from panelr_bridge.domain.call_outcome import (
    Blocked,
    Done,
    Misconfigured,
    NotSent,
    Outcome,
    Refused,
    Throttled,
    Unknown,
)
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store import mappings, owed_calls
from panelr_bridge.store.tables import deliveries, orders
from tests.support.bridge_kit import order
from tests.support.world import ARRIVES_WITHIN, BEGIN, POLICY, PRODUCT_MAPPING, TIMEOUT, Flight, Process, World

# orders 1 and 2 are lookalikes of one customer: without wc_order_id Panelr's list cannot distinguish them
CUSTOMERS = {1: "ada@example.test", 2: "ada@example.test", 3: "grace@example.test"}
NUMBERS = st.sampled_from(sorted(CUSTOMERS))
NOT_DONE: dict[str, Outcome] = {
    "refused": Refused(words="no"),
    "throttled": Throttled(words="later", retry_after=7),
    "misconfigured": Misconfigured(words="who are you"),
    "blocked": Blocked(words="a firewall says no"),
    "not sent": NotSent(words="nobody there"),
    "lost": Unknown(words="lost"),
}


PROBED = Done(words="done", status=200, data={})


class Model(RuleBasedStateMachine):
    """Any number of processes, one Panelr, one shop of three orders."""

    url: ClassVar[str]
    shows_wc_order_id: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.url, self.shows_wc_order_id)
        self.told: list[tuple[int, str, bytes]] = []
        self.newest: dict[int, str] = {}
        self.mapping: dict[str, Any] | None = None

    @initialize(mapped=st.booleans())
    def start(self, mapped: bool) -> None:
        self.world.open()
        self.world.start()
        if mapped:
            self.add_mapping()

    def teardown(self) -> None:
        try:
            if hasattr(self.world, "reader"):
                self._everything_is_settled_in_the_end()
        finally:
            self.world.close()

    def _any_process(self, data: st.DataObject) -> Process:
        awake = [process for process in self.world.processes if not process.stalled]
        return data.draw(st.sampled_from(awake)) if awake else self.world.start()

    # The shop

    @rule(
        data=st.data(),
        number=NUMBERS,
        status=st.sampled_from(["pending", "processing", "completed", "cancelled"]),
        age=st.integers(0, 2),
        times=st.integers(1, 3),
    )
    def deliver(self, data: st.DataObject, number: int, status: str, age: int, times: int) -> None:
        """Deliver a snapshot, the newest or an older one, under both topics at once and repeatedly."""
        moment = BEGIN + timedelta(seconds=max(len(self.told) - 3 * age, 0))
        billing = order()["billing"] | {"email": CUSTOMERS[number]}
        content = order(id=number, status=status, billing=billing, date_modified_gmt=moment.isoformat()[:19])
        body = json.dumps(content | {"customer_note": str(len(self.told))}).encode()
        self.newest[number] = max(self.newest.get(number, ""), moment.isoformat()[:19])
        for topic in ("order.created", "order.updated")[:times]:
            self.told.append((number, topic, body))
        self._tell(data, [self.told[-1 - each % min(times, 2)] for each in range(times)])

    @rule(data=st.data(), number=NUMBERS)
    def delete(self, data: st.DataObject, number: int) -> None:
        self.told.append((number, "order.deleted", json.dumps({"id": number}).encode()))
        self._tell(data, self.told[-1:])

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def tell_again(self, data: st.DataObject) -> None:
        """Deliver something old again."""
        self._tell(data, [data.draw(st.sampled_from(self.told))])

    def _tell(self, data: st.DataObject, what: list[tuple[int, str, bytes]]) -> None:
        self.world.run(*(self._any_process(data).deliver(topic, body) for _, topic, body in what))

    # The processes

    @rule(data=st.data(), at_once=st.integers(1, 2))
    def work(self, data: st.DataObject, at_once: int) -> None:
        """Run turns of workers."""
        self.world.run(*(self._any_process(data).work() for _ in range(at_once)))

    @precondition(lambda self: len(self.world.processes) < 3)
    @rule()
    def start_another(self) -> None:
        self.world.start()

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        process = data.draw(st.sampled_from(self.world.processes))
        process.killed = True
        self.world.run()

    @rule(statements=st.integers(1, 12))
    def die_soon(self, statements: int) -> None:
        """Kill the process that reaches this statement or commit."""
        self.world.statements_left = statements

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def stall(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.world.processes)).stalled = True

    @rule()
    def wake_up(self) -> None:
        """Let stalled processes continue; they may then receive late answers."""
        for process in self.world.processes:
            process.stalled = False

    @rule(seconds=st.sampled_from([0.5, 6, 21, 36, 70, 130]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)
        self._time_out()

    def _time_out(self) -> None:
        """End calls at their timeout; an answer that arrived before may still be received."""
        for flight in list(self.world.flights):
            if self.world.now - flight.sent_at < TIMEOUT or flight.process.stalled:
                continue
            if flight.deaf:
                if flight.made or self.world.now - flight.sent_at > ARRIVES_WITHIN:
                    self.world.flights.remove(flight)
            elif flight.made:
                self.world.tell(flight, Done(words="done", status=200, data=flight.made["answer"]))
            else:
                flight.answer.set_result(Unknown(words="took too long"))
                flight.deaf = True  # the request may still be under way
        self.world.run()

    # The network

    def _flight(self, data: st.DataObject, *, creates: bool, hears: bool = False) -> Flight | None:
        fitting = [flight for flight in self.world.flights if flight.creates is creates and not flight.made]
        if hears:
            fitting = [flight for flight in fitting if not flight.deaf and not flight.process.stalled]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    @precondition(lambda self: self.world.flights)
    @rule(data=st.data(), then=st.sampled_from(["answer", "answer", "silence", "lost"]))
    def panelr_creates(self, data: st.DataObject, then: str) -> None:
        """Let the request arrive; its answer is received now, later or never."""
        flight = self._flight(data, creates=True)
        if flight is None:
            return
        self.world.arrive(flight)
        if flight.deaf or flight.process.stalled or then == "silence":
            return
        assert flight.made is not None
        lost = Unknown(words="lost")
        self.world.tell(flight, lost if then == "lost" else Done(words="done", status=200, data=flight.made["answer"]))
        self.world.run()

    @precondition(lambda self: self.world.flights)
    @rule(data=st.data(), creates=st.booleans(), kind=st.sampled_from(sorted(NOT_DONE)))
    def call_fails(self, data: st.DataObject, creates: bool, kind: str) -> None:
        flight = self._flight(data, creates=creates, hears=True)
        if flight is not None:
            self.world.tell(flight, NOT_DONE[kind])
            self.world.run()

    @rule(kind=st.sampled_from(["done", "refused", "misconfigured", "blocked", "throttled", "not sent", "lost"]))
    def the_probe_will_end(self, kind: str) -> None:
        """Decide what a probe finds out from now on: an outage, or one request that Panelr dislikes."""
        self.world.probe_outcome = NOT_DONE.get(kind, PROBED)

    @precondition(lambda self: self.world.flights)
    @rule(data=st.data())
    def panelr_lists(self, data: st.DataObject) -> None:
        flight = self._flight(data, creates=False, hears=True)
        if flight is not None:
            self.world.tell(flight, Done(words="done", status=200, data=self.world.listed(flight)))
            self.world.run()

    # Operators

    @rule()
    def add_mapping(self) -> None:
        if self.mapping is None:
            self.mapping = self._by_hand(change_mappings.add, mappings.PRODUCT, PRODUCT_MAPPING, actor="test")

    @rule()
    def remove_mapping(self) -> None:
        if self.mapping is not None:
            self._by_hand(change_mappings.remove, mappings.PRODUCT, self.mapping["id"], actor="test")
            self.mapping = None

    @rule(data=st.data(), number=NUMBERS, acts=st.lists(st.sampled_from(["retry", "close", "resolve"]), max_size=2))
    def operate(self, data: st.DataObject, number: int, acts: list[str]) -> None:
        """Let up to two honest operators act at once: what they say of Panelr is true and stays true."""
        row = next((row for row in self.world.rows(orders) if row["woo_order_id"] == number), None)
        if row is not None:
            self.world.run(*(self._act(self._any_process(data), row, act) for act in acts))

    async def _act(self, process: Process, row: dict[str, Any], act: str) -> None:
        bridge = process.bridge
        if act == "retry":
            await bridge.write(operator_actions.retry, row["id"], policy=POLICY, actor="test")
        elif act == "close":
            await bridge.write(operator_actions.close, row["id"], why="test", actor="test")
        elif there := [made for made in self.world.work_orders if made["wc_order_id"] == str(row["woo_order_id"])]:
            found = WorkOrder(
                reference_code=there[0]["answer"]["reference_code"], work_order_id=there[0]["answer"]["work_order_id"]
            )
            await bridge.write(resolve_order.link_work_order, row["id"], found, actor="test")
        elif not any(flight.order_id == row["id"] and flight.creates for flight in self.world.flights):
            await bridge.write(resolve_order.confirm_not_created, row["id"], actor="test")
            self.world.in_doubt.pop(row["id"], None)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        stored: list[Any] = self.world.rows(deliveries)
        if stored:
            bridge = self._any_process(data).bridge
            self.world.run(bridge.replay(data.draw(st.sampled_from(stored)), actor="test"))

    def _by_hand(self, work: Any, *args: Any, **more: Any) -> Any:
        """Change a mapping by a process that is not killed meanwhile: an operator would try again."""
        armed, self.world.statements_left = self.world.statements_left, None
        helper = self.world.start()
        (done,) = self.world.run(helper.bridge.write(work, *args, **more))
        helper.killed = True
        self.world.run()
        self.world.statements_left = armed
        return done

    # Invariants

    @invariant()
    def at_most_one_work_order_each(self) -> None:
        names = [made["wc_order_id"] for made in self.world.work_orders]
        assert len(names) == len(set(names)), names

    @invariant()
    def state_and_rows_agree(self) -> None:
        if not hasattr(self.world, "reader"):
            return
        for row in self.world.rows(orders):
            state = row["state"]
            if state == OrderState.QUEUED:
                assert (row["owes"], row["call_until"]) == (CallAction.CREATE_WORK_ORDER, None)
            elif state == OrderState.SENDING:
                assert row["owes"] == CallAction.CREATE_WORK_ORDER
                assert row["call_until"] is not None
            elif state == OrderState.UNCONFIRMED:
                assert row["attention"] or row["owes"] == CallAction.LOOK_UP
            else:
                assert row["owes"] is None, state
            owed = {name: row[name] for name in owed_calls.NO_OWED_CALL}
            if row["owes"] is None:
                assert owed == owed_calls.NO_OWED_CALL
            else:
                assert None not in {owed["owes_since"], owed["tries"], owed["next_attempt_at"]}

    @invariant()
    def a_created_order_has_its_own_work_order(self) -> None:
        if not hasattr(self.world, "reader"):
            return
        owners = {made["answer"]["reference_code"]: made["wc_order_id"] for made in self.world.work_orders}
        for row in self.world.rows(orders):
            if row["state"] == OrderState.CREATED:
                assert owners[row["reference_code"]] == str(row["woo_order_id"])

    def _owed(self) -> list[dict[str, Any]]:
        return [row for row in self.world.rows(orders) if row["owes"] is not None]

    def _everything_is_settled_in_the_end(self) -> None:
        """Repair everything: then all owed calls are made, and no delivery is forgotten."""
        self.world.statements_left = None
        self.world.probe_outcome = PROBED
        self.wake_up()
        self._time_out()
        process = self.world.start()
        for _ in range(80):
            self.world.run(process.work())
            for flight in list(self.world.flights):
                if flight.deaf:
                    self.world.flights.remove(flight)
                elif flight.creates:
                    self.world.arrive(flight) if not flight.made else None
                    assert flight.made is not None
                    self.world.tell(flight, Done(words="done", status=200, data=flight.made["answer"]))
                else:
                    self.world.tell(flight, Done(words="done", status=200, data=self.world.listed(flight)))
            self.world.run()
            if not self._owed():
                break
            self.time_passes(130)
        assert self._owed() == []
        self.at_most_one_work_order_each()
        self.a_created_order_has_its_own_work_order()
        for row in self.world.rows(orders):
            self._is_where_it_belongs(row)

    def _is_where_it_belongs(self, row: dict[str, Any]) -> None:
        calls_for_one = row["woo_status"] in {"processing", "completed"} and self.mapping is not None
        if calls_for_one and row["woo_modified_at"] is not None:
            person = row["state"] == OrderState.UNCONFIRMED and row["attention"]
            assert row["state"] in {OrderState.CREATED, OrderState.CLOSED, OrderState.REFUSED} or person, row


@pytest.mark.parametrize("shows_wc_order_id", [True, False])
def test_the_core_holds_whatever_happens(turned_url: str, shows_wc_order_id: bool, dialect: str) -> None:
    model = type("Model", (Model,), {"url": turned_url, "shows_wc_order_id": shows_wc_order_id})
    examples = int(os.environ.get("MODEL_EXAMPLES", "25" if dialect == "sqlite" else "10"))
    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=int(os.environ.get("MODEL_STEPS", "40")),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
