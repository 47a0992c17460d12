"""The command line. The module of a command is imported when the command is called."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from panelr_bridge import __version__, logs

COMMANDS = {
    "serve": "Receive webhooks, serve the admin API and run the worker.",
    "worker": "Run only the worker, as a process of its own.",
    "migrate": "Create the database tables, or update them to this version.",
    "check": "Check settings, database, Panelr, clock and webhooks.",
    "connect": "Connect a shop: check its settings and create its webhooks.",
    "smoke": "Place a test order in the shop and follow it to Panelr and back.",
    "backfill": "Search the shop for orders whose webhook never arrived.",
    "demo": "Show the bridge at work with a simulated shop and a simulated Panelr.",
    "orders": "List and show the orders in the bridge, and act on them.",
    "deliveries": "List and show the stored deliveries, replay them and resolve unread ones.",
    "mappings": "List, change, import, export and suggest product mappings.",
    "woo": "Read and change orders in the shop, over its REST API.",
    "simulate": "Run a simulated Panelr or a simulated WooCommerce shop.",
}
"""The commands by name, each with its line in `panelr-bridge --help`. The module `cli/<name>.py` defines the rest."""


def load_command(name: str) -> Any:
    """Import the module of the command `name` and return the command that its `app` describes."""
    return get_command(import_module(f"{__name__}.{name}").app)


class LazyGroup(TyperGroup):
    """A group of commands that imports a command's module only when the command is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, summary in COMMANDS.items():
            self.add_command(TyperCommand(name, help=summary), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name, the loaded command and its arguments. An unknown name ends with a usage error."""
        name, summary, rest = super().resolve_command(ctx, args)
        return name, summary if name is None else load_command(name), rest


app = typer.Typer(
    name="panelr-bridge",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def print_version(is_wanted: bool) -> None:
    """Print the version and exit, if `--version` is given."""
    if is_wanted:
        typer.echo(f"panelr-bridge {__version__}")
        raise typer.Exit


@app.callback()
def describe(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Create a Panelr work order for each WooCommerce order, exactly once, and show the reason for each step."""


def program() -> None:
    """Run as the installed program. Commands log only errors; `serve` and `worker` then configure their own log."""
    logs.quiet()
    main()


def main() -> None:
    """Run one command. Print an error that the operator can solve as a sentence, without a traceback."""
    try:
        app()
    except Exception as error:
        from panelr_bridge.cli.console import report_error  # noqa: PLC0415  serve works without rich

        code = report_error(error)
        if code is None:
            raise
        raise SystemExit(code) from None
