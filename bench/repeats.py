"""Repeated deliveries compared with first deliveries: the same bytes again, after the order is finished."""

from bench.bridge import run_bridge
from bench.databases import POSTGRESQL, SQLITE
from bench.measure import BenchRun, BenchTarget, LoadCase, Measurement
from bench.outcome import Goal, Outcome, Sheet, Spread

CASE = LoadCase(32, seconds=2.0, count=1500, repeats=6)
QUICK = LoadCase(32, seconds=0.4, count=60, repeats=1)
WARM = LoadCase(8, count=60)


def measure_repeats(bench: BenchRun) -> Outcome:
    """Deliver new orders, then the same bytes again."""
    outcome = Outcome(data={"measurements": []})
    rows = []
    for kind in (SQLITE, POSTGRESQL):
        pairs = _measure_pairs(bench, kind, QUICK if bench.quick else CASE)
        for pair in pairs:
            outcome.data["measurements"] += [each.to_json() for each in pair]
        cpu = Spread.of([again.cpu_ms / first.cpu_ms for first, again in pairs])
        time = Spread.of([first.per_second / again.per_second for first, again in pairs])
        outcome.goals.append(Goal("CPU, repeat / first delivery", kind, cpu, 1 / 3))
        outcome.goals.append(Goal("time, repeat / first delivery", kind, time, 1 / 3))
        rows += [
            _build_row(f"{kind}, {name}", [pair[part] for pair in pairs])
            for part, name in enumerate(("first", "repeat"))
        ]
    columns = ("delivery", "orders/s", "median ms", "CPU ms/order", "database's CPU")
    outcome.sheets.append(Sheet(f"A repeated delivery, {CASE.label}", columns, rows))
    return outcome


def _measure_pairs(bench: BenchRun, kind: str, case: LoadCase) -> list[tuple[Measurement, Measurement]]:
    pairs = []
    url = bench.databases.create_migrated(kind)
    with run_bridge(bench.folder, url, bench.panelr) as process:
        target = BenchTarget("bridge", kind, url, (process,))
        bench.measure(target, WARM)
        for _ in range(case.repeats):
            start = bench.next_order_number()
            first, report = bench.load(target, case, first=start, count=case.count)
            again, _ = bench.load(target, case, first=start, count=len(report.answers))
            pairs.append((first, again))
    return pairs


def _build_row(name: str, measurements: list[Measurement]) -> tuple[str, ...]:
    figures = (
        [each.per_second for each in measurements],
        [each.median_ms for each in measurements],
        [each.cpu_ms for each in measurements],
        [each.database_cpu_ms for each in measurements],
    )
    return (name, *(str(Spread.of(each)) for each in figures))
