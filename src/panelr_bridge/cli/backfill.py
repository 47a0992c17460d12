"""backfill: search a shop for orders whose webhook never arrived, and print the result."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from panelr_bridge import logs
from panelr_bridge.application.backfill.compared_order import ComparedOrder, OrderComparison
from panelr_bridge.application.backfill.scheduler import BackfillStats
from panelr_bridge.application.container import BridgeContainer, delivery_endpoint, open_container
from panelr_bridge.application.webhook_monitor import check_webhooks
from panelr_bridge.cli.console import out, print_error, style_state
from panelr_bridge.cli.options import MOMENT_FORMATS, MOMENT_HELP, StoreOption, as_utc
from panelr_bridge.cli.startup import STOP_SIGNALS, require_file, require_migrated, require_store, run
from panelr_bridge.errors import Conflict
from panelr_bridge.settings import DEFAULT_STORE, load_settings, require_ready
from panelr_bridge.store.database import open_database
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.webhook_setup import DeliveryEndpoint

MAX_ROWS = 200
"""The most orders that the table lists. The totals below it count all."""

app = typer.Typer(add_completion=False)


@app.command()
def backfill(
    store: StoreOption = DEFAULT_STORE,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=MOMENT_FORMATS,
            metavar="MOMENT",
            help=f"Search from this moment on, {MOMENT_HELP}. Default: from the last run on.",
        ),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the orders; store nothing.")] = False,
) -> None:
    """Search the shop for orders whose webhook never arrived.

    serve and worker do this every BRIDGE_BACKFILL_MINUTES minutes.
    Use this command to search now, or further back in time.
    """
    if not run(_backfill(store, since=as_utc(since), dry_run=dry_run)):
        raise typer.Exit(1)


class ProgressOutput:
    """Collects the orders to print, and reports the progress."""

    def __init__(self, show_progress: Callable[[int, int], None]) -> None:
        self.rows: list[ComparedOrder] = []
        self.looked_at = 0
        self.found = 0
        self._show_progress = show_progress

    def add(self, order: ComparedOrder) -> None:
        """Count one compared order, and keep it for the table if it was missed or failed."""
        self.looked_at += 1
        if order.kind in {OrderComparison.FOUND, OrderComparison.FAILED}:
            self.found += 1
            if len(self.rows) < MAX_ROWS:
                self.rows.append(order)
        self._show_progress(self.looked_at, self.found)


async def _backfill(store: str, *, since: datetime | None, dry_run: bool) -> bool:
    """Run a backfill and print its result. Return whether it reached the end."""
    settings = load_settings()
    require_ready(settings)
    logs.quiet()
    require_store(settings, store)
    require_file(settings.database_url)
    async with open_database(settings.database_url) as database:
        await require_migrated(database)
    async with open_container(settings) as container:
        loop = asyncio.get_running_loop()
        for each in STOP_SIGNALS:
            loop.add_signal_handler(each, container.backfill.stop)
        with _open_progress() as show_progress:
            output = ProgressOutput(show_progress)
            stats = await _search(container, store, output, since=since, dry_run=dry_run)
        _print_result(stats, output, dry_run=dry_run)
        if stats.words is not None:
            print_error(f"{store}: the backfill run stopped before its end:", stats.words)
            return False
        if output.found:
            await _print_webhooks(container.shops[store], delivery_endpoint(store, settings.public_url))
        return True


async def _search(
    container: BridgeContainer, store: str, output: ProgressOutput, *, since: datetime | None, dry_run: bool
) -> BackfillStats:
    if dry_run:
        return await container.backfill.dry_run(store, since=since, report=output.add)
    stats = await container.backfill.run_store(store, since=since, at_once=True, report=output.add)
    if stats is None:
        raise Conflict(f"another process runs a backfill of the store {store} now: try again when it has ended")
    return stats


@contextlib.contextmanager
def _open_progress() -> Iterator[Callable[[int, int], None]]:
    """Show the progress on a terminal. The total is not known in advance."""
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("reading orders from the shop", total=None)

        def show_progress(looked_at: int, found: int) -> None:
            progress.update(task, description=f"{looked_at} orders checked, {found} found")

        yield show_progress


def _print_result(stats: BackfillStats, output: ProgressOutput, *, dry_run: bool) -> None:
    if output.rows:
        state_title = "state would be" if dry_run else "state now"
        table = Table("order", "WooCommerce", "modified (UTC)", state_title, "stored status", "reason")
        for order in output.rows:
            table.add_row(*_table_cells(order))
        out.print(table)
        if output.found > len(output.rows):
            out.print(f"... and {output.found - len(output.rows)} more")
    words = f"orders checked: {stats.looked_at}; {stats.known} known, {stats.found} found, {stats.failed} failed"
    if stats.recent:
        words += f"; {stats.recent} too new to decide: their webhooks may still arrive"
    out.print(words + ("; nothing was stored (--dry-run)" if dry_run else ""))


def _table_cells(order: ComparedOrder) -> tuple[str, ...]:
    modified = "" if order.modified_at is None else f"{order.modified_at:%Y-%m-%d %H:%M:%S}"
    stored = order.stored_status
    before = "none: no webhook arrived" if stored is None else f"{stored}: a later change was missed"
    state_now = "[red]failed[/]" if order.kind is OrderComparison.FAILED else style_state(str(order.state))
    cells = (order.number or str(order.woo_order_id or "?"), order.status, modified)
    return (*(escape(cell) for cell in cells), state_now, escape(before), escape(order.words))


async def _print_webhooks(shop: ShopClient, endpoint: DeliveryEndpoint) -> None:
    """Print the state of the shop's webhooks: that is usually why orders were missed."""
    is_well, words = await check_webhooks(shop, endpoint)
    out.print(f"{'Webhooks' if is_well else '[yellow]Webhooks[/]'}: {escape(words)}", soft_wrap=True)
