"""`python -m bench`: run the parts, print and write the results; exit 1 if an order is missing or duplicated.

A run of all parts writes its tables and pictures into docs/bench. Every run writes its raw results into build/bench. A
run takes about seven minutes and is stopped after nine.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from bench.burst import measure_burst
from bench.databases import open_databases
from bench.growth import measure_growth
from bench.machine import describe_machine
from bench.measure import BenchRun
from bench.node_red import measure_node_red
from bench.order_check import find_unknown_orders
from bench.outcome import Outcome, Spread
from bench.panelr import run_panelr
from bench.pictures import FOLDER, RAW_FOLDER
from bench.repeats import measure_repeats
from bench.report import show, write, write_raw
from bench.speed import measure_speed
from bench.statements import measure_statements
from bench.two_processes import measure_two_processes

PARTS: dict[str, Callable[[BenchRun], Outcome]] = {
    "speed": measure_speed,
    "repeats": measure_repeats,
    "statements": measure_statements,
    "several": measure_two_processes,
    "growth": measure_growth,
    "burst": measure_burst,
}
"""Add further parts here."""
EVERY = PARTS | {"node-red": measure_node_red}
"""Also the parts that run only on request, because they need extra software."""
LIMIT = 9 * 60.0
"""The rest of ten minutes is for the set-up and for stopping the servers."""
console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)


class TimeLimitReached(BaseException):
    """The run has reached its time limit."""


def main() -> int:
    """Run the requested parts; return the exit status."""
    arguments = _parse_arguments()
    names = [name for name in EVERY if name in (arguments.only or PARTS)]
    out = arguments.out or (FOLDER if not arguments.quick and names == list(PARTS) else None)
    folder = Path(tempfile.mkdtemp(prefix="bridge-bench-"))
    try:
        with _time_limit(LIMIT):
            problems = _run_parts(folder, names, out, quick=arguments.quick)
    except TimeLimitReached:
        problems = [f"the run reached its time limit of {LIMIT:.0f} s"]
    for problem in problems:
        console.print(f"[red]✘[/] {escape(problem)}", soft_wrap=True)
    if problems:
        console.print(f"[bold red]The benchmark failed.[/] The logs are in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Compare the bridge with the floor.")
    parser.add_argument("--quick", action="store_true", help="run everything with few orders, in about a minute")
    parser.add_argument("--only", type=_parse_parts, metavar="PART[,PART]", help=f"parts to run: {', '.join(EVERY)}")
    parser.add_argument("--out", type=Path, help="folder for results.md and the pictures")
    return parser.parse_args()


def _parse_parts(value: str) -> list[str]:
    names = value.split(",")
    if unknown := sorted(set(names) - EVERY.keys()):
        raise argparse.ArgumentTypeError(f"unknown part: {', '.join(unknown)}")
    return names


def _run_parts(folder: Path, names: list[str], out: Path | None, *, quick: bool) -> list[str]:
    """Run the parts, print and write the results; return the problems."""
    outcomes: dict[str, Outcome] = {}
    with open_databases(folder) as databases, run_panelr(folder) as panel, console.status("") as status:
        bench = BenchRun(folder, databases, panel, quick=quick, report_progress=status.update)
        machine = describe_machine(databases)
        for name in names:
            started = time.monotonic()
            try:
                outcomes[name] = EVERY[name](bench)
            except Exception as error:  # noqa: BLE001  report any error and go on with the next part
                bench.problems.append(f"{name}: {type(error).__name__}: {error}")
            console.print(f"{name}: {time.monotonic() - started:.0f} s")
        counts = panel.counts()
        bench.problems += find_unknown_orders(bench.sent, counts.created)
        if counts.others:
            console.print(f"[yellow]![/] Panelr got {counts.others} unexpected requests")
    if bench.noise:
        machine["others_cores"] = str(Spread.of(bench.noise))
        console.print(f"other processes used {machine['others_cores']} of {machine['cores']} cores")
    show(console, outcomes.values())
    write_raw(RAW_FOLDER, outcomes, machine, bench.problems)
    if out is not None:
        write(out, outcomes, machine)
    return bench.problems


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitReached after `seconds`, and KeyboardInterrupt on SIGTERM; both stop the servers."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitReached

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main())
