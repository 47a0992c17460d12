"""Print results on standard output and errors on standard error."""

from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from panelr_bridge.errors import BridgeError, ConfigurationError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

STATE_STYLES = {
    "created": "green",
    "queued": "cyan",
    "sending": "cyan",
    "waiting": "blue",
    "ignored": "dim",
    "closed": "dim",
    "held": "yellow",
    "unconfirmed": "magenta",
    "refused": "red",
}


def print_error(headline: str, *details: str) -> None:
    """Print an error and its details on standard error."""
    err.print(f"[bold red]{escape(headline)}[/]", soft_wrap=True)
    for detail in details:
        err.print(f"  [red]•[/] {escape(detail)}", soft_wrap=True)


def style_state(name: str) -> str:
    """Return a state's name with the markup of its color."""
    return f"[{STATE_STYLES.get(name, 'white')}]{name}[/]"


def report_error(error: Exception) -> int | None:
    """Print an error that the operator can solve and return the exit code. Return None for an unexpected error."""
    if isinstance(error, ConfigurationError):
        print_error("The command cannot run. Correct this first:", *error.problems)
        return 2
    if isinstance(error, BridgeError):
        print_error(str(error))
        return 1
    if isinstance(error, (SQLAlchemyError, OSError)):
        cause = getattr(error, "orig", None) or error
        advice = "check BRIDGE_DATABASE_URL, and run panelr-bridge check"
        print_error("The database or a file cannot be used:", f"{cause}", advice)
        return 1
    return None
