"""How the commands speak."""

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


def complain(head: str, *points: str) -> None:
    """Say what is wrong, on standard error."""
    err.print(f"[bold red]{escape(head)}[/]", soft_wrap=True)
    for point in points:
        err.print(f"  [red]•[/] {escape(point)}", soft_wrap=True)


def state(name: str) -> str:
    """Return a state in its colour."""
    return f"[{STATE_STYLES.get(name, 'white')}]{name}[/]"


def print_result(error: Exception) -> int | None:
    """Say in words what the operator can mend, and return the exit code; None for an error that nobody expected."""
    if isinstance(error, ConfigurationError):
        complain("The bridge cannot start:", *error.problems)
        return 2
    if isinstance(error, BridgeError):
        complain(str(error))
        return 1
    if isinstance(error, (SQLAlchemyError, OSError)):
        cause = getattr(error, "orig", None) or error
        complain(
            "The database or a file cannot be used:", f"{cause}", "see BRIDGE_DATABASE_URL, and panelr-bridge check"
        )
        return 1
    return None
