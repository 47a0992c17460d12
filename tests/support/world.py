"""A small world for the model: processes that die at any statement, a wire that it holds, a clock that it turns."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Engine, event, select

from panelr_bridge.application.bridge import Bridge
from panelr_bridge.application.panelr_caller import CallResult
from panelr_bridge.application.parse_delivery import RawDelivery
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.application.worker import Worker
from panelr_bridge.domain.call_outcome import Done, Outcome, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.errors import Conflict, NotFound
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.settings import Settings
from panelr_bridge.store import database, due_work, rate_limit
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.schema import metadata
from panelr_bridge.store.tables import Columns
from tests.support.clock import turn

BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TERMS = CallPolicy(
    rate_per_minute=5, lease=timedelta(seconds=35), grace=timedelta(seconds=20), retry_schedule=(5.0, 30.0, 120.0)
)
POLICY = Settings().policy
PRODUCT_MAPPING: Columns = {
    "store": "default",
    "key": "sku:panel-1000",
    "sku": "PANEL-1000",
    "panelr_product_id": 3,
    "intent": "new_activation",
    "quantity": 1,
    "conditions": "",
    "woo_product_id": None,
    "woo_variation_id": None,
}
TIMEOUT = timedelta(seconds=25)
ARRIVES_WITHIN = timedelta(seconds=100)
"""How late Panelr may still act on a request: docs/reliability.md promises nothing beyond the second look-up."""


ALLOWED = (Conflict, NotFound)
"""What an operator may be told."""


class Killed(BaseException):
    """The process was killed at this statement."""


@dataclass(eq=False)
class Flight:
    """One call on the wire. `made` is the work order that it made, `deaf` that nobody is there to hear the answer."""

    process: "Process"
    call: PanelrRequest
    order_id: int
    sent_at: datetime
    answer: "asyncio.Future[Outcome]"
    made: dict[str, Any] | None = None
    deaf: bool = False

    @property
    def creates(self) -> bool:
        return self.call.action == "create_work_order"


@dataclass
class World:
    """Panelr, the wire, the clock and the processes."""

    url: str
    shows_wc_order_id: bool
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    now: datetime = BEGIN
    work_orders: list[dict[str, Any]] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    processes: list["Process"] = field(default_factory=list)
    calls: list[datetime] = field(default_factory=list)
    in_doubt: dict[int, int] = field(default_factory=dict)  # by order: look-ups that found nothing since
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: list["asyncio.Task[Any]"] = field(default_factory=list)
    probe_outcome: Outcome = field(default_factory=lambda: Done(words="done", status=200, data={}))
    busy: int = 0
    statements_left: int | None = None

    def start(self) -> "Process":
        process = Process(self)
        self.processes.append(process)
        return process

    def run(self, *works: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run what happens at the same time, until everybody waits for the wire; exceptions are returned."""
        return self.loop.run_until_complete(self._run(works))

    async def _run(self, works: tuple[Coroutine[Any, Any, Any], ...]) -> list[Any]:
        tasks = [asyncio.ensure_future(work) for work in works]
        quiet = 0
        while quiet < 6:
            await asyncio.sleep(0 if not self.busy else 0.0003)
            quiet = 0 if self.busy else quiet + 1
        for process in [process for process in self.processes if process.killed]:
            await process.die()
        assert all(task.done() for task in tasks), [task for task in tasks if not task.done()]
        self._carried_out()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ALLOWED):
                raise result
        return list(results)

    def _carried_out(self) -> None:
        """A call whose outcome could not be recorded is a fault, unless its process was killed."""
        ended = [task for task in self.under_way if task.done()]
        self.under_way = [task for task in self.under_way if not task.done()]
        for task in ended:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Killed):
                raise error

    def rows(self, table: Any) -> list[dict[str, Any]]:
        """Return a whole table, as it is now."""

        def read(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

        async def opened() -> list[dict[str, Any]]:
            return await self.reader.read(read)

        return self.loop.run_until_complete(opened())

    def open(self) -> None:
        """Begin with empty tables."""
        self.reader = database.connect(self.url)

        def empty(connection: Connection) -> None:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            rate_limit.prepare(connection, name=RATE, limit=TERMS.rate_per_minute, now=self.now)

        self.loop.run_until_complete(self.reader.write(empty))

    def close(self) -> None:
        """Let go of everything."""

        async def end() -> None:
            for process in list(self.processes):
                await process.die()
            await self.reader.close()

        self.loop.run_until_complete(end())
        self.loop.close()

    # Panelr

    def arrive(self, flight: Flight) -> None:
        """The request reaches Panelr, which makes its work order."""
        asked = json.loads(flight.call.body or b"{}")
        number = len(self.work_orders) + 1
        shown = {"wc_order_id": asked["wc_order_id"]} if self.shows_wc_order_id else {}
        flight.made = {
            "wc_order_id": asked["wc_order_id"],
            "email": asked["customer_email"],
            "answer": {
                "work_order_id": number,
                "reference_code": f"WO-2026-{number:05}",
                "confirmation_token": f"token {number}",
                "status": asked["status"],
            },
            "listed": {
                "reference_code": f"WO-2026-{number:05}",
                "id": number,
                "status": asked["status"],
                "created_at": self.now.isoformat(),
                "items": [item | {"name": "x"} | shown for item in asked["items"]],
            },
        }
        self.work_orders.append(flight.made)

    def listed(self, flight: Flight) -> list[dict[str, Any]]:
        """What get_work_orders answers: the customer's, newest first."""
        email = dict(flight.call.query)["customer_email"]
        return [made["listed"] for made in reversed(self.work_orders) if made["email"] == email]

    def tell(self, flight: Flight, outcome: Outcome) -> None:
        """Answer a call."""
        self.flights.remove(flight)
        if not flight.deaf:
            self._judge(flight, outcome)
            flight.answer.set_result(outcome)

    def _judge(self, flight: Flight, outcome: Outcome) -> None:
        """Note what the bridge may know now: it may send again only what it knows not to be there."""
        if flight.creates:
            if not isinstance(outcome, Unknown) and not self._others(flight):
                self.in_doubt.pop(flight.order_id, None)
        elif isinstance(outcome, Done) and flight.order_id in self.in_doubt:
            self.in_doubt[flight.order_id] += 1

    def _others(self, flight: Flight) -> bool:
        return any(each.order_id == flight.order_id and each.creates for each in self.flights)

    def count_call(self) -> None:
        """A call leaves: not the sixth within a minute."""
        since = self.now - timedelta(seconds=60)
        self.calls = [*(moment for moment in self.calls if moment > since), self.now]
        assert len(self.calls) <= TERMS.rate_per_minute, "more calls in a minute than are allowed"

    def depart(self, flight: Flight) -> None:
        """A call for an order leaves: none that may be there already."""
        self.count_call()
        if flight.creates:
            look_ups = self.in_doubt.get(flight.order_id)
            assert look_ups is None or look_ups >= 2, "sent again without two look-ups"
            self.in_doubt[flight.order_id] = 0
        self.flights.append(flight)


class Process:
    """One process of the bridge: the real bridge and the real steps of its worker."""

    base_url = address = "https://panel.example/api/api.php"
    addresses = (address,)

    def __init__(self, world: World) -> None:
        self.world = world
        self.killed = self.stalled = False
        self._database = database.connect(world.url)
        for engine in _engines(self._database):
            for name in ("before_cursor_execute", "commit"):
                event.listen(engine, name, self._step)
        self.bridge = Bridge(
            database=cast("database.Database", self),
            panelr=cast("PanelrClient", self),
            policy=POLICY,
            call_policy=TERMS,
            sync_budget=timedelta(0),
            clock=lambda: world.now,
        )
        self._start, self.bridge.start = self.bridge.start, self._started  # type: ignore[method-assign]
        self.worker = Worker(self.bridge, wake_ignored=timedelta(days=30))

    @property
    def dialect(self) -> str:
        return self._database.dialect

    def _started(self, claim: Claim) -> "asyncio.Task[CallResult]":
        task = self._start(claim)
        self.world.under_way.append(task)
        return task

    def _step(self, *_: Any) -> None:
        """A statement or a commit: perhaps the last one."""
        left = self.world.statements_left
        if left is None:
            return
        self.world.statements_left = left - 1 if left > 1 else None
        if left <= 1:
            self.killed = True
        if self.killed:
            raise Killed

    async def write(self, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Run a transaction, by the world's clock on both sides."""

        def turned(connection: Connection) -> Any:
            turn(connection, self.world.now)
            return work(connection, *args, **more)

        async with self.world.turn:  # one after the other, so that hypothesis can repeat what it has found
            return await self._counted(self._database.write(turned))

    async def read(self, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        async with self.world.turn:
            return await self._counted(self._database.read(work, *args, **more))

    async def execute_autocommit(self, statement: CompiledStatement, values: Callable[[], Columns]) -> Any:
        """Run one statement as a transaction, for its clock to be turned."""
        return await self.write(lambda connection: statement.run(connection, values()))

    async def _counted(self, work: Coroutine[Any, Any, Any]) -> Any:
        self.world.busy += 1
        try:
            return await work
        finally:
            self.world.busy -= 1

    async def call(self, call: PanelrRequest, *, now: datetime, address: str | None = None, **_: Any) -> Outcome:
        """Panelr's client: the call is on the wire until the model answers it. A probe is answered at once."""
        if address is not None:
            self.world.count_call()
            return self.world.probe_outcome
        task = asyncio.current_task()
        assert task is not None
        order_id = int(task.get_name().rsplit(" ", 1)[1])
        flight = Flight(self, call, order_id, now, asyncio.get_running_loop().create_future())
        self.world.depart(flight)
        return await flight.answer

    async def deliver(self, topic: str, body: bytes) -> None:
        """Take an authentic delivery, as the webhook route does."""
        await self.bridge.receive(RawDelivery(store="default", topic=topic, body=body, headers={}))

    async def work(self) -> None:
        """One turn of the worker."""
        for step in (self.worker._end_leases, self.worker._reevaluate_waiting, self.worker._start_due):
            await step()
        found = await self.read(due_work.find_due_work)
        if found.gate_closed_until is not None:
            self.bridge.probe.start_due(found.gate_closed_until, now=self.world.now)

    async def die(self) -> None:
        """SIGKILL: what it was doing is never heard of again; its requests may still arrive."""
        self.world.processes.remove(self)
        for flight in self.world.flights:
            flight.deaf = flight.deaf or flight.process is self
        probe = self.bridge.probe
        calls = [*self.bridge._calls, *probe._releases, *([probe._task] if probe._task else [])]
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._database.close()


def _engines(opened: Any) -> list[Engine]:
    return (
        [opened._engine.sync_engine] if opened.dialect == "postgresql" else [opened._write_engine, opened._read_engine]
    )
