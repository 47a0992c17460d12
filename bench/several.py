"""Two server processes on one PostgreSQL database, and what the many rows of the rate limit cost."""

import contextlib
from collections.abc import Callable

from bench.bridge import SLOTS, bridge
from bench.databases import POSTGRESQL, SQLITE
from bench.measure import Bench, Case, Measurement, Target
from bench.outcome import Outcome, Sheet, Spread

CASE = Case(32, seconds=1.2, repeats=3)
QUICK = Case(32, seconds=0.4, count=60, repeats=1)
WARM = Case(8, seconds=0.5, count=60)
FEW_SLOTS = 4_000
"""More than the orders of this part; every one takes a slot for a minute."""


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
    return _outcome("Processes on one PostgreSQL database", found)


def slots(bench: Bench) -> Outcome:
    """Load a bridge with few rows of the rate limit and one with as many as every other measurement has."""
    found: dict[str, list[Measurement]] = {}
    for kind in (SQLITE,) if bench.quick else (SQLITE, POSTGRESQL):
        with contextlib.ExitStack() as stack:
            targets = []
            for count in (FEW_SLOTS, SLOTS):
                url = bench.databases.migrated(kind)
                rate = str(count)
                name = f"slots-{kind}-{count}"
                process = stack.enter_context(
                    bridge(bench.folder, url, bench.panelr, name=name, panelr_rate_per_minute=rate)
                )
                targets.append(Target(f"{kind}, {count} rate slots", kind, url, (process,)))
            found |= _in_turns(bench, targets)
    return _outcome("Rows of the rate limit", found)


def _in_turns(bench: Bench, targets: list[Target]) -> dict[str, list[Measurement]]:
    case = QUICK if bench.quick else CASE
    for target in targets:
        bench.measure(target, WARM)
    found: dict[str, list[Measurement]] = {target.name: [] for target in targets}
    for _ in range(case.repeats):
        for target in targets:
            found[target.name].append(bench.measure(target, case))
    return found


def _outcome(title: str, found: dict[str, list[Measurement]]) -> Outcome:
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
    return Outcome([Sheet(f"{title}, {CASE.words}", ("", *figures), rows)], data=data)
