"""The cost of an order, a claim, `/stats` and a list page with 1,000, 100,000 and 1,000,000 stored orders.

The bridge runs in this process with a Panelr that answers at once. So the times are those of the bridge and its
database, without sockets. The stored bodies are small, because only the number of rows matters.
"""

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, cast

import structlog
from sqlalchemy import Connection, update

from bench import pictures
from bench.databases import POSTGRESQL, SQLITE, empty_log
from bench.measure import BenchRun
from bench.outcome import Goal, Outcome, Sheet, Spread, format_figure
from panelr_bridge.application.bridge import Bridge
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.parse_delivery import RawDelivery
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.settings import Settings
from panelr_bridge.store import database, mappings, owed_calls, rate_limit, stats
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import PageQuery, order_list
from panelr_bridge.store.tables import orders
from tests.support import filled_database as filled
from tests.support.bridge_kit import order

ROWS, QUICK_ROWS = (1_000, 100_000, 1_000_000), (1_000, 20_000)
OWED, QUICK_OWED = (200, 50_000), (200, 2_000)
FEW_ROWS = 1_000
ROUNDS, WARM = 60, 6
SLOTS = 5_000
FIRST_OWED, FIRST_NEW = 2_000_000, 3_000_000
PAGE = PageQuery(filters={"state": ("created",)}, sort="-updated_at", page=3)
TERMS = CallPolicy(
    rate_per_minute=SLOTS, lease=timedelta(seconds=35), grace=timedelta(seconds=20), retry_schedule=(5.0, 30.0)
)
Times = dict[str, list[tuple[float, float]]]
"""By operation: the number of rows, and the median time in milliseconds."""


class InstantPanelr:
    """A Panelr that creates the work order at once."""

    address = "https://panel.example/api/api.php"

    def __init__(self) -> None:
        self._numbers = itertools.count(10**9)

    async def call(self, _call: PanelrRequest, *, now: Any, **_: Any) -> call_outcome.Outcome:  # noqa: ARG002  the signature of PanelrClient.call
        """Return the outcome of a created work order."""
        number = next(self._numbers)
        data = {
            "work_order_id": number,
            "reference_code": f"WO-B-{number}",
            "confirmation_token": f"token {number}",
            "status": "pending_payment",
        }
        return call_outcome.Done(words="ok", status=200, data=data)


@dataclass(frozen=True, slots=True)
class FilledStage:
    """A filled database and a bridge; `rows` is the number of rows to compare."""

    rows: int
    opened: Database
    bridge: Bridge
    numbers: "itertools.count[int]"

    async def receive(self, state: str = "created") -> None:
        """Receive a new order with both of its transactions, if it is sent at once."""
        number = next(self.numbers)
        content = order(id=number, number=str(number))
        content["billing"]["email"] = f"customer-{number}@example.com"
        body = json.dumps(content).encode()
        raw = RawDelivery(store="default", topic="order.updated", body=body, headers={})
        row = (await self.bridge.receive(raw)).order
        if row is None or row["state"] != state:
            raise RuntimeError(f"order {number} is {row and row['state']}, not {state}: the measurement is invalid")

    async def newcomer(self) -> None:
        """Receive a new order while older calls are waiting."""
        await self.receive("queued")

    async def claim(self) -> None:
        """Claim a due call, as the worker does."""
        claim = await self.bridge.claim_due()
        if not isinstance(claim, Claim):
            raise TypeError(f"the claim found {claim}: the measurement is invalid")

    async def stats(self) -> None:
        """Count the figures of `/stats`."""
        await self.opened.read(stats.read_stats, rate_name=RATE, now=utc_now())

    async def page(self) -> None:
        """Read a filtered and sorted page of orders."""
        page = await self.opened.read(order_list.page, PAGE)
        if len(page.rows) != PAGE.per_page:
            raise RuntimeError(f"the page had {len(page.rows)} orders: the measurement is invalid")


Work = Callable[[FilledStage], Awaitable[None]]


def measure_growth(bench: BenchRun) -> Outcome:
    """Measure both databases, by stored orders and by owed calls."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows, owed = (QUICK_ROWS, QUICK_OWED) if bench.quick else (ROWS, OWED)
    by_rows: dict[str, Times] = {}
    by_owed: dict[str, Times] = {}
    for kind in (SQLITE, POSTGRESQL):
        sizes = [(each, each, ROUNDS + 2 * WARM) for each in rows]
        by_rows[kind] = _measure_databases(
            bench, kind, sizes, [FilledStage.claim, FilledStage.receive, FilledStage.stats, FilledStage.page]
        )
        sizes = [(each, FEW_ROWS, each) for each in owed]
        by_owed[kind] = _measure_databases(
            bench, kind, sizes, [FilledStage.claim, FilledStage.newcomer, FilledStage.stats]
        )
    goals = [_build_goal(kind, "rows", by_rows[kind].values()) for kind in by_rows]
    for kind, times in by_owed.items():
        goals.append(_build_goal(kind, "calls owed", [times["claim"], times["newcomer"]]))
    series = {f"{kind}: {label}": each for kind, times in by_rows.items() for label, each in times.items()}
    return Outcome(
        [
            _build_sheet("Milliseconds by orders stored", rows, by_rows),
            _build_sheet("Milliseconds by calls owed", owed, by_owed),
        ],
        goals,
        {"milliseconds_by_rows": by_rows, "milliseconds_by_calls_owed": by_owed},
        [partial(pictures.cost_against_rows, series)],
    )


def _measure_databases(
    bench: BenchRun, kind: str, sizes: Sequence[tuple[int, int, int]], works: Sequence[Work]
) -> Times:
    """Return the times of `works` on a database for each of `sizes` (rows to compare, stored orders, owed calls)."""
    urls = [bench.databases.create_migrated(kind) for _ in sizes]
    try:
        return asyncio.run(_measure_stages(bench, urls, sizes, works))
    finally:
        for url in urls:
            bench.databases.drop(url)


async def _measure_stages(
    bench: BenchRun, urls: Sequence[str], sizes: Sequence[tuple[int, int, int]], works: Sequence[Work]
) -> Times:
    opened = [database.connect(url) for url in urls]
    try:
        stages = []
        for each, (compared_by, rows, owed) in zip(opened, sizes, strict=True):
            bench.report_progress(f"{each.dialect}: writing {rows:,} orders and {owed:,} calls owed")
            stages.append(await _fill_stage(each, compared_by, rows, owed))
        for url in urls:  # The more rows were inserted, the longer the log is.
            await asyncio.to_thread(empty_log, url)
        bench.report_progress(f"{opened[0].dialect}: measuring with {', '.join(f'{stage.rows:,}' for stage in stages)}")
        return {work.__name__: await _measure_in_turns(stages, work) for work in works}
    finally:
        for each in opened:
            await each.close()


async def _fill_stage(opened: Database, compared_by: int, rows: int, owed: int) -> FilledStage:
    """Fill a database and create a bridge on it."""
    await opened.write(filled.add_orders, 1, rows)
    await opened.write(filled.add_orders, FIRST_OWED, FIRST_OWED + owed - 1, owing="create_work_order")
    mapping = ProductMapping(sku="PANEL-1000", panelr_product_id=3)
    await opened.write(mappings.add, utc_now(), mappings.PRODUCT, mapping.as_row())
    await opened.write(rate_limit.prepare, name=RATE, limit=SLOTS, now=utc_now())
    await filled.analyze(opened)
    bridge = Bridge(
        database=opened,
        panelr=cast("PanelrClient", InstantPanelr()),
        policy=Settings().policy,
        call_policy=TERMS,
        sync_budget=timedelta(seconds=10),
    )
    return FilledStage(compared_by, opened, bridge, itertools.count(FIRST_NEW))


async def _measure_in_turns(stages: Sequence[FilledStage], work: Work) -> list[tuple[float, float]]:
    """Measure in rounds, each starting with another stage, so that disturbances affect all stages equally."""
    if work is FilledStage.receive:  # A new order is sent at once only without waiting calls.
        for stage in stages:
            await stage.opened.write(_clear_owed_calls)
    times: dict[int, list[float]] = {stage.rows: [] for stage in stages}
    for turn in range(WARM + ROUNDS):
        first = turn % len(stages)
        for stage in (*stages[first:], *stages[:first]):
            started = perf_counter()
            await work(stage)
            if turn >= WARM:
                times[stage.rows].append((perf_counter() - started) * 1000)
    return [(rows, round(median(each), 3)) for rows, each in times.items()]


def _clear_owed_calls(connection: Connection) -> None:
    connection.execute(
        update(orders).where(orders.c.owes.is_not(None)).values(owed_calls.NO_OWED_CALL | {"state": "closed"})
    )


def _build_goal(kind: str, what: str, times: Iterable[list[tuple[float, float]]]) -> Goal:
    """Use the worst operation, because a median would hide it."""
    worst = max(_slowest_over_fastest(each) for each in times)
    return Goal(f"slowest / fastest time, by {what}", kind, Spread.of([worst]), 1.3)


def _slowest_over_fastest(points: list[tuple[float, float]]) -> float:
    milliseconds = [milliseconds for _, milliseconds in points]
    return max(milliseconds) / min(milliseconds)


def _build_sheet(title: str, counts: Sequence[int], results: dict[str, Times]) -> Sheet:
    rows = []
    for kind, times in results.items():
        for label, points in times.items():
            milliseconds = [each for _, each in points]
            ratios = (_slowest_over_fastest(points), milliseconds[-1] / milliseconds[0])
            rows.append((f"{kind}: {label}", *map(format_figure, milliseconds), *map(format_figure, ratios)))
    return Sheet(title, ("", *(f"{count:,}" for count in counts), "slowest/fastest", "last/first"), rows)
