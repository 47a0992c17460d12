"""serve, worker, migrate, check, backfill, demo. Each imports what it needs when it is called."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from panelr_bridge.cli.woo import MOMENTS
from panelr_bridge.settings import DEFAULT_STORE


def serve() -> None:
    """Serve the webhook door, the admin API and, unless BRIDGE_WORKER is false, the worker."""
    from panelr_bridge.cli import serve as serving

    serving.serve()


def worker() -> None:
    """Carry out what is owed, beside servers that run with BRIDGE_WORKER=false. Any number may run."""
    from panelr_bridge.cli import worker as working

    working.worker()


def migrate(
    to: Annotated[str, typer.Option(help="The revision to go to; `base` takes everything back.")] = "head",
) -> None:
    """Bring the database's tables to this version."""
    from panelr_bridge.cli import migrate as migrating

    migrating.bring(to)


def check() -> None:
    """Say in words what is misconfigured or unreachable: settings, database, migrations, Panelr, clock, webhooks."""
    from panelr_bridge.cli import check as checking

    if not checking.check():
        raise typer.Exit(1)


def backfill(
    store: Annotated[str, typer.Option(help="The store.")] = DEFAULT_STORE,
    since: Annotated[
        datetime | None,
        typer.Option(formats=MOMENTS, help="Go back to this moment (UTC without offset), not to the last walk."),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing; only say what would be found.")] = False,
) -> None:
    """Ask the store for orders whose webhook never came. `serve` and `worker` do so by themselves."""
    from panelr_bridge.cli import backfill as backfilling

    moment = since.replace(tzinfo=UTC) if since and not since.tzinfo else since
    if not backfilling.backfill(store, since=moment, dry_run=dry_run):
        raise typer.Exit(1)


def demo() -> None:
    """Drive orders through the whole bridge, with simulators of WooCommerce and of Panelr, and show what happens."""
    from panelr_bridge.cli.console import out
    from panelr_bridge.cli.startup import run
    from panelr_bridge.demo import play

    raise typer.Exit(0 if run(play(out)) else 1)
