"""The result of a scenario, and how it is printed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN = 12
"""The number of a scenario's problems that are printed; the rest is counted."""


@dataclass
class Result:
    """One line of the summary. `problems` are sentences with the orders' numbers."""

    scenario: str
    database: str
    runs: int = 0
    kills: int = 0
    delivered: int = 0
    expected: int = 0
    found: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: float = 0.0
    note: str = ""
    problems: list[str] = field(default_factory=list)


def joined(results: list[Result]) -> Result:
    """Return the parts of one scenario as one line."""
    first = results[0]
    numbers = ("runs", "kills", "delivered", "expected", "found", "lost", "doubled")
    sums = {name: sum(getattr(each, name) for each in results) for name in numbers}
    notes = "; ".join(each.note for each in results if each.note)
    problems = [problem for each in results for problem in each.problems]
    seconds = max(each.seconds for each in results)  # they ran at the same time
    return Result(first.scenario, first.database, **sums, seconds=seconds, note=notes, problems=problems)


def show(console: Console, results: Iterable[Result]) -> None:
    """Print the summary and every problem."""
    table = Table("scenario", "database", title="Torture")
    for name in ("runs (kills)", "delivered", "expected", "found", "lost", "doubled", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for each in results:
        colour = "red" if each.problems else "green"
        numbers = (each.delivered, each.expected, each.found, each.lost, each.doubled, f"{each.seconds:.0f}")
        table.add_row(
            f"[{colour}]{each.scenario}[/]",
            each.database,
            f"{each.runs} ({each.kills})",
            *map(str, numbers),
            escape(each.note),
        )
    console.print(table)
    for each in results:
        for problem in each.problems[:SHOWN]:
            console.print(f"[red]✘[/] {each.scenario}, {each.database}: {escape(problem)}", soft_wrap=True)
        if len(each.problems) > SHOWN:
            console.print(f"  ... and {len(each.problems) - SHOWN} more of {each.scenario}, {each.database}")
