"""The commands. They build the parts by the settings and hand them down; what they print is for a person."""

import typer

from panelr_bridge import logs
from panelr_bridge.cli import connect, mappings, orders, run, simulate, woo

app = typer.Typer(
    name="panelr-bridge",
    help="WooCommerce orders become Panelr work orders: exactly once, and a person can always see why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(run.serve)
app.command()(run.worker)
app.command()(run.migrate)
app.command()(run.check)
app.command()(run.backfill)
app.command()(connect.connect)
app.command()(connect.smoke)
app.command()(run.demo)
app.add_typer(orders.app, name="orders")
app.add_typer(mappings.app, name="mappings")
app.add_typer(woo.app, name="woo")
app.add_typer(simulate.app, name="simulate")


def program() -> None:
    """Be the program: what a command prints is for a person or a pipe; serve and worker write their log."""
    logs.quiet()
    main()


def main() -> None:
    """Run one command; what the operator can mend is said in words, without a trace."""
    try:
        app()
    except Exception as error:
        from panelr_bridge.cli.console import print_result

        code = print_result(error)
        if code is None:
            raise
        raise SystemExit(code) from None
