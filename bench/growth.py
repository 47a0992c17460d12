"""What an order, a claim, `/stats` and a page of a list cost when 1,000, 100,000 and 1,000,000 orders are stored.

Works by itself: `python -m bench.growth [--quick]`. Everything runs in this process, against a Panelr that answers at
once, so the times are those of the bridge and its database. The stored bodies are small: their number is what is
looked at. PostgreSQL runs without fsync, as in the tests: work is measured, not a disk.
"""

import argparse
import asyncio
import itertools
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import structlog
from sqlalchemy import Connection, delete

from panelr_bridge.bridge import Bridge
from panelr_bridge.calls import utc_now
from panelr_bridge.mapping import ProductMapping
from panelr_bridge.outcomes import Done, Outcome
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import Call
from panelr_bridge.settings import Settings
from panelr_bridge.steps.claim import RATE, Claim, Idle, Terms
from panelr_bridge.store import database, mappings, order_list, rate, stats
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.listing import Query
from panelr_bridge.store.tables import outbox
from panelr_bridge.woo import payload
from tests import filled
from tests.kit import order
from tests.torture.databases import Databases

SIZES = (1_000, 100_000, 1_000_000)
QUICK = (1_000, 20_000)
BACKLOG = 50_000
ROUNDS = 60
SLOTS = 5_000
PAGE = Query(given={"state": ("created",)}, sort="-updated_at", page=3)
TERMS = Terms(
    rate_per_minute=SLOTS, lease=timedelta(seconds=35), grace=timedelta(seconds=20), retry_schedule=(5.0, 30.0)
)
Times = dict[str, list[tuple[int, float]]]


class InstantPanelr:
    """A Panelr that has created the work order before anybody could wait for it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(10**9)

    async def call(self, _call: Call, *, now: Any) -> Outcome:  # noqa: ARG002  the client's form
        """Answer at once."""
        number = next(self._numbers)
        data = {
            "work_order_id": number,
            "reference_code": f"WO-B-{number}",
            "confirmation_token": f"token {number}",
            "status": "pending_payment",
        }
        return Done(words="ok", status=200, data=data)


@dataclass
class Stage:
    """One database with a bridge on it."""

    rows: int
    opened: Database
    bridge: Bridge
    numbers: "itertools.count[int]"

    async def receive(self, state: str = "created") -> None:
        """A first order: both of its transactions, where it is sent at once."""
        number = next(self.numbers)
        content = order(id=number, number=str(number))
        content["billing"]["email"] = f"customer-{number}@example.com"
        body = json.dumps(content).encode()
        delivery = Delivery(
            store="default", topic="order.updated", body=body, headers={}, verdict="order", woo_order_id=number
        )
        row = await self.bridge.receive(delivery, payload.read_order(body))
        assert row is not None  # noqa: S101  a benchmark of something else would be worse than none
        assert row["state"] == state, row["state"]  # noqa: S101

    async def claim(self) -> None:
        """The worker's claim of a call that is due."""
        taken = await self.bridge.claim_due()
        assert isinstance(taken, Claim), taken  # noqa: S101

    async def find_nothing(self) -> None:
        """The worker's claim where nothing is due."""
        assert isinstance(await self.bridge.claim_due(), Idle)  # noqa: S101

    async def stats(self) -> None:
        """What `/stats` counts."""
        await self.opened.read(stats.look, rate_name=RATE, now=utc_now())

    async def page(self) -> None:
        """A filtered, sorted page of the orders."""
        page = await self.opened.read(order_list.page, PAGE)
        assert len(page.rows) == PAGE.per_page  # noqa: S101


async def run(*, quick: bool = False) -> Times:
    """Measure both databases; returns for each label the rows that were stored and the milliseconds (median)."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found: Times = {}
    with tempfile.TemporaryDirectory(prefix="bridge-growth-") as folder:
        databases = Databases(Path(folder))
        try:
            for kind in ("SQLite", "PostgreSQL"):
                found |= await _growth(databases, kind, QUICK if quick else SIZES)
                found |= await _backlog(databases, kind, 2_000 if quick else BACKLOG)
        finally:
            databases.close()
    return found


async def _growth(databases: Databases, kind: str, sizes: tuple[int, ...]) -> Times:
    stages = [await _stage(await databases.make(kind), size, owed=ROUNDS + 20) for size in sizes]
    try:
        times = await _interleaved(stages, [Stage.claim, Stage.receive, Stage.stats, Stage.page])
    finally:
        for stage in stages:
            await stage.opened.close()
    return {f"{kind}: {label}": each for label, each in times.items()}


async def _backlog(databases: Databases, kind: str, owed: int) -> Times:
    """Claims and newcomers, with a few calls owed and with very many."""
    stages = [await _stage(await databases.make(kind), 1_000, owed=each) for each in (ROUNDS + 100, owed)]
    for stage, each in zip(stages, (ROUNDS + 100, owed), strict=True):
        stage.rows = each

    async def newcomer(stage: Stage) -> None:
        await stage.receive("queued")

    try:
        times = await _interleaved(stages, [Stage.claim, newcomer, Stage.stats])
    finally:
        for stage in stages:
            await stage.opened.close()
    return {f"{kind}, by calls owed: {label}": each for label, each in times.items()}


async def _stage(url: str, rows: int, *, owed: int) -> Stage:
    opened = database.connect(url)
    began = time.monotonic()
    await opened.write(filled.add_orders, 1, rows)
    first = 2_000_000
    await opened.write(filled.add_orders, first, first + owed - 1, owing="create_work_order")
    for sku in ("PANEL-1000",):
        await opened.write(mappings.add_product, utc_now(), ProductMapping(sku=sku, panelr_product_id=3).as_row())
    await opened.write(rate.prepare, name=RATE, limit=SLOTS, now=utc_now())
    await filled.look_over(opened)
    print(f"  {opened.dialect}: {rows:,} orders and {owed:,} calls owed, in {time.monotonic() - began:.0f} s")  # noqa: T201
    bridge = Bridge(
        database=opened,
        panelr=cast("PanelrClient", InstantPanelr()),
        policy=Settings().policy,
        terms=TERMS,
        sync_budget=timedelta(seconds=10),
    )
    return Stage(rows, opened, bridge, itertools.count(3_000_000))


async def _interleaved(stages: list[Stage], works: list[Callable[[Stage], Awaitable[None]]]) -> Times:
    """Measure one after the other, round by round, so that what disturbs the machine disturbs all alike."""
    found: Times = {}
    for work in works:
        if work is Stage.receive:  # a newcomer is sent at once only while nobody waits
            for stage in stages:
                await stage.opened.write(_owe_nothing)
        times: dict[int, list[float]] = {stage.rows: [] for stage in stages}
        for turn in range(ROUNDS + 5):
            for stage in stages:
                began = time.perf_counter()
                await work(stage)
                if turn >= 5:  # the first ones warm the caches
                    times[stage.rows].append((time.perf_counter() - began) * 1000)
        found[work.__name__] = [(rows, statistics.median(each)) for rows, each in times.items()]
    return found


def _owe_nothing(connection: Connection) -> None:
    connection.execute(delete(outbox))


def ratios(times: Times) -> dict[str, float]:
    """Return, for each label, the time at the most rows by that at the fewest."""
    return {label: each[-1][1] / each[0][1] for label, each in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    times = asyncio.run(run(quick=parser.parse_args().quick))
    for label, each in times.items():
        shown = "   ".join(f"{rows:>9,}: {milliseconds:6.2f} ms" for rows, milliseconds in each)
        print(f"{label:42} {shown}   x {ratios(times)[label]:.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
