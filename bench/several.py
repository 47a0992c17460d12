"""Two server processes on one PostgreSQL database."""

from collections.abc import Callable

from bench.bridge import bridge
from bench.databases import POSTGRESQL
from bench.measure import Bench, Case, Measurement, Target
from bench.outcome import Outcome, Sheet, Spread

CASE = Case(32, seconds=1.2, repeats=3)
QUICK = Case(32, seconds=0.4, count=60, repeats=1)
WARM = Case(8, seconds=0.5, count=60)


def several(bench: Bench) -> Outcome:
    """Load one of two processes, and both, in turns."""
    url = bench.databases.migrated(POSTGRESQL)
    with (
        bridge(bench.folder, url, bench.panelr, name="first") as one,
        bridge(bench.folder, url, bench.panelr, name="second") as other,
    ):
        targets = [
            Target("one process", POSTGRESQL, url, (one,)),
            Target("two processes", POSTGRESQL, url, (one, other)),
        ]
        found = _in_turns(bench, targets)
    return _outcome(found)


def _in_turns(bench: Bench, targets: list[Target]) -> dict[str, list[Measurement]]:
    case = QUICK if bench.quick else CASE
    for target in targets:
        bench.measure(target, WARM)
    found: dict[str, list[Measurement]] = {target.name: [] for target in targets}
    for _ in range(case.repeats):
        for target in targets:
            found[target.name].append(bench.measure(target, case))
    return found


def _outcome(found: dict[str, list[Measurement]]) -> Outcome:
    figures: dict[str, Callable[[Measurement], float]] = {
        "orders/s": lambda each: each.per_second,
        "median ms": lambda each: each.median_ms,
        "p99 ms": lambda each: each.p99_ms,
        "CPU ms/order": lambda each: each.cpu_ms,
        "database's CPU": lambda each: each.database_cpu_ms,
    }
    rows = [
        (name, *(str(Spread.of([figure(each) for each in measured])) for figure in figures.values()))
        for name, measured in found.items()
    ]
    data = {"measurements": [each.plain() for measured in found.values() for each in measured]}
    return Outcome([Sheet(f"Processes on one PostgreSQL database, {CASE.words}", ("", *figures), rows)], data=data)
