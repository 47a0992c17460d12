"""How the demo speaks: scenes, short lines under a label, and proofs that it does not take on trust."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.text import Text

TEXT_COLUMN = 10
MARK_INDENT = " " * (TEXT_COLUMN - 3)
LOG_LINES = 25


class SceneFailed(Exception):
    """A scene did not come out as it should; `details` say what was expected and what was found."""

    def __init__(self, words: str, *details: str) -> None:
        super().__init__(words)
        self.details = details


class DemoConsole:
    """Writes to one console. What is said may carry rich's markup; what was found out is escaped by `plain`."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self._scenes = 0

    def print_intro(self) -> None:
        """Say what this is."""
        self.out.print()
        self.out.print("[bold]Panelr bridge: the demo[/]")
        self.out.print("A shop takes orders, the bridge makes exactly one work order of each, Panelr")
        self.out.print("keeps them. Shop and Panelr are simulated; the bridge is the real server.")

    def start_scene(self, title: str) -> None:
        """Begin the next scene."""
        self._scenes += 1
        self.out.print()
        self.out.print(Rule(f"[bold cyan]{self._scenes}  {title}[/]", align="left", style="dim"))

    def print_line(self, label: str, *lines: str) -> None:
        """Say `lines`, the first one under `label`."""
        for place, line in enumerate(lines):
            self._print_row(f"[dim]{label if place == 0 else ''}[/]", line)

    def check(self, words: str, *, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        """Say `words` if all that was found is as expected; raise Failed with what differs otherwise."""
        differing = [
            f"{name}: expected {value}, found {found.get(name)}"
            for name, value in expected.items()
            if found.get(name) != value
        ]
        if differing:
            raise SceneFailed(f"not so: {words}", *differing)
        self._print_row(f"{MARK_INDENT}[bold green]✔[/]", f"[green]{escape_markup(words)}[/]")

    def report_failure(self, failed: SceneFailed) -> bool:
        """Say what went wrong; returns False."""
        self._print_row(f"{MARK_INDENT}[bold red]✘[/]", f"[bold red]{escape_markup(str(failed))}[/]")
        for point in failed.details:
            self._print_row("", f"[red]{escape_markup(point)}[/]")
        return False

    def print_log(self, path: Path) -> None:
        """Show the end of the bridge's log, and say how the demo ended."""
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        self.out.print()
        if lines:
            self.out.print(f"[bold]The last lines of the bridge's log[/] ({len(lines)} in all):")
        for line in lines[-LOG_LINES:]:
            self.out.print(f"  {line}", markup=False, soft_wrap=True)
        self.out.print("[bold red]The demo failed.[/] What went wrong stands above, beside the ✘.")

    def _print_row(self, label: str, line: str) -> None:
        """One line; what does not fit is wrapped below itself and not below the label."""
        # A table would do the same, and fill every line with blanks up to the console's width.
        head = Text.from_markup(f" {label}")
        head.pad_right(TEXT_COLUMN - head.cell_len)
        for part in Text.from_markup(line).wrap(self.out, self.out.width - TEXT_COLUMN, overflow="fold"):
            part.rstrip()
            self.out.print(head + part, soft_wrap=True)
            head = Text(" " * TEXT_COLUMN)


def escape_markup(text: str) -> str:
    """Return `text` as it is to be read: nothing in it is markup."""
    return escape(text)
