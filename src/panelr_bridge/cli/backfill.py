"""backfill: asks a store for the orders whose webhook never came, while somebody watches."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from panelr_bridge import logs, settings
from panelr_bridge.application.backfill.compared_order import ComparedOrder, OrderComparison
from panelr_bridge.application.backfill.scheduler import BackfillStats
from panelr_bridge.application.container import BridgeContainer, open_container
from panelr_bridge.cli.console import complain, out, state
from panelr_bridge.cli.startup import STOPPING, require_file, require_migrated, run
from panelr_bridge.errors import Conflict, InvalidValue, ShopError
from panelr_bridge.settings import Settings, StoreSettings, require_ready, require_shop
from panelr_bridge.store import database
from panelr_bridge.woocommerce.rest.models import Payload

SHOWN = 200
"""How many orders are listed; the numbers tell of all."""
DOOR = "/webhooks/woocommerce"


class ProgressOutput:
    """What was found, as far as a person reads it."""

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self.worth: list[ComparedOrder] = []
        self.looked_at = 0
        self.found = 0
        self._tell = tell

    def note(self, seen: ComparedOrder) -> None:
        """Take one order."""
        self.looked_at += 1
        if seen.kind in {OrderComparison.FOUND, OrderComparison.FAILED}:
            self.found += 1
            if len(self.worth) < SHOWN:
                self.worth.append(seen)
        self._tell(self.looked_at, self.found)


def backfill(store: str, *, since: datetime | None, dry_run: bool) -> bool:
    """Walk the store called `store`, and print what was found; returns whether it came to its end."""
    return run(_backfill(store, since=since, dry_run=dry_run))


async def _backfill(store: str, *, since: datetime | None, dry_run: bool) -> bool:
    chosen = settings.load()
    require_ready(chosen)
    logs.quiet()
    require_shop(store, _store(chosen, store))
    require_file(chosen.database_url)
    async with database.open_database(chosen.database_url) as opened:
        await require_migrated(opened)
    async with open_container(chosen) as runtime:
        loop = asyncio.get_running_loop()
        for each in STOPPING:
            loop.add_signal_handler(each, runtime.backfill.stop)
        with _progress() as tell:
            listing = ProgressOutput(tell)
            walked = await _walked(runtime, store, listing, since=since, dry_run=dry_run)
        _print(walked, listing, dry_run=dry_run)
        if walked.words is not None:
            complain(f"{store}: the walk did not come to its end:", walked.words)
            return False
        if listing.found:
            await _print_webhooks(runtime.shops[store].list_webhooks)
        return True


def _store(chosen: Settings, store: str) -> StoreSettings:
    stores = chosen.all_stores
    if store not in stores:
        raise InvalidValue(f"there is no store {store}; the stores are {', '.join(stores) or 'none yet'}")
    return stores[store]


async def _walked(
    runtime: BridgeContainer, store: str, listing: ProgressOutput, *, since: datetime | None, dry_run: bool
) -> BackfillStats:
    if dry_run:
        return await runtime.backfill.dry_run(store, since=since, report=listing.note)
    walked = await runtime.backfill.run_store(store, since=since, at_once=True, report=listing.note)
    if walked is None:
        raise Conflict(f"another process is asking the store {store} at this moment: wait until it has ended")
    return walked


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how far it is, on a terminal; nobody knows beforehand how far it is to the end."""
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("asking the store", total=None)

        def tell(looked_at: int, found: int) -> None:
            progress.update(task, description=f"{looked_at} orders looked at, {found} found")

        yield tell


def _print(walked: BackfillStats, listing: ProgressOutput, *, dry_run: bool) -> None:
    if listing.worth:
        table = Table(
            "order", "WooCommerce", "modified (UTC)", "would be" if dry_run else "is now", "told before", "why"
        )
        for seen in listing.worth:
            table.add_row(*_cells(seen))
        out.print(table)
        if listing.found > len(listing.worth):
            out.print(f"... and {listing.found - len(listing.worth)} more")
    words = f"{walked.looked_at} looked at: {walked.known} known, {walked.found} found, {walked.failed} failed"
    if walked.recent:
        words += f", {walked.recent} so fresh that their webhooks may still come"
    out.print(words + ("; nothing was stored" if dry_run else ""))


def _cells(seen: ComparedOrder) -> tuple[str, ...]:
    modified = "" if seen.modified_at is None else f"{seen.modified_at:%Y-%m-%d %H:%M:%S}"
    before = (
        "nothing: no webhook came"
        if seen.stored_status is None
        else f"{seen.stored_status}: a later change was not told"
    )
    stands = "[red]failed[/]" if seen.kind is OrderComparison.FAILED else state(str(seen.state))
    cells = (seen.number or str(seen.woo_order_id or "?"), seen.status, modified)
    return (*(escape(cell) for cell in cells), stands, escape(before), escape(seen.words))


async def _print_webhooks(list_webhooks: Callable[[], Awaitable[tuple[Payload, ...]]]) -> None:
    """Say what is wrong with the shop's webhooks, where it shows them: that is why orders have to be asked for."""
    try:
        hooks = await list_webhooks()
    except ShopError as error:
        out.print(f"The shop does not show its webhooks: {escape(error.words)}")
        return
    ours = [hook for hook in hooks if DOOR in str(hook.get("delivery_url"))]
    if not ours:
        out.print("[yellow]The shop has no webhook for the bridge.[/] panelr-bridge connect makes them.")
    for hook in ours:
        if hook.get("status") != "active":
            out.print(
                f"[yellow]The webhook {escape(str(hook.get('name')))} ({escape(str(hook.get('topic')))})"
                f" is {escape(str(hook.get('status')))}[/]. panelr-bridge connect --repair mends this."
            )
