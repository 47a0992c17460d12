"""`python -m bench`: run the parts, show and write their results; exit 1 if an order is missing or doubled.

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

from bench.burst import burst
from bench.databases import databases
from bench.growth import growth
from bench.ledger import strangers
from bench.machine import describe
from bench.measure import Bench
from bench.node_red import node_red
from bench.outcome import Outcome, Spread
from bench.panelr import panelr
from bench.pictures import FOLDER, RAW_FOLDER
from bench.repeats import repeats
from bench.report import show, write, write_raw
from bench.several import several
from bench.speed import speed
from bench.statements import statements

PARTS: dict[str, Callable[[Bench], Outcome]] = {
    "speed": speed,
    "repeats": repeats,
    "statements": statements,
    "several": several,
    "growth": growth,
    "burst": burst,
}
"""The parts of a whole run. Add a part here."""
EVERY = PARTS | {"node-red": node_red}
"""All parts, including those that run only on request because they need more than the project installs."""
LIMIT = 9 * 60.0
"""Seconds for measuring; the rest of ten minutes is for starting and stopping the servers."""
console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)


class TimeUp(BaseException):
    """The run has reached its time limit."""


def main() -> int:
    """Run what the arguments name; return the exit status."""
    arguments = _arguments()
    names = [name for name in EVERY if name in (arguments.only or PARTS)]
    out = arguments.out or (FOLDER if not arguments.quick and names == list(PARTS) else None)
    folder = Path(tempfile.mkdtemp(prefix="bridge-bench-"))
    try:
        with _limited(LIMIT):
            problems = _run(folder, names, out, quick=arguments.quick)
    except TimeUp:
        problems = [f"the run was stopped after {LIMIT:.0f} s"]
    for problem in problems:
        console.print(f"[red]✘[/] {escape(problem)}", soft_wrap=True)
    if problems:
        console.print(f"[bold red]failed[/]; the logs are in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the bridge beside the floor.")
    parser.add_argument("--quick", action="store_true", help="everything with a few orders, within a minute")
    parser.add_argument("--only", type=_names, metavar="PART[,PART]", help=f"some of {', '.join(EVERY)}")
    parser.add_argument("--out", type=Path, help="folder for results.md and the pictures")
    return parser.parse_args()


def _names(value: str) -> list[str]:
    names = value.split(",")
    if unknown := sorted(set(names) - EVERY.keys()):
        raise argparse.ArgumentTypeError(f"there is no part {', '.join(unknown)}")
    return names


def _run(folder: Path, names: list[str], out: Path | None, *, quick: bool) -> list[str]:
    """Run the parts, show and write their results, and return the problems found."""
    outcomes: dict[str, Outcome] = {}
    with databases(folder) as made, panelr(folder) as panel, console.status("") as status:
        bench = Bench(folder, made, panel, quick=quick, say=status.update)
        machine = describe(made)
        for name in names:
            began = time.monotonic()
            try:
                outcomes[name] = EVERY[name](bench)
            except Exception as error:  # noqa: BLE001  the error is reported, and the next part runs
                bench.problems.append(f"{name}: {type(error).__name__}: {error}")
            console.print(f"{name}: {time.monotonic() - began:.0f} s")
        counts = panel.counts()
        bench.problems += strangers(bench.sent, counts.created)
        if counts.others:
            console.print(f"[yellow]![/] Panelr received {counts.others} calls that did not create a work order")
    if bench.noise:
        machine["others_cores"] = str(Spread.of(bench.noise))
        console.print(f"other processes kept {machine['others_cores']} of {machine['cores']} cores busy")
    show(console, outcomes.values())
    write_raw(RAW_FOLDER, outcomes, machine, bench.problems)
    if out is not None:
        write(out, outcomes, machine)
    return bench.problems


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TimeUp after `seconds`, and KeyboardInterrupt on SIGTERM: the servers are stopped in both cases."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main())
