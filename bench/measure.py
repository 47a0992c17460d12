"""One measurement: load a server, compute the figures, and check every order."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.databases import BenchDatabases
from bench.load import LoadReport, LoadSettings, run_load
from bench.order_check import check_orders
from bench.panelr import PanelrProcess
from bench.processes import ServerProcess

FIRST_ORDER = 100_001
POINTS = 100
"""Number of points of a distribution."""


@dataclass(frozen=True, slots=True)
class LoadCase:
    """One load: at most `count` orders in `seconds`, while Panelr answers after `delay_ms`."""

    concurrency: int
    close: bool = True
    delay_ms: int = 0
    seconds: float = 1.5
    count: int = 2000
    repeats: int = 3

    @property
    def label(self) -> str:
        """Return the description for tables."""
        connection = "" if self.close else ", kept alive"
        return f"{self.concurrency} at a time{connection}" + (f", Panelr {self.delay_ms} ms" if self.delay_ms else "")


@dataclass(frozen=True, slots=True)
class BenchTarget:
    """A measured server: its processes share the load and the database."""

    name: str
    kind: str
    url: str
    processes: tuple[ServerProcess, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Result of one load. Times in milliseconds, CPU in milliseconds per order, shares of one core.

    `others_cpu_share` is the CPU use of all other processes, the noise.
    """

    target: str
    database: str
    case: str
    orders: int
    per_second: float
    median_ms: float
    p99_ms: float
    cpu_ms: float
    database_cpu_ms: float
    rss_mb: float
    load_cpu_share: float
    others_cpu_share: float
    panelr_peak: int
    states: dict[str, int]
    distribution: list[float] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the result for JSON, with the distribution in milliseconds."""
        content = {name: _round(getattr(self, name)) for name in self.__slots__ if name != "distribution"}
        return content | {"distribution_ms": [_round(each) for each in self.distribution]}


@dataclass
class BenchRun:
    """State of a benchmark run, shared by its parts. `problems` are the errors found so far."""

    folder: Path
    databases: BenchDatabases
    panelr: PanelrProcess
    quick: bool = False
    report_progress: Callable[[str], object] = lambda _words: None
    problems: list[str] = field(default_factory=list)
    sent: set[int] = field(default_factory=set)
    noise: list[float] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(FIRST_ORDER, 10_000))

    def next_order_number(self) -> int:
        """Return the first of 10,000 unused order numbers."""
        return next(self._numbers)

    def measure(self, target: BenchTarget, case: LoadCase) -> Measurement:
        """Load `target` with new orders."""
        measurement, _ = self.load(target, case, first=self.next_order_number(), count=case.count)
        return measurement

    def load(self, target: BenchTarget, case: LoadCase, *, first: int, count: int) -> tuple[Measurement, LoadReport]:
        """Load `target` with the orders from `first` on, new or repeated, and check every order."""
        self.report_progress(f"{target.kind}, {target.name}: {case.label}")
        self.panelr.delay(case.delay_ms)
        ports = [process.port for process in target.processes]
        before = self._cpu_seconds(target)
        report = run_load(LoadSettings(ports, first, count, case.seconds, case.concurrency, close=case.close))
        cpu = [after - earlier for after, earlier in zip(self._cpu_seconds(target), before, strict=True)]
        self.sent |= {each.number for each in report.answers}
        problems = check_orders(report, self.panelr, target.url)
        self.problems += [f"{target.kind}, {target.name}, {case.label}: {words}" for words in problems]
        return self._build_measurement(target, case, report, cpu), report

    def _cpu_seconds(self, target: BenchTarget) -> list[float]:
        """Return the CPU seconds of the servers, their database and Panelr."""
        servers = sum(process.usage().cpu_seconds for process in target.processes)
        return [servers, self.databases.usage(target.kind).cpu_seconds, self.panelr.process.usage().cpu_seconds]

    def _build_measurement(
        self, target: BenchTarget, case: LoadCase, report: LoadReport, cpu: list[float]
    ) -> Measurement:
        others = max(report.machine_seconds - report.cpu_seconds - sum(cpu), 0.0) / report.seconds
        self.noise.append(others)
        milliseconds = sorted(each.seconds * 1000 for each in report.answers)
        return Measurement(
            target=target.name,
            database=target.kind,
            case=case.label,
            orders=len(milliseconds),
            per_second=len(milliseconds) / report.seconds,
            median_ms=median(milliseconds),
            p99_ms=quantile(milliseconds, 0.99),
            cpu_ms=cpu[0] * 1000 / len(milliseconds),
            database_cpu_ms=cpu[1] * 1000 / len(milliseconds),
            rss_mb=sum(process.usage().rss_bytes for process in target.processes) / 1e6,
            load_cpu_share=report.cpu_seconds / report.seconds,
            others_cpu_share=others,
            panelr_peak=self.panelr.counts().peak,
            states=dict(Counter(f"{each.status} {each.state}" for each in report.answers)),
            distribution=[quantile(milliseconds, point / POINTS) for point in range(POINTS + 1)],
        )


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value that `part` of the `ordered` values do not exceed."""
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]


def _round(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
