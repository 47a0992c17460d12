"""Periodically ask each shop for the orders whose webhook never came.

Each store has a cursor: every modification up to it has been imported. One process at a time runs a store's backfill.
It saves its progress with every page, so another process can continue an interrupted run.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from panelr_bridge import logs
from panelr_bridge.application.backfill.compared_order import SETTLE, ComparedOrder, OrderComparison
from panelr_bridge.application.backfill.cursor_lease import FIRST_RUN, BackfillStopped, CursorLease
from panelr_bridge.application.backfill.page import PageImporter
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.errors import ShopError, ShopUnreachable
from panelr_bridge.store import backfill_cursors
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.rows import BackfillCursorRow, not_null
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import ChangedPage

ReportOrder = Callable[[ComparedOrder], None]
Pages = AsyncGenerator[ChangedPage, None]

OVERLAP = timedelta(seconds=60)
"""How far each run steps back: filters are exclusive, changes of one second come late, a shop's clocks differ."""
CLOCKS_APART = timedelta(hours=1)
"""How far a shop's clock may be behind. A cursor follows the shop's clock, at most this far behind ours."""
LEASE = timedelta(minutes=5)
"""Longer than a page takes if every request is retried as often as allowed."""
SAVE_INTERVAL = timedelta(seconds=20)
"""How often the lease is extended while all orders are known."""
KNOWN = OrderComparison.KNOWN
LONGEST_PAUSE = timedelta(hours=1)
RETRY_DELAY = timedelta(seconds=30)
"""How long to wait while the database is unavailable."""
INTERNAL_ERROR = "internal error: see the log"

log = logs.get(__name__)


def _ignore(_: ComparedOrder) -> None:
    """Ignore the order: the default of `report`."""


@dataclass(slots=True)
class BackfillStats:
    """What a backfill run has compared so far. `words` say why it did not finish, None if it did."""

    looked_at: int = 0
    known: int = 0
    found: int = 0
    failed: int = 0
    recent: int = 0
    words: str | None = None

    def add_page(self, page: Sequence[ComparedOrder]) -> None:
        """Count the orders of a page."""
        kinds = [each.kind for each in page]
        self.looked_at += len(kinds)
        self.known += kinds.count(OrderComparison.KNOWN)
        self.found += kinds.count(OrderComparison.FOUND)
        self.failed += kinds.count(OrderComparison.FAILED)
        self.recent += kinds.count(OrderComparison.RECENT)

    def as_columns(self) -> Columns:
        """Return the cursor's columns for these counts."""
        return {"looked_at": self.looked_at, "known": self.known, "found": self.found, "failed": self.failed}


class BackfillScheduler:
    """Runs the stores' backfills in one process. It sets `wake_worker` when an imported order owes a call."""

    def __init__(
        self,
        caller: PanelrCaller,
        *,
        shops: Mapping[str, ShopClient],
        policy: OrderPolicy,
        call_policy: CallPolicy,
        every: timedelta,
        wake_worker: asyncio.Event,
        lease: timedelta = LEASE,
    ) -> None:
        self._caller = caller
        self._shops = shops
        self._every = every
        self._wake_worker = wake_worker
        self._lease = CursorLease(caller, duration=lease)
        self._stopping = asyncio.Event()
        self._importers = {
            name: PageImporter(caller, shop=shop, store=name, policy=policy, call_policy=call_policy, stores=len(shops))
            for name, shop in shops.items()
        }

    def stop(self) -> None:
        """Start no new run. A run in progress stops within its page, and the next start continues it."""
        self._stopping.set()

    async def run(self) -> None:
        """Run every store's backfill periodically until `stop`. An error of one store does not affect another."""
        if self._every:
            await asyncio.gather(*(self._run_periodically(store) for store in self._shops))

    async def _run_periodically(self, store: str) -> None:
        while not self._stopping.is_set():
            try:
                await self.run_store(store)
                pause = await self._next_pause(store)
            except Exception as error:
                if is_unavailable(error):
                    log.warning("backfill.waits", store=store, reason="the database is unavailable")
                else:
                    log.exception("backfill.failed", store=store)
                pause = min(self._every, RETRY_DELAY)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause.total_seconds())

    async def _next_pause(self, store: str) -> timedelta:
        """Return the time until the next run, or until another process's lease ends."""
        cursor = await self._caller.database.read(backfill_cursors.get, store=store)
        now = self._caller.clock()
        until = now if cursor is None else max(cursor["next_at"], cursor["lease_until"] or cursor["next_at"])
        return min(max(until - now, timedelta(milliseconds=50)), self._every)

    async def run_store(
        self, store: str, *, since: datetime | None = None, at_once: bool = False, report: ReportOrder = _ignore
    ) -> BackfillStats | None:
        """Run a store's backfill if it is due, or `at_once`, and call `report` with every compared order.

        With `since` the run starts at that moment instead of the cursor, and orders made since then count, however old
        they are. Returns None if no run is due or another
        process has the lease. The result and the cursor hold a shop's errors. Raises only if the database is
        unavailable.
        """
        cursor = await self._lease.acquire(store, since=since, at_once=at_once)
        if cursor is None:
            return None
        begin = cursor["moment"] - OVERLAP if since is None else since
        stats = BackfillStats()
        try:
            finished = await self._import_changes(store, cursor, stats, begin=begin, orders_since=since, report=report)
        except BackfillStopped as stopped:
            stats.words = str(stopped)
            await self._lease.release(store, {"next_at": self._caller.clock()})
        except ShopError as error:
            await self._record_failure(store, cursor, stats, error)
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("backfill.failed", store=store)
            await self._record_failure(store, cursor, stats, error)
        else:
            await self._lease.release(store, finished)
            log.info("backfill.finished", store=store, **stats.as_columns())
        return stats

    async def dry_run(
        self, store: str, *, since: datetime | None = None, report: ReportOrder = _ignore
    ) -> BackfillStats:
        """Compare a store's orders as `run_store` does, and write nothing."""
        cursor = await self._caller.database.read(backfill_cursors.get, store=store)
        begin = cursor["moment"] - OVERLAP if cursor is not None else self._caller.clock() - FIRST_RUN
        stats = BackfillStats()
        try:
            pages = self._read_pages(store, since or begin, horizon=self._caller.clock())
            async with contextlib.aclosing(pages):
                async for page in pages:
                    compared = await self._importers[store].compare_page(page, orders_since=since)
                    stats.add_page(compared)
                    for each in compared:
                        report(each)
        except (ShopError, BackfillStopped) as error:
            stats.words = str(error)
        return stats

    async def _import_changes(
        self,
        store: str,
        cursor: BackfillCursorRow,
        stats: BackfillStats,
        *,
        begin: datetime,
        orders_since: datetime | None,
        report: ReportOrder,
    ) -> Columns:
        """Import everything modified since `begin`; return the cursor's columns for a finished run."""
        saved_at = began_at = not_null(cursor["began_at"])
        moves_cursor = begin <= cursor["moment"]
        moment: datetime = cursor["moment"]
        paced_until: datetime | None = cursor["paced_until"]
        pages = self._read_pages(store, begin, horizon=began_at - SETTLE)
        async with contextlib.aclosing(pages):
            async for page in pages:
                compared, paced_until = await self._importers[store].import_page(
                    page, since=began_at, paced_until=paced_until, orders_since=orders_since
                )
                stats.add_page(compared)
                if any(each.state is OrderState.QUEUED for each in compared):
                    self._wake_worker.set()
                if moves_cursor and page.complete_to is not None:
                    moment = max(moment, page.complete_to)
                is_news = page.complete_to is not None or any(each.kind is not KNOWN for each in compared)
                if is_news or self._caller.clock() - saved_at > SAVE_INTERVAL:
                    saved_at = self._caller.clock()
                    found_in_all = cursor["found_in_all"] + stats.found
                    progress: Columns = {"moment": moment} if moves_cursor else {}
                    progress |= stats.as_columns() | {"paced_until": paced_until, "found_in_all": found_in_all}
                    await self._lease.extend(store, progress)
                for each in compared:
                    report(each)
        now = self._caller.clock()
        finished: Columns = {"ended_at": now, "next_at": now + self._every}
        finished |= {"failures": 0, "failing_since": None, "words": None}
        return finished | ({"moment": max(moment, began_at - CLOCKS_APART)} if moves_cursor else {})

    async def _record_failure(
        self, store: str, cursor: BackfillCursorRow, stats: BackfillStats, error: Exception
    ) -> None:
        stats.words = error.words if isinstance(error, ShopError) else INTERNAL_ERROR
        failures, now = cursor["failures"] + 1, self._caller.clock()
        pause = self._every
        if not isinstance(error, ShopUnreachable):  # an operator must fix it, which may take a while
            pause = max(pause, min(pause * 2 ** min(failures, 10), LONGEST_PAUSE))
        log.warning("backfill.stopped", store=store, reason=stats.words, failures=failures)
        since = cursor["failing_since"] or now
        failure = {"words": stats.words, "failures": failures, "failing_since": since, "next_at": now + pause}
        await self._lease.release(store, failure)

    async def _read_pages(self, store: str, since: datetime, *, horizon: datetime) -> AsyncGenerator[ChangedPage, None]:
        """Yield the pages of orders modified since `since`; raise BackfillStopped as soon as `stop` is called."""
        pages = self._read_changes(store, since, horizon=horizon)
        try:
            while (page := await self._read_page(pages)) is not None:
                yield page
        finally:
            with contextlib.suppress(RuntimeError):  # a read is in progress; its cancellation closes the generator
                await pages.aclose()

    async def _read_changes(self, store: str, since: datetime, *, horizon: datetime) -> Pages:
        shop = self._shops[store]
        await shop.learn_dates(partial(self._read_reported, store))
        async with contextlib.aclosing(shop.changed_pages(since, horizon=horizon)) as pages:
            async for page in pages:
                yield page

    async def _read_reported(self, store: str, ids: list[int]) -> dict[int, datetime]:
        return await self._caller.database.read(backfill_cursors.reported_modifications, store=store, ids=ids)

    async def _read_page(self, pages: Pages) -> ChangedPage | None:
        """Return the next page, None at the end; on `stop` raise BackfillStopped without waiting for the shop."""
        reading = asyncio.ensure_future(_next_or_none(pages))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise BackfillStopped("the process is stopping; its next start continues this run")
            return reading.result()
        finally:
            stopping.cancel()
            reading.cancel()
            await asyncio.wait({reading})


async def _next_or_none(pages: Pages) -> ChangedPage | None:
    return await anext(pages, None)
