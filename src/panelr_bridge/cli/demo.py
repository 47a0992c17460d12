"""demo: example orders from a simulated shop to a simulated Panelr."""

import typer

from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.demo import play

app = typer.Typer(add_completion=False)


@app.command()
def demo() -> None:
    """Show the bridge at work with a simulated shop and a simulated Panelr.

    It needs no settings and leaves nothing behind.
    """
    raise typer.Exit(0 if run(play(out)) else 1)
