"""Processes that are killed at each step: after every write, commit and call of an order's processing."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.torture.databases import POSTGRESQL, SQLITE
from tests.torture.killpoint import Killpoint
from tests.torture.ledger import email_of, snapshot
from tests.torture.process import Bridge
from tests.torture.result import Result, joined
from tests.torture.run import Run
from tests.torture.settle import settle
from tests.torture.stage import Stage, staged
from tests.torture.together import together

CREATE = "create_work_order"
WALK_SECONDS = 30.0
TRIES = 3
"""Another process may do a step of the victim's; then the victim is killed at the next order's."""
GRACE = "0.1"


@dataclass(frozen=True)
class OrderPath:
    """One path that an order can take, and what makes it take that path."""

    name: str
    fault_when: str | None = None
    mapped: bool = True


PATHS = (
    OrderPath("plain"),
    OrderPath("answer lost after creation", fault_when="after"),
    OrderPath("lost before creation", fault_when="before"),
    OrderPath("held, then mapped", mapped=False),
)


async def play(run: Run, *, points: int | None) -> list[Result]:
    """Kill a process at each step of each path, or at `points` of them spread over the path."""
    kinds = ((SQLITE, 0), (POSTGRESQL, 2))
    parts = [[_lane(run, kind, neighbours, path, points) for path in PATHS] for kind, neighbours in kinds]
    done = await together(*(together(*lanes) for lanes in parts))
    return [joined(results) for results in done]


async def _lane(run: Run, kind: str, neighbours: int, path: OrderPath, points: int | None) -> Result:
    """Run one path on one database again and again; kill one step later each time."""
    url = await run.databases.make(kind)
    async with staged(url, run.room(f"steps-{kind}-{path.name}"), grace_seconds=GRACE) as stage:
        runs = PathRuns(stage, path)
        steps = await runs.measure()
        await runs.add_neighbours(neighbours)
        for at in spread(steps, points):
            run.say(f"steps: {kind}, {path.name}, step {at} of {steps}")
            await runs.kill_at(at)
        return await runs.finish(kind)


def spread(steps: int, points: int | None) -> list[int]:
    """Return the numbers of all steps, or of `points` steps from the first to the last."""
    if points is None or points >= steps:
        return list(range(1, steps + 1))
    return sorted({1 + round(number * (steps - 1) / max(points - 1, 1)) for number in range(points)})


class PathRuns:
    """One path on one stage: the victim, its neighbours, and the orders that have taken the path."""

    def __init__(self, stage: Stage, path: OrderPath) -> None:
        self._stage = stage
        self._path = path
        self._victim = stage.add("victim")
        self._orders = self._reached = self._steps = 0
        self._missed: list[str] = []

    async def measure(self) -> int:
        """Run the path once without a kill and without neighbours; return the number of steps."""
        point = self._next(0)
        await self._victim.start(point)
        if self._path.mapped:
            await self._stage.map_products()
        await self._run_path(point)
        if not self._victim.alive:
            raise RuntimeError(f"the victim ended by itself:\n{self._victim.said()}")
        self._steps = len(point.taken())
        return self._steps

    async def add_neighbours(self, count: int) -> None:
        """Start the other processes."""
        await self._stage.start(count)

    async def kill_at(self, at: int) -> None:
        """Run the path until the victim is killed at step `at`."""
        for _ in range(TRIES):
            point = self._next(at)
            await self._victim.kill()
            await self._victim.start(point)
            await self._run_path(point)
            if len(point.taken()) >= at:
                self._reached += 1
                return
        self._missed.append(str(at))

    async def revive(self) -> None:
        """Start the victim without a kill point, and deliver what got no answer again."""
        await self._victim.kill()
        await self._victim.start()
        if not self._path.mapped:  # a mapping may have got no answer, so it is added again
            for order_id in range(1, self._orders + 1):
                await self._stage.map(woo_product_id=product_of(order_id), panelr_product_id=3)

    async def finish(self, kind: str) -> Result:
        """Wait until every order is settled."""
        await self.revive()
        result = await settle(self._stage, scenario="steps", database=kind)
        result.runs, result.kills = self._orders, self._reached
        missed = f" (a neighbour was first at {', '.join(self._missed)})" if self._missed else ""
        result.note = f"{self._path.name}: {self._steps} steps{missed}"
        return result

    def _next(self, at: int) -> Killpoint:
        self._orders += 1
        order_id = self._orders
        if self._path.fault_when is not None:
            when = self._path.fault_when
            self._stage.panel.faults.add("reset", action=CREATE, customer_email=email_of(order_id), when=when)
        trace: Path = self._stage.folder / f"order-{order_id}.trace"
        return Killpoint(at=at, woo_order_id=order_id, email=email_of(order_id), trace=trace)

    def _body(self, order_id: int) -> bytes:
        if self._path.mapped:
            return snapshot(order_id)
        line = {"id": 1, "name": "Panel", "product_id": product_of(order_id), "variation_id": 0, "quantity": 1}
        money = {"subtotal": "49.00", "subtotal_tax": "4.04", "total": "49.00", "total_tax": "4.04"}
        return snapshot(order_id, line_items=[line | money | {"sku": "", "taxes": [], "meta_data": [], "price": 49}])

    async def _run_path(self, point: Killpoint) -> None:
        """Deliver the order, map its product if the path needs it, and wait for its end or the victim's."""
        stage, order_id = self._stage, point.woo_order_id
        await stage.deliver(order_id, self._body(order_id), to=self._victim)
        if not self._path.mapped:
            with contextlib.suppress(httpx.TransportError):
                await stage.map(of=self._victim, woo_product_id=product_of(order_id), panelr_product_id=3)
        end = time.monotonic() + WALK_SECONDS
        while self._victim.alive and not await _is_created(stage, order_id, self._victim):
            if time.monotonic() > end:
                raise RuntimeError(f"order {order_id} ({self._path.name}) stays:\n{self._victim.said()}")
            await asyncio.sleep(0.02)


async def _is_created(stage: Stage, order_id: int, bridge: Bridge) -> bool:
    with contextlib.suppress(httpx.TransportError):
        answer = await stage.api("GET", f"/orders?woo_order_id={order_id}&fields=state", of=bridge)
        return [row["state"] for row in answer.raise_for_status().json()["data"]] == ["created"]
    return False


def product_of(order_id: int) -> int:
    """Return the product that only this order has."""
    return 1_000_000 + order_id
