"""Output of the demo: scenes, labelled lines and checks."""

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
    """A check of a scene failed; `details` are the expected and the actual values."""

    def __init__(self, words: str, *details: str) -> None:
        super().__init__(words)
        self.details = details


class DemoConsole:
    """Prints to one console. Texts may contain rich's markup; escape data with `escape_markup`."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self._scenes = 0

    def print_intro(self) -> None:
        """Print what the demo does."""
        self.out.print()
        self.out.print("[bold]Panelr bridge: demo[/]")
        self.out.print("The real bridge runs between a simulated WooCommerce shop and a simulated")
        self.out.print("Panelr. The demo places orders in the shop and checks each result in Panelr.")

    def start_scene(self, title: str) -> None:
        """Print the title of the next scene."""
        self._scenes += 1
        self.out.print()
        self.out.print(Rule(f"[bold cyan]{self._scenes}  {title}[/]", align="left", style="dim"))

    def print_line(self, label: str, *lines: str) -> None:
        """Print `lines`, the first one with `label`."""
        for index, line in enumerate(lines):
            self._print_row(f"[dim]{label if index == 0 else ''}[/]", line)

    def check(self, words: str, *, actual: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        """Print `words` if `actual` equals `expected`; otherwise raise SceneFailed with the differences."""
        differences = [
            f"{name}: expected {value}, actual {actual.get(name)}"
            for name, value in expected.items()
            if actual.get(name) != value
        ]
        if differences:
            raise SceneFailed(f"check failed: {words}", *differences)
        self._print_row(f"{MARK_INDENT}[bold green]✔[/]", f"[green]{escape_markup(words)}[/]")

    def report_failure(self, failure: SceneFailed) -> bool:
        """Print a failure and return False."""
        self._print_row(f"{MARK_INDENT}[bold red]✘[/]", f"[bold red]{escape_markup(str(failure))}[/]")
        for detail in failure.details:
            self._print_row("", f"[red]{escape_markup(detail)}[/]")
        return False

    def print_log(self, path: Path) -> None:
        """Print the last lines of the bridge's log, and the result of the demo."""
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        self.out.print()
        if lines:
            self.out.print(f"[bold]The last lines of the bridge's log[/] ({len(lines)} lines in total):")
        for line in lines[-LOG_LINES:]:
            self.out.print(f"  {line}", markup=False, soft_wrap=True)
        self.out.print("[bold red]The demo failed.[/] The line with ✘ above gives the reason.")

    def _print_row(self, label: str, line: str) -> None:
        """Print one line; a long line is wrapped within the text column."""
        # A table would pad every line with blanks to the console's width.
        head = Text.from_markup(f" {label}")
        head.pad_right(TEXT_COLUMN - head.cell_len)
        for part in Text.from_markup(line).wrap(self.out, self.out.width - TEXT_COLUMN, overflow="fold"):
            part.rstrip()
            self.out.print(head + part, soft_wrap=True)
            head = Text(" " * TEXT_COLUMN)


def escape_markup(text: str) -> str:
    """Return `text` with rich's markup escaped."""
    return escape(text)
