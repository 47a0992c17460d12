"""`python -m tests.torture`: run the scenarios and print their results; exit 1 on any problem."""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tests.torture.chance import DICE
from tests.torture.databases import Databases
from tests.torture.result import Result, show
from tests.torture.run import Run
from tests.torture.scenarios import SCENARIOS, Scenario

LIMIT = 19 * 60.0
"""A run that takes longer has not settled: the remaining scenarios fail."""
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def main() -> int:
    """Run the scenarios that the arguments choose; return the exit status."""
    arguments = _arguments()
    chosen = [each for each in SCENARIOS if not arguments.only or each.name in arguments.only]
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 1_000_000
    DICE.seed(seed)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # the servers are stopped in any case
    logging.getLogger("uvicorn.error").setLevel(
        logging.CRITICAL
    )  # the simulator's log: a failing run prints its own error
    console.print(f"seed {seed}; each scenario checks every order that it delivered")
    folder = Path(tempfile.mkdtemp(prefix="bridge-torture-"))
    results = asyncio.run(_play(folder, chosen, quick=arguments.quick))
    show(console, results)
    if any(each.problems for each in results):
        console.print(f"[bold red]failed[/]; the logs are in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture", description="Kill and overload the bridge, and stop its database."
    )
    names = [each.name for each in SCENARIOS]
    what = "; ".join(f"{each.name}: {each.what}" for each in SCENARIOS)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one scenario ({what})")
    parser.add_argument("--quick", action="store_true", help="a short slice of every scenario, about a minute")
    parser.add_argument("--seed", type=int, help="the seed of the random choices")
    return parser.parse_args()


async def _play(folder: Path, chosen: list[Scenario], *, quick: bool) -> list[Result]:
    """Play the scenarios one by one; in a quick run those that can share the machine run at the same time."""
    databases = Databases(folder)
    together = [each for each in chosen if quick and not each.alone]
    rounds = [together] if together else []
    rounds += [[each] for each in chosen if each not in together]
    results: list[Result] = []
    until = time.monotonic() + LIMIT
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        line = progress.add_task("", total=None)

        def say(words: str) -> None:
            progress.update(line, description=f"{len(results)} results so far; {words}")

        try:
            for scenarios in rounds:
                run = Run(folder, databases, say)
                for each in await asyncio.gather(*(_one(scenario, run, until, quick=quick) for scenario in scenarios)):
                    results += each
        finally:
            databases.close()
    return results


async def _one(scenario: Scenario, run: Run, until: float, *, quick: bool) -> list[Result]:
    """Play one scenario; an exception is a problem like any other, and the next scenario runs."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(until - began):
            results = await scenario.play(run, **(scenario.quick if quick else scenario.full))
    except Exception as error:  # noqa: BLE001  every exception is reported
        seconds = time.monotonic() - began
        results = [Result(scenario.name, "", seconds=seconds, problems=[f"{type(error).__name__}: {error}"])]
    for each in results:
        mark = "[red]✘[/]" if each.problems else "[green]✔[/]"
        console.print(f"{mark} {each.scenario}, {each.database}: {each.found} of {each.expected}, {each.seconds:.0f} s")
        for problem in each.problems:  # at once: a run that is stopped shows no summary
            console.print(f"  {escape(problem)}", soft_wrap=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
