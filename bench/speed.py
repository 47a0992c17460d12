"""Throughput, latency and cost of the bridge and the floor, on both databases, measured in turns."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from bench import pictures
from bench.bridge import run_bridge
from bench.databases import POSTGRESQL, SQLITE
from bench.floor import run_floor
from bench.measure import BenchRun, BenchTarget, LoadCase, Measurement
from bench.outcome import Goal, Outcome, Sheet, Spread, format_figure

FLOOR, BRIDGE = "floor", "bridge"
ONE, MANY = LoadCase(1, seconds=1.0, repeats=8), LoadCase(32, repeats=4)
"""The goals use these two. The others have two repetitions to show a spread, or one."""
CASES = (
    ONE,
    MANY,
    LoadCase(1, close=False, seconds=1.0, repeats=2),
    LoadCase(32, close=False, repeats=2),
    LoadCase(32, delay_ms=200, repeats=2),
    LoadCase(500, delay_ms=200, count=500, repeats=1),
)
CURVE = tuple(LoadCase(concurrency, seconds=0.7, repeats=1) for concurrency in (2, 4, 8, 16, 64))
QUICK = tuple(
    LoadCase(each.concurrency, close=each.close, delay_ms=each.delay_ms, seconds=0.3, count=60, repeats=1)
    for each in (ONE, MANY, CASES[3], CASES[4])
)
WARM = LoadCase(8, seconds=0.5, count=60)
Pairs = list[tuple[Measurement, Measurement]]
Figure = Callable[[Measurement], float]
COLUMNS: tuple[tuple[str, Figure], ...] = (
    ("orders/s", lambda each: each.per_second),
    ("median ms", lambda each: each.median_ms),
    ("p99 ms", lambda each: each.p99_ms),
    ("CPU ms/order", lambda each: each.cpu_ms),
)


def measure_speed(bench: BenchRun) -> Outcome:
    """Measure both databases."""
    outcome = Outcome()
    pairs: dict[str, dict[LoadCase, Pairs]] = {}
    for kind in (SQLITE, POSTGRESQL):
        pairs[kind] = _measure_pairs(bench, kind, QUICK if bench.quick else CASES + CURVE)
        outcome.sheets.extend(_build_sheets(kind, pairs[kind]))
        outcome.goals.extend(_build_goals(kind, _find_pairs(pairs[kind], 1), _find_pairs(pairs[kind], 32)))
    measurements = [each for cases in pairs.values() for both in cases.values() for pair in both for each in pair]
    outcome.data["measurements"] = [each.to_json() for each in measurements]
    outcome.pictures.append(partial(pictures.latency, _latencies(pairs)))
    outcome.pictures.append(partial(pictures.throughput, _curves(pairs)))
    return outcome


@contextmanager
def side_by_side(bench: BenchRun, kind: str) -> Iterator[tuple[BenchTarget, BenchTarget]]:
    """Run a floor and a bridge, each on its own database, and warm them up. Load only one at a time."""
    low, high = bench.databases.create_empty(kind), bench.databases.create_migrated(kind)
    with run_floor(bench.folder, low, bench.panelr) as one, run_bridge(bench.folder, high, bench.panelr) as other:
        targets = BenchTarget(FLOOR, kind, low, (one,)), BenchTarget(BRIDGE, kind, high, (other,))
        for target in targets:
            bench.measure(target, WARM)
        yield targets


def _measure_pairs(bench: BenchRun, kind: str, cases: Iterable[LoadCase]) -> dict[LoadCase, Pairs]:
    """Return the pairs (floor, bridge) of every case, measured in rounds, so that disturbances affect all cases."""
    pairs: dict[LoadCase, Pairs] = defaultdict(list)
    cases = tuple(cases)
    with side_by_side(bench, kind) as (low, high):
        for number in range(max(case.repeats for case in cases)):
            for case in cases:
                if number < case.repeats:
                    pairs[case].append((bench.measure(low, case), bench.measure(high, case)))
    return pairs


def _find_pairs(cases: dict[LoadCase, Pairs], concurrency: int) -> Pairs:
    """Return the pairs of WooCommerce's kind of load: new connections, and Panelr without delay."""
    case_key = (concurrency, True, 0)
    return next(pairs for case, pairs in cases.items() if (case.concurrency, case.close, case.delay_ms) == case_key)


def _ratio(pairs: Pairs, figure: Figure) -> Spread:
    """Return the ratio of bridge to floor for each pair, because a pair is measured within seconds."""
    return Spread.of([figure(high) / max(figure(low), 1e-9) for low, high in pairs])


def _build_goals(kind: str, one: Pairs, many: Pairs) -> Iterator[Goal]:
    per_second, middle, slowest, _ = (figure for _, figure in COLUMNS)
    yield Goal("orders/s, 32 at a time, bridge / floor", kind, _ratio(many, per_second), 0.6, at_least=True, aim=0.8)
    yield Goal("median, one at a time, bridge / floor", kind, _ratio(one, middle), 1.6, aim=1.25)
    yield Goal("p99, 32 at a time, bridge / floor", kind, _ratio(many, slowest), 2)
    yield Goal("CPU ms per order, 32 at a time", kind, Spread.of([high.cpu_ms for _, high in many]), 1)


def _build_sheets(kind: str, cases: dict[LoadCase, Pairs]) -> Iterator[Sheet]:
    """Return three tables, because three columns for each figure need too much width for one."""
    for title, chosen in (("throughput and median", COLUMNS[:2]), ("slowest and cost", COLUMNS[2:])):
        names = tuple(f"{who} {name}" for name, _ in chosen for who in (FLOOR, BRIDGE, "ratio"))
        rows = [(case.label, *_cells(pairs, [figure for _, figure in chosen])) for case, pairs in cases.items()]
        yield Sheet(f"{kind}: {title}", ("load", *names), rows)
    rows = [(case.label, *_costs(pairs)) for case, pairs in cases.items()]
    columns = (
        "load",
        "database's CPU: floor",
        "bridge",
        "memory MB: floor",
        "bridge",
        "load's share of a core",
        "others'",
        "answers",
    )
    yield Sheet(f"{kind}: resources", columns, rows)


def _cells(pairs: Pairs, figures: Iterable[Figure]) -> Iterator[str]:
    for figure in figures:
        yield str(Spread.of([figure(low) for low, _ in pairs]))
        yield str(Spread.of([figure(high) for _, high in pairs]))
        yield str(_ratio(pairs, figure))


def _costs(pairs: Pairs) -> Iterator[str]:
    figures: tuple[Figure, ...] = (lambda each: each.database_cpu_ms, lambda each: each.rss_mb)
    for figure in figures:
        for part in (0, 1):
            yield str(Spread.of([figure(pair[part]) for pair in pairs]))
    yield format_figure(max(each.load_cpu_share for pair in pairs for each in pair))
    yield str(Spread.of([each.others_cpu_share for pair in pairs for each in pair]))
    total: dict[str, int] = defaultdict(int)
    for _, high in pairs:
        for state, count in high.states.items():
            total[state] += count
    yield ", ".join(f"{count} x {state}" for state, count in sorted(total.items()))


def _latencies(pairs: dict[str, dict[LoadCase, Pairs]]) -> dict[tuple[str, int], dict[str, list[list[float]]]]:
    """Return the distributions of each server's runs for each picture (database, concurrency)."""
    distributions: dict[tuple[str, int], dict[str, list[list[float]]]] = {}
    for kind, cases in pairs.items():
        for concurrency in (1, 32):
            both = _find_pairs(cases, concurrency)
            distributions[kind, concurrency] = {
                name: [pair[part].distribution for pair in both] for part, name in enumerate((FLOOR, BRIDGE))
            }
    return distributions


def _curves(pairs: dict[str, dict[LoadCase, Pairs]]) -> dict[str, dict[str, list[tuple[int, list[float]]]]]:
    """Return the orders per second of every run, by database, server and concurrency."""
    curves: dict[str, dict[str, list[tuple[int, list[float]]]]] = {}
    for kind, cases in pairs.items():
        plain = sorted((c.concurrency, both) for c, both in cases.items() if c.close and not c.delay_ms)
        curves[kind] = {
            name: [(at, [pair[part].per_second for pair in both]) for at, both in plain]
            for part, name in enumerate((FLOOR, BRIDGE))
        }
    return curves
