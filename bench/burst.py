"""The burst: 2,000 deliveries in ten seconds, while Panelr allows 120 calls a minute.

Each delivery is sent at its due time, even if earlier ones are not answered. Panelr is the simulated one with its own
rate limit. Then the backlog is observed until every slot of the rate limit was used twice more. The time between two
calls of a slot gives the rate of the backlog, without waiting for all 2,000 calls.
"""

import contextlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from bench.bridge import PANELR_KEY, run_bridge
from bench.databases import POSTGRESQL, SQLITE, read_states
from bench.load import DeliveryResult, LoadSettings, run_load
from bench.measure import BenchRun, quantile
from bench.order_check import shorten
from bench.outcome import Goal, Outcome, Sheet, Spread, format_figure
from bench.panelr import PanelrProcess
from bench.processes import ServerProcess, peak_bytes, run_process
from tests.support.ports import free_port

ALLOWED = 120
APART = 2.0
"""Seconds between the two bursts. They share a machine, so only the waiting overlaps."""
KEPT = {"queued", "sending", "created"}
"""Allowed states of an order while the backlog is processed."""


@dataclass(frozen=True, slots=True)
class BurstSize:
    """Number of deliveries, the seconds they take, and the seconds to observe the backlogs afterwards."""

    deliveries: int
    seconds: float
    watched: float


FULL = BurstSize(2000, 10.0, 120.0)
QUICK = BurstSize(400, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class BurstStage:
    """A bridge on one kind of database, with its own simulated Panelr."""

    kind: str
    url: str
    bridge: ServerProcess
    panelr: ServerProcess


@dataclass(frozen=True, slots=True)
class DeliveryPhase:
    """Result of the deliveries: the answers, CPU milliseconds for one, and memory in MB before them."""

    answers: Sequence[DeliveryResult]
    cpu_ms: float
    memory_mb: float

    def milliseconds(self, *, waiting: bool = False) -> list[float]:
        """Return the answer times in ascending order; with `waiting`, only of orders without a free slot."""
        return sorted(each.seconds * 1000 for each in self.answers if not waiting or each.status == 202)

    def lateness_ms(self, size: BurstSize) -> list[float]:
        """Return the delay of each delivery after its due time, in milliseconds. The load generator causes it."""
        first, step = min(each.number for each in self.answers), size.seconds / size.deliveries
        return sorted((each.began - (each.number - first) * step) * 1000 for each in self.answers)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Final result: states and work orders by order id, create calls in Panelr's journal, memory in MB."""

    states: Mapping[int, str]
    work_orders: Mapping[int, int]
    calls: Sequence[tuple[float, int | None]]
    peak_mb: float
    end_mb: float

    @property
    def rate_limited(self) -> int:
        """Return the number of create calls answered 429."""
        return sum(status == 429 for _, status in self.calls)

    @property
    def slot_intervals(self) -> list[float]:
        """Return the seconds from each call to the next call of its slot, 120 calls later."""
        times = sorted(moment for moment, _ in self.calls)
        return [later - earlier for earlier, later in zip(times, times[ALLOWED:], strict=False)]

    @property
    def rate_percents(self) -> list[float]:
        """Return the rate of the backlog in percent of the limit; 100 if each slot is used every 60 seconds."""
        return [100 * 60 / fmean(self.slot_intervals)] if self.slot_intervals else []


def measure_burst(bench: BenchRun) -> Outcome:
    """Measure both databases."""
    size = QUICK if bench.quick else FULL
    with contextlib.ExitStack() as stack:
        stages = [stack.enter_context(_run_stage(bench, kind)) for kind in (SQLITE, POSTGRESQL)]
        phases = [_deliver(bench, stage, size) for stage in stages]
        _watch(bench, size.watched)
        backlogs = [read_backlog(stage) for stage in stages]
    outcome = Outcome(
        [_build_delivery_sheet(size, stages, phases), _build_backlog_sheet(size, stages, phases, backlogs)]
    )
    for stage, phase, backlog in zip(stages, phases, backlogs, strict=True):
        problems = [f"Panelr answered {backlog.rate_limited} calls 429"] if backlog.rate_limited else []
        problems += shorten(find_wrong_orders(phase.answers, backlog.states, backlog.work_orders))
        bench.problems += [f"{stage.kind}, burst: {words}" for words in problems]
        outcome.goals.extend(_build_goals(stage.kind, phase, backlog))
        outcome.data[stage.kind] = _to_json(size, phase, backlog)
    return outcome


def find_wrong_orders(
    answers: Collection[DeliveryResult], known_states: Mapping[int, str], work_orders: Mapping[int, int]
) -> list[str]:
    """Return the orders not answered 2xx, those in a wrong state, and those with two work orders."""
    problems = [f"order {each.number} was answered {each.status}" for each in answers if each.status // 100 != 2]
    for number in sorted(each.number for each in answers):
        state = known_states.get(number, "missing")
        if state not in KEPT:
            problems.append(f"order {number} is {state} in the database")
        elif state == "created" and number not in work_orders:
            problems.append(f"order {number} is created in the database, but has no work order")
    problems += [
        f"order {number} is duplicated: {count} work orders" for number, count in work_orders.items() if count > 1
    ]
    return problems


@contextlib.contextmanager
def _run_stage(bench: BenchRun, kind: str) -> Iterator[BurstStage]:
    """Run a bridge and a simulated Panelr with the same rate limit."""
    url, port = bench.databases.create_migrated(kind), free_port()
    rate, name = str(ALLOWED), f"burst-{kind}"
    arguments = ("simulate", "panelr", "--port", str(port), "--api-key", PANELR_KEY, "--rate-per-minute", rate)
    with (
        run_process(f"panelr-limited-{kind}", "panelr_bridge", *arguments, folder=bench.folder, port=port) as panelr,
        run_bridge(bench.folder, url, PanelrProcess(panelr), name=name, panelr_rate_per_minute=rate) as process,
    ):
        yield BurstStage(kind, url, process, panelr)


def _deliver(bench: BenchRun, stage: BurstStage, size: BurstSize) -> DeliveryPhase:
    bench.report_progress(f"{stage.kind}, burst: {size.deliveries:,} deliveries in {size.seconds:.0f} s")
    before = stage.bridge.usage()
    load = LoadSettings([stage.bridge.port], bench.next_order_number(), size.deliveries, size.seconds, 0, paced=True)
    answers = run_load(load).answers
    cpu = stage.bridge.usage().cpu_seconds - before.cpu_seconds
    time.sleep(APART)
    return DeliveryPhase(answers, cpu * 1000 / len(answers), before.rss_bytes / 1e6)


def _watch(bench: BenchRun, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        bench.report_progress(f"observing the backlog; {rest:.0f} s left")
        time.sleep(min(rest, 1))


def read_backlog(stage: BurstStage) -> Backlog:
    """Read the final result."""
    # The database first: Panelr then knows every order in state created.
    known_states = read_states(stage.url)
    work_orders = Counter(int(each["wc_order_id"]) for each in _read_json(stage.panelr, "/_sim/work-orders"))
    calls = [
        (datetime.fromisoformat(each["time"]).timestamp(), each["status"])
        for each in _read_json(stage.panelr, "/_sim/requests")
        if each["action"] == "create_work_order"
    ]
    peak, end = peak_bytes(stage.bridge.pid), stage.bridge.usage().rss_bytes
    return Backlog(known_states, work_orders, calls, peak / 1e6, end / 1e6)


def _read_json(panelr: ServerProcess, path: str) -> Any:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", panelr.port, timeout=30)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


def _build_goals(kind: str, phase: DeliveryPhase, backlog: Backlog) -> Iterator[Goal]:
    if waiting_times := phase.milliseconds(waiting=True):
        middle = quantile(waiting_times, 0.5)
        yield Goal("burst: median ms of an answer, rate limit used up", kind, Spread(middle, middle, middle), 50)
    if backlog.rate_percents:
        words = "burst: backlog, % of the allowed rate"
        yield Goal(words, kind, Spread.of(backlog.rate_percents), 98, at_least=True)
    yield Goal("burst: answers 429 from Panelr", kind, Spread.of([backlog.rate_limited]), 0)


def _build_delivery_sheet(size: BurstSize, stages: Sequence[BurstStage], phases: Sequence[DeliveryPhase]) -> Sheet:
    times = ("median ms", "p99 ms", "limit used up: median ms", "p99 ms")
    columns = ("", "answers", *times, "CPU ms/order", "load late by ms (p99)")
    rows = []
    for stage, phase in zip(stages, phases, strict=True):
        all_times, waiting_times = _quantiles(phase.milliseconds()), _quantiles(phase.milliseconds(waiting=True))
        shares = (
            format_figure(each[name]) if each else ""
            for each in (all_times, waiting_times)
            for name in ("median", "p99")
        )
        rows.append(
            (
                stage.kind,
                _count_answers(phase),
                *shares,
                format_figure(phase.cpu_ms),
                format_figure(_quantiles(phase.lateness_ms(size))["p99"]),
            )
        )
    title = f"Burst: {size.deliveries:,} deliveries in {size.seconds:.0f} s, Panelr allows {ALLOWED} calls a minute"
    return Sheet(title, columns, rows)


def _build_backlog_sheet(
    size: BurstSize, stages: Sequence[BurstStage], phases: Sequence[DeliveryPhase], backlogs: Sequence[Backlog]
) -> Sheet:
    columns = ("", "orders kept", "calls", "429", "not 200", "s a slot", "% of the rate")
    memory = ("MB at rest", "most", "end", "most/at rest")
    rows = []
    for stage, phase, backlog in zip(stages, phases, backlogs, strict=True):
        kept_count = sum(backlog.states.get(each.number) in KEPT for each in phase.answers)
        refused = sum(status != 200 for _, status in backlog.calls)
        intervals = (
            [str(Spread.of(backlog.slot_intervals)), format_figure(backlog.rate_percents[0])]
            if backlog.slot_intervals
            else ["", ""]
        )
        counts = map(str, (kept_count, len(backlog.calls), backlog.rate_limited, refused))
        rows.append((stage.kind, *counts, *intervals, *map(format_figure, _memory_figures(phase, backlog).values())))
    return Sheet(f"Burst: the backlog, observed for {size.watched:.0f} s", (*columns, *memory), rows)


def _count_answers(phase: DeliveryPhase) -> str:
    counts = Counter(f"{each.status} {each.state}" for each in phase.answers)
    return ", ".join(f"{count} x {words}" for words, count in sorted(counts.items()))


def _to_json(size: BurstSize, phase: DeliveryPhase, backlog: Backlog) -> dict[str, Any]:
    """Return the result for JSON."""
    return {
        "answers": _count_answers(phase),
        "milliseconds": _quantiles(phase.milliseconds()),
        "milliseconds_limit_used_up": _quantiles(phase.milliseconds(waiting=True)),
        "milliseconds_load_late": _quantiles(phase.lateness_ms(size)),
        "cpu_ms": round(phase.cpu_ms, 3),
        "orders": dict(Counter(backlog.states.values())),
        "calls": dict(Counter(str(status) for _, status in backlog.calls)),
        "seconds_a_slot": _quantiles(sorted(backlog.slot_intervals)),
        "percent_of_the_rate": [round(each, 2) for each in backlog.rate_percents],
        "memory_mb": {name: round(each, 1) for name, each in _memory_figures(phase, backlog).items()},
    }


def _memory_figures(phase: DeliveryPhase, backlog: Backlog) -> dict[str, float]:
    return {
        "at rest": phase.memory_mb,
        "most": backlog.peak_mb,
        "end": backlog.end_mb,
        "most/at rest": backlog.peak_mb / phase.memory_mb,
    }


def _quantiles(ordered: Sequence[float]) -> dict[str, float]:
    parts = {"median": 0.5, "p99": 0.99, "most": 1.0}
    return {name: round(quantile(ordered, part), 3) for name, part in parts.items()} if ordered else {}
