"""One measurement: a load on a server, what it came to, and whether every order is there."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.databases import Databases
from bench.ledger import check
from bench.load import Load, Report, deliver
from bench.panelr import Panelr
from bench.processes import Process

FIRST_ORDER = 100_001
POINTS = 100
"""So many points draw a distribution."""


@dataclass(frozen=True, slots=True)
class Case:
    """How a server is loaded: for so many `seconds`, with `count` orders at most, Panelr answering after `delay_ms`."""

    concurrency: int
    close: bool = True
    delay_ms: int = 0
    seconds: float = 1.5
    count: int = 2000
    repeats: int = 3

    @property
    def words(self) -> str:
        """The case in a table."""
        connection = "" if self.close else ", kept alive"
        return f"{self.concurrency} at a time{connection}" + (f", Panelr {self.delay_ms} ms" if self.delay_ms else "")


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured: the processes that share the load, and the database that they stand on."""

    name: str
    kind: str
    url: str
    processes: tuple[Process, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one load came to. Times in milliseconds, CPU in milliseconds per order, shares of one core.

    `others` is what the machine did that is none of this: the noise.
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

    def plain(self) -> dict[str, Any]:
        """Return it for JSON, with the distribution in milliseconds."""
        plain = {name: _short(getattr(self, name)) for name in self.__slots__ if name != "distribution"}
        return plain | {"distribution_ms": [_short(each) for each in self.distribution]}


@dataclass
class Bench:
    """What every part of the benchmark works with. `say` tells what goes on; `problems` are what must not be."""

    folder: Path
    databases: Databases
    panelr: Panelr
    quick: bool = False
    say: Callable[[str], object] = lambda _words: None
    problems: list[str] = field(default_factory=list)
    sent: set[int] = field(default_factory=set)
    noise: list[float] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(FIRST_ORDER, 10_000))

    def fresh(self) -> int:
        """Return the first of 10,000 numbers that no order has had."""
        return next(self._numbers)

    def measure(self, target: Target, case: Case) -> Measurement:
        """Load `target` with new orders."""
        measured, _ = self.load(target, case, first=self.fresh(), count=case.count)
        return measured

    def load(self, target: Target, case: Case, *, first: int, count: int) -> tuple[Measurement, Report]:
        """Load `target` with the orders from `first` on, which it may know already, and check every one."""
        self.say(f"{target.kind}, {target.name}: {case.words}")
        self.panelr.delay(case.delay_ms)
        ports = [process.port for process in target.processes]
        before = self._cpu(target)
        report = deliver(Load(ports, first, count, case.seconds, case.concurrency, close=case.close))
        cpu = [after - earlier for after, earlier in zip(self._cpu(target), before, strict=True)]
        self.sent |= {each.number for each in report.answers}
        problems = check(report, self.panelr, target.url)
        self.problems += [f"{target.kind}, {target.name}, {case.words}: {words}" for words in problems]
        return self._measured(target, case, report, cpu), report

    def _cpu(self, target: Target) -> list[float]:
        """Return the CPU seconds that the servers, their database and Panelr have used."""
        servers = sum(process.usage().cpu_seconds for process in target.processes)
        return [servers, self.databases.usage(target.kind).cpu_seconds, self.panelr.process.usage().cpu_seconds]

    def _measured(self, target: Target, case: Case, report: Report, cpu: list[float]) -> Measurement:
        others = max(report.machine_seconds - report.cpu_seconds - sum(cpu), 0.0) / report.seconds
        self.noise.append(others)
        took = sorted(each.seconds * 1000 for each in report.answers)
        return Measurement(
            target=target.name,
            database=target.kind,
            case=case.words,
            orders=len(took),
            per_second=len(took) / report.seconds,
            median_ms=median(took),
            p99_ms=quantile(took, 0.99),
            cpu_ms=cpu[0] * 1000 / len(took),
            database_cpu_ms=cpu[1] * 1000 / len(took),
            rss_mb=sum(process.usage().rss_bytes for process in target.processes) / 1e6,
            load_cpu_share=report.cpu_seconds / report.seconds,
            others_cpu_share=others,
            panelr_peak=self.panelr.counts().peak,
            states=dict(Counter(f"{each.status} {each.state}" for each in report.answers)),
            distribution=[quantile(took, point / POINTS) for point in range(POINTS + 1)],
        )


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value that `part` of the `ordered` ones do not exceed."""
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
