"""What a command of several steps prints of each, and whether all went well."""

from rich.markup import escape

from panelr_bridge.cli.console import out


class Checklist:
    """Tells one line a step. `well` is whether nothing is missing so far."""

    def __init__(self) -> None:
        self.well = True

    def good(self, name: str, words: str) -> None:
        """Tell what is as it should be."""
        self._line("[green]✔[/]", name, words)

    def warn(self, name: str, words: str) -> None:
        """Tell what a person should look at; nothing is missing by it."""
        self._line("[yellow]![/]", name, words)

    def bad(self, name: str, words: str) -> None:
        """Tell what is missing."""
        self.well = False
        self._line("[red]✘[/]", name, words)

    def more(self, *lines: str) -> None:
        """Tell more of the last step."""
        for line in lines:
            out.print(f"    {escape(line)}", soft_wrap=True)

    def _line(self, mark: str, name: str, words: str) -> None:
        out.print(f"{mark} [bold]{escape(name):<10}[/] {escape(words)}", soft_wrap=True)
