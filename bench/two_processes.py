"""Compare one and two server processes on one PostgreSQL database."""

from collections.abc import Callable

from bench.bridge import run_bridge
from bench.databases import POSTGRESQL
from bench.measure import BenchRun, BenchTarget, LoadCase, Measurement
from bench.outcome import Outcome, Sheet, Spread

CASE = LoadCase(32, seconds=1.2, repeats=3)
QUICK = LoadCase(32, seconds=0.4, count=60, repeats=1)
WARM = LoadCase(8, seconds=0.5, count=60)


def measure_two_processes(bench: BenchRun) -> Outcome:
    """Load one of two processes, and both, in turns."""
    url = bench.databases.create_migrated(POSTGRESQL)
    with (
        run_bridge(bench.folder, url, bench.panelr, name="first") as one,
        run_bridge(bench.folder, url, bench.panelr, name="second") as other,
    ):
        targets = [
            BenchTarget("one process", POSTGRESQL, url, (one,)),
            BenchTarget("two processes", POSTGRESQL, url, (one, other)),
        ]
        measurements = _measure_in_turns(bench, targets)
    return _build_outcome(measurements)


def _measure_in_turns(bench: BenchRun, targets: list[BenchTarget]) -> dict[str, list[Measurement]]:
    case = QUICK if bench.quick else CASE
    for target in targets:
        bench.measure(target, WARM)
    measurements: dict[str, list[Measurement]] = {target.name: [] for target in targets}
    for _ in range(case.repeats):
        for target in targets:
            measurements[target.name].append(bench.measure(target, case))
    return measurements


def _build_outcome(measurements: dict[str, list[Measurement]]) -> Outcome:
    figures: dict[str, Callable[[Measurement], float]] = {
        "orders/s": lambda each: each.per_second,
        "median ms": lambda each: each.median_ms,
        "p99 ms": lambda each: each.p99_ms,
        "CPU ms/order": lambda each: each.cpu_ms,
        "database's CPU": lambda each: each.database_cpu_ms,
    }
    rows = [
        (name, *(str(Spread.of([figure(each) for each in runs])) for figure in figures.values()))
        for name, runs in measurements.items()
    ]
    data = {"measurements": [each.to_json() for runs in measurements.values() for each in runs]}
    return Outcome([Sheet(f"Processes on one PostgreSQL database, {CASE.label}", ("", *figures), rows)], data=data)
