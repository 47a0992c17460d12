"""Print one line for each step of a command, and remember whether a step failed."""

from rich.markup import escape

from panelr_bridge.cli.console import out


class Checklist:
    """Prints the steps of a command. `all_ok` is False after the first failure."""

    def __init__(self) -> None:
        self.all_ok = True

    def ok(self, name: str, words: str) -> None:
        """Print a step that succeeded."""
        self._print_line("[green]✔[/]", name, words)

    def warn(self, name: str, words: str) -> None:
        """Print something that an operator should look at. It is not a failure."""
        self._print_line("[yellow]![/]", name, words)

    def fail(self, name: str, words: str) -> None:
        """Print a step that failed."""
        self.all_ok = False
        self._print_line("[red]✘[/]", name, words)

    def add_details(self, *lines: str) -> None:
        """Print more lines about the last step."""
        for line in lines:
            out.print(f"    {escape(line)}", soft_wrap=True)

    def _print_line(self, symbol: str, name: str, words: str) -> None:
        out.print(f"{symbol} [bold]{escape(name):<10}[/] {escape(words)}", soft_wrap=True)
