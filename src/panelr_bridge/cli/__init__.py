"""The commands. They build the parts by the settings and hand them down; what they print is for a person."""

import typer
from sqlalchemy.exc import SQLAlchemyError

from panelr_bridge.cli import mappings, orders, run, simulate
from panelr_bridge.cli.console import complain
from panelr_bridge.errors import BridgeError, ConfigurationError

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
app.command()(run.demo)
app.add_typer(orders.app, name="orders")
app.add_typer(mappings.app, name="mappings")
app.add_typer(simulate.app, name="simulate")


def main() -> None:
    """Run one command; what the operator can mend is said in words, without a trace."""
    try:
        app()
    except ConfigurationError as error:
        complain("The bridge cannot start:", *error.problems)
        raise SystemExit(2) from None
    except BridgeError as error:
        complain(str(error))
        raise SystemExit(1) from None
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        complain(
            "The database or a file cannot be used:", f"{cause}", "see BRIDGE_DATABASE_URL, and panelr-bridge check"
        )
        raise SystemExit(1) from None
