"""Report the results: on the terminal, as Markdown, as pictures, and as raw JSON."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.outcome import Goal, Outcome, Sheet

HEAD = "<!-- written by `make bench` -->\n\n# Benchmark results\n\n[How to read this](../performance.md).\n"


def show(console: Console, outcomes: Iterable[Outcome]) -> None:
    """Print every table, the goals last."""
    outcomes = list(outcomes)
    for sheet in [*(sheet for each in outcomes for sheet in each.sheets), *_goals(outcomes)]:
        table = Table(title=sheet.title, caption=sheet.note or None)
        for number, name in enumerate(sheet.columns):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in sheet.rows:
            table.add_row(*map(escape, row))
        console.print(table)


def write_raw(folder: Path, outcomes: Mapping[str, Outcome], machine: Mapping[str, Any], problems: list[str]) -> None:
    """Write every measurement into `results.json` in `folder`. The file is large and is not committed."""
    folder.mkdir(parents=True, exist_ok=True)
    goals = [_plain(goal) for outcome in outcomes.values() for goal in outcome.goals]
    data = {name: outcome.data for name, outcome in outcomes.items()}
    content = {"machine": machine, "goals": goals, "problems": problems, "parts": data}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")


def write(folder: Path, outcomes: Mapping[str, Outcome], machine: Mapping[str, Any]) -> None:
    """Write results.md and the pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [draw(folder) for outcome in outcomes.values() for draw in outcome.pictures]
    (folder / "results.md").write_text(_markdown(outcomes, machine, drawn))


def _markdown(outcomes: Mapping[str, Outcome], machine: Mapping[str, Any], drawn: list[Path]) -> str:
    databases = ", ".join(f"{name} {version}" for name, version in machine["databases"].items())
    parts = [
        HEAD,
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {databases}; "
        f"{machine['date']}, commit {machine['commit']}.\n",
        f"Other processes kept {machine.get('others_cores', 'none')} of the cores busy during the run. "
        "Figures are medians; the lowest and the highest are in brackets.\n",
    ]
    sheets = [*_goals(outcomes.values()), *(sheet for each in outcomes.values() for sheet in each.sheets)]
    parts += [_table(sheet) for sheet in sheets]
    parts += [f"![{path.stem}]({path.name})\n" for path in drawn]
    return "\n".join(parts)


def _table(sheet: Sheet) -> str:
    lines = [f"## {sheet.title}", "", _line(sheet.columns), _line(["---", *["---:"] * (len(sheet.columns) - 1)])]
    lines += [_line(row) for row in sheet.rows]
    return "\n".join([*lines, *(["", sheet.note] if sheet.note else []), ""])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _goals(outcomes: Iterable[Outcome]) -> list[Sheet]:
    """Return the goals as a table, if there are any."""
    goals = [goal for outcome in outcomes for goal in outcome.goals]
    rows = [
        (f"{goal.database}: {goal.words}", str(goal.found), goal.terms, "met" if goal.met else "missed")
        for goal in goals
    ]
    return [Sheet("Goals", ("goal", "found", "wanted", ""), rows)] if rows else []


def _plain(goal: Goal) -> dict[str, Any]:
    found = {"median": goal.found.middle, "lowest": goal.found.low, "highest": goal.found.high}
    return {
        "goal": goal.words,
        "database": goal.database,
        "found": {name: float(f"{value:.4g}") for name, value in found.items()},
        "wanted": goal.terms,
        "met": goal.met,
    }
