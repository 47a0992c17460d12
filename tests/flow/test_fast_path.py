"""The fast path writes the same rows as the transactions that it replaces, and returns the same answers."""

import asyncio
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from panelr_bridge.application.fast_path import FastPath
from panelr_bridge.application.parse_delivery import RawDelivery, parse_delivery
from panelr_bridge.application.transactions import change_mappings
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.store import mappings, panelr_tables, rate_limit, tables
from tests.support.bridge_kit import Kit, order
from tests.support.world import BEGIN, PRODUCT_MAPPING, Process, World

COMPARED = (
    tables.deliveries,
    tables.orders,
    tables.order_counts,
    tables.attempts,
    panelr_tables.rate_slots,
    panelr_tables.rate_limits,
    tables.known_stores,
)
IDS = ("id", "order_id", "delivery_id", "sent_delivery_id")
TOPICS = ("order.created", "order.updated", "order.restored", "order.deleted")

telling = st.tuples(
    st.just("tell"),
    st.integers(1, 3),  # the order
    st.integers(0, 2),  # its snapshot
    st.sampled_from(["processing", "pending", "cancelled"]),
    st.sampled_from(TOPICS),
)
others = st.tuples(st.sampled_from(["answer", "lose", "map", "pass", "work"]))
steps = st.lists(st.one_of(telling, telling, others), max_size=25)


@dataclass
class Play:
    """One run of the steps; `straight` uses the fast path."""

    world: World
    straight: bool
    mapped: int = 0
    used: list[str] = field(default_factory=list)

    def begin(self) -> Process:
        self.world.open()
        process = self.world.start()
        ordinary = process.bridge._fast_path
        for name in ("try_insert", "store_repeat", "try_record_created"):
            setattr(ordinary, name, self._watched(name, getattr(ordinary, name)))
        return process

    def _watched(self, name: str, way: Any) -> Any:
        async def watched(*given: Any) -> Any:
            came = await way(*given) if self.straight else None
            if came:
                self.used.append(name)
            return came

        return watched

    def step(self, process: Process, step: tuple[Any, ...]) -> None:
        what, *told = step
        if what == "tell":
            self.world.run(process.deliver(told[3], body_of(*told)))
        elif what == "map":
            self.mapped += 1
            mapping = PRODUCT_MAPPING | {"panelr_product_id": self.mapped}
            self.world.run(process.bridge.write(change_mappings.add, mappings.PRODUCT, mapping, actor="test"))
        elif what == "work":
            self.world.run(process.work())
        elif what == "pass":
            self.world.now += timedelta(seconds=130)
        elif self.world.flights and (flight := self.world.flights[0]).creates:
            self.world.arrive(flight)
            assert flight.made is not None
            done = Done(words="done", status=200, data=flight.made["answer"])
            self.world.tell(flight, done if what == "answer" else Unknown(words="lost"))
            self.world.run()

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row, with each id as its rank in its table: a repeated delivery may use up a number."""
        found = {table.name: self.world.rows(table) for table in COMPARED}
        ids = {name: sorted(row["id"] for row in rows if "id" in row) for name, rows in found.items()}
        of = {"id": None, "order_id": "orders", "delivery_id": "deliveries", "sent_delivery_id": "deliveries"}
        for name, rows in found.items():
            for row in rows:
                row.pop("milliseconds", None)  # measured by the real clock
                for column in IDS:
                    if row.get(column) is not None:
                        row[column] = ids[of[column] or name].index(row[column])
        return {name: sorted(rows, key=str) for name, rows in found.items()}


def body_of(number: int, snapshot: int, status: str, topic: str) -> bytes:
    """Return the body of a snapshot; it is the same for each topic except the deletion."""
    if topic == "order.deleted":
        return json.dumps({"id": number}).encode()
    moment = (BEGIN + timedelta(seconds=snapshot)).isoformat()[:19]
    billing = order()["billing"] | {"email": f"customer-{number % 2}@example.test"}
    return json.dumps(order(id=number, status=status, billing=billing, date_modified_gmt=moment)).encode()


def played(
    url: str, steps: list[tuple[Any, ...]], *, straight: bool
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    world = World(url, shows_wc_order_id=True)
    try:
        play = Play(world, straight)
        process = play.begin()
        for step in [("map",), *steps]:
            play.step(process, step)
        return play.tables(), play.used
    finally:
        world.close()


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Repeat calls at the same times in both runs."""
    monkeypatch.setattr("panelr_bridge.application.transactions.call_report.random.random", lambda: 0.5)
    return iter(())


def test_the_fast_path_writes_what_the_long_way_writes(turned_url: str) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=steps)
    def the_same(steps: list[tuple[Any, ...]]) -> None:
        straight, _ = played(turned_url, steps, straight=True)
        long, used = played(turned_url, steps, straight=False)
        assert straight == long
        assert used == []

    the_same()


def test_an_ordinary_order_takes_them(turned_url: str, dialect: str) -> None:
    new = ("tell", 1, 0, "processing", "order.created")
    told = [new, (*new[:4], "order.updated"), ("answer",), new, (*new[:4], "order.updated")]
    _, used = played(turned_url, told, straight=True)
    again = ["store_repeat"]
    concluded = ["try_record_created"] if dialect == "postgresql" else []
    assert used == ["try_insert", *again, *concluded, *again, *again]


async def test_an_ordinary_order_is_few_statements_and_its_repeat_is_fewer(stepped: Kit, statements: list[str]) -> None:
    await stepped.post(order(id=1))
    counts = []
    for topic in ("order.created", "order.updated", "order.created"):
        statements.clear()
        assert (await stepped.post(order(id=2), topic=topic)).json()["state"] == "created"
        counts.append(len(statements))
    assert counts == [2, 1, 1] if stepped.runtime.database.dialect == "postgresql" else [9, 3, 3]


async def test_what_the_mappings_were_is_not_what_they_are(stepped: Kit) -> None:
    await stepped.post(order(id=1))
    mapping = (await stepped.api("GET", "/product-mappings")).json()["data"][0]
    await stepped.api("DELETE", f"/product-mappings/{mapping['id']}")
    assert (await stepped.post(order(id=2))).json()["state"] == "held"
    await stepped.map(sku="PANEL-1000", panelr_product_id=4)
    assert (await stepped.post(order(id=3))).json()["state"] == "created"
    assert [made.cart[0].product_id for made in stepped.panel.work_orders.values()] == [3, 4]


async def test_of_processes_that_receive_one_order_at_once_one_writes_it_and_the_others_nothing(stepped: Kit) -> None:
    database, bridge = stepped.runtime.database, stepped.runtime.bridge
    for number in range(1, 6):
        told = [parse_delivery(raw_delivery(number, topic)) for topic in ("order.created", "order.updated") * 4]
        processes = [
            FastPath(database, policy=bridge.policy, call_policy=bridge.call_policy, clock=bridge.clock) for _ in told
        ]
        came = await asyncio.gather(
            *(each.try_insert(*delivery) for each, delivery in zip(processes, told, strict=True))
        )
        (received,) = [each for each in came if each is not None]
        assert received.claim is not None
        assert await database.read(_counts) == dict.fromkeys(("deliveries", "orders", "taken"), number)


def raw_delivery(number: int, topic: str) -> RawDelivery:
    return RawDelivery(store="default", topic=topic, body=body_of(number, 0, "processing", topic), headers={})


def _counts(connection: Connection) -> dict[str, int]:
    counted = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (tables.deliveries, tables.orders)
    }
    taken = select(func.count()).where(panelr_tables.rate_slots.c.used_at > rate_limit.NEVER)
    return counted | {"taken": connection.execute(taken).scalar_one() - 1}  # one slot was used to check the mapping


async def test_without_a_free_slot_the_statement_writes_nothing(stepped: Kit) -> None:
    database, bridge = stepped.runtime.database, stepped.runtime.bridge
    ordinary = FastPath(database, policy=bridge.policy, call_policy=bridge.call_policy, clock=bridge.clock)
    close = functools.partial(rate_limit.close, name=RATE, now=bridge.clock(), pause=timedelta(minutes=1))
    await database.write(lambda connection: close(connection, failures=1, cause="throttled", words="later"))
    delivery, event = parse_delivery(raw_delivery(1, "order.created"))
    assert await ordinary.try_insert(delivery, event) is None
    assert await database.read(_counts) == {"deliveries": 0, "orders": 0, "taken": 0}
