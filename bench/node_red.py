"""Node-RED with the same work as the floor, as a common alternative to the bridge.

`bench/node-red` has its settings and its flow, built from the standard nodes: an `http in`, functions that verify, read
and store, and an `http request`. Like the floor, it has no rate limit, no lease, no mapping and no retry. `make
bench-node-red` installs it in the project's folder, and measures it, the floor and the bridge in turns.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.bridge import run_bridge
from bench.databases import POSTGRESQL, SQLITE
from bench.floor import run_floor
from bench.measure import BenchRun, BenchTarget, LoadCase, Measurement
from bench.orders import SECRET
from bench.outcome import Outcome, Sheet, Spread
from bench.panelr import PanelrProcess
from bench.processes import ROOT, ServerProcess, run_process
from bench.speed import BRIDGE, COLUMNS, FLOOR
from tests.support.ports import free_port

NODE_RED = "Node-RED"
INSTALLED = ROOT / ".node-red"
FLOW = Path(__file__).with_name("node-red")
CASES = (LoadCase(1, seconds=1.0, repeats=5), LoadCase(32, repeats=5))
WARM = LoadCase(32, seconds=2.0)
"""Long enough for Node's compiler to warm up."""
QUICK = tuple(LoadCase(each.concurrency, seconds=0.3, count=60, repeats=1) for each in CASES)
Measured = dict[str, list[Measurement]]


def measure_node_red(bench: BenchRun) -> Outcome:
    """Measure the floor, the bridge and Node-RED in turns, on both databases."""
    outcome = Outcome()
    for kind in (SQLITE, POSTGRESQL):
        with _run_targets(bench, kind) as targets:
            for case in QUICK if bench.quick else CASES:
                measurements = _measure_in_turns(bench, targets, case)
                outcome.sheets.append(_build_sheet(kind, case, measurements))
                results = outcome.data.setdefault("measurements", [])
                results += [each.to_json() for every in measurements.values() for each in every]
    return outcome


@contextmanager
def _run_targets(bench: BenchRun, kind: str) -> Iterator[list[BenchTarget]]:
    databases = bench.databases
    low, high, other = databases.create_empty(kind), databases.create_migrated(kind), databases.create_empty(kind)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(run_floor(bench.folder, low, bench.panelr)),
            stack.enter_context(run_bridge(bench.folder, high, bench.panelr)),
            stack.enter_context(_run_node_red(bench.folder, other, bench.panelr)),
        ]
        named = zip((FLOOR, BRIDGE, NODE_RED), (low, high, other), processes, strict=True)
        targets = [BenchTarget(name, kind, url, (process,)) for name, url, process in named]
        for target in targets:
            bench.measure(target, QUICK[-1] if bench.quick else WARM)
        yield targets


def _measure_in_turns(bench: BenchRun, targets: Sequence[BenchTarget], case: LoadCase) -> Measured:
    measurements: Measured = {target.name: [] for target in targets}
    for _ in range(case.repeats):
        for target in targets:
            measurements[target.name].append(bench.measure(target, case))
    return measurements


def _build_sheet(kind: str, case: LoadCase, measurements: Measured) -> Sheet:
    figures = (*COLUMNS, ("database's CPU", lambda each: each.database_cpu_ms), ("RSS MB", lambda each: each.rss_mb))
    rows = [
        (name, *(str(Spread.of([figure(each) for each in every])) for _, figure in figures))
        for name, every in measurements.items()
    ]
    return Sheet(f"{kind}, {case.label}", ("", *(words for words, _ in figures)), rows)


@contextmanager
def _run_node_red(folder: Path, database_url: str, panelr: PanelrProcess) -> Iterator[ServerProcess]:
    """Run Node-RED as a process until the end of the block."""
    if not INSTALLED.is_dir():
        raise FileNotFoundError("Node-RED is not installed: run `make bench-node-red`")
    port, home = free_port(), folder / f"node-red-{Path(database_url).name}"
    shutil.copytree(FLOW, home)
    environment = {
        "PORT": str(port),
        "DATABASE": database_url,
        "PANELR": f"{panelr.process.url}/api/api.php?action=create_work_order",
        "SECRET": SECRET,
        "KEY": "key-of-the-benchmark",
        "NODE_PATH": str(INSTALLED / "node_modules"),
        "NODE_ENV": "production",
    }
    with run_process(
        "node-red", "bench.node_red", str(home), folder=folder, port=port, environment=environment
    ) as process:
        yield process


if __name__ == "__main__":
    node, red = (INSTALLED / "node_modules" / path for path in ("node/bin/node", "node-red/red.js"))
    os.execv(node, [str(node), str(red), "--userDir", sys.argv[1]])  # noqa: S606  it must keep this process id
