"""Asks each store, again and again, for the orders whose webhook never came.

A mark for each store tells up to which modification everything has been fed. One process at a time walks a store; what
it does is written down with every page, so that whoever comes next goes on where it was.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application.backfill.page import (
    SETTLE,
    ComparedOrder,
    OrderComparison,
    PageImporter,
    group_pages,
    newest,
)
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.transactions.claim_call import CallPolicy
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.errors import ShopError, ShopUnreachable
from panelr_bridge.store import backfill_cursors
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.rest.client import ShopClient
from panelr_bridge.woocommerce.rest.models import Payload

Tell = Callable[[ComparedOrder], None]
Walk = AsyncGenerator[list[Payload], None]

FIRST = timedelta(hours=1)
"""How far back the first walk of a store goes."""
OVERLAP = timedelta(seconds=60)
"""How far every walk steps back: filters are exclusive, changes of one second come late, clocks of one shop differ."""
CLOCKS_APART = timedelta(hours=1)
"""How far a shop's clock may be behind. A mark goes by the shop's, and follows ours at this distance."""
LEASE = timedelta(minutes=5)
"""Longer than a page takes whose every request is tried as often as it may be."""
LONGEST_PAUSE = timedelta(hours=1)
AGAIN = timedelta(seconds=30)
"""How long to wait for a database that is away."""
FAULT = "a fault of the bridge; the log says which"

log = logs.get(__name__)


def _nobody(_: ComparedOrder) -> None:
    """Tell nobody."""


class BackfillStopped(Exception):
    """The process is to stop, or another one has taken the walk over."""


@dataclass(slots=True)
class BackfillStats:
    """How a walk went. `words` is why it did not come to its end; None when it did."""

    looked_at: int = 0
    known: int = 0
    found: int = 0
    failed: int = 0
    fresh: int = 0
    words: str | None = None

    def note(self, seen: Sequence[ComparedOrder]) -> None:
        """Count a page."""
        self.looked_at += len(seen)
        for kind in OrderComparison:
            setattr(self, kind, getattr(self, kind) + sum(each.kind is kind for each in seen))

    def counts(self) -> Row:
        """Return what is written down of it."""
        return {name: getattr(self, name) for name in ("looked_at", "known", "found", "failed")}


class BackfillScheduler:
    """One process's share of the asking. `owed` is set when there is something for the worker."""

    def __init__(
        self,
        calls: PanelrCaller,
        *,
        shops: Mapping[str, ShopClient],
        policy: OrderPolicy,
        terms: CallPolicy,
        every: timedelta,
        owed: asyncio.Event,
        lease: timedelta = LEASE,
    ) -> None:
        self._calls = calls
        self._shops = shops
        self._every = every
        self._owed = owed
        self._lease = lease
        self._stopping = asyncio.Event()
        self._holder = secrets.token_hex(8)
        self._reconcilers = {
            name: PageImporter(calls, store=name, policy=policy, terms=terms, stores=len(shops)) for name in shops
        }

    def stop(self) -> None:
        """Begin nothing more; a walk under way ends at its page, and goes on at the next start."""
        self._stopping.set()

    async def run(self) -> None:
        """Ask every store by its turn until `stop`. Nothing that goes wrong ends it, or holds up another store."""
        if self._every:
            await asyncio.gather(*(self._keep_asking(store) for store in self._shops))

    async def _keep_asking(self, store: str) -> None:
        while not self._stopping.is_set():
            try:
                await self.walk(store)
                pause = await self._pause(store)
            except Exception as error:
                if is_unavailable(error):
                    log.warning("backfill.waits", store=store, reason="the database is unavailable")
                else:
                    log.exception("backfill.failed", store=store)
                pause = min(self._every, AGAIN)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause.total_seconds())

    async def _pause(self, store: str) -> timedelta:
        """Return how long it is until the next walk, or until another process's lease ends."""
        row = await self._calls.database.read(backfill_cursors.get, store=store)
        now = self._calls.clock()
        until = now if row is None else max(row["next_at"], row["lease_until"] or row["next_at"])
        return min(max(until - now, timedelta(milliseconds=50)), self._every)

    async def walk(
        self, store: str, *, since: datetime | None = None, at_once: bool = False, tell: Tell = _nobody
    ) -> BackfillStats | None:
        """Walk a store if that is due, or `at_once`; None where it is not, or another process does.

        With `since` it goes back to that moment. What the store does wrong is told by the result and by its mark.
        Raises only while the database is away; `tell` is told every order.
        """
        row = await self._take(store, since=since, at_once=at_once)
        if row is None:
            return None
        begin = row["moment"] - OVERLAP if since is None else since
        walked = BackfillStats()
        try:
            ended = await self._through(store, row, walked, begin=begin, tell=tell)
        except BackfillStopped as stopped:
            walked.words = str(stopped)
            await self._release(store, {"next_at": self._calls.clock()})
        except ShopError as error:
            await self._failed(store, row, walked, error)
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("backfill.failed", store=store)
            await self._failed(store, row, walked, error)
        else:
            await self._release(store, ended)
            log.info("backfill.finished", store=store, **walked.counts())
        return walked

    async def look(self, store: str, *, since: datetime | None = None, tell: Tell = _nobody) -> BackfillStats:
        """Walk a store as `walk` does, and write nothing."""
        row = await self._calls.database.read(backfill_cursors.get, store=store)
        begin = row["moment"] - OVERLAP if row is not None else self._calls.clock() - FIRST
        walked = BackfillStats()
        try:
            async with contextlib.aclosing(group_pages(self._shops[store].changed_since(since or begin))) as walk:
                while (page := await self._next(walk)) is not None:
                    seen = await self._reconcilers[store].glance(page)
                    walked.note(seen)
                    for each in seen:
                        tell(each)
        except (ShopError, BackfillStopped) as error:
            walked.words = str(error)
        return walked

    async def _take(self, store: str, *, since: datetime | None, at_once: bool) -> Row | None:
        now = self._calls.clock()
        if await self._calls.database.read(backfill_cursors.get, store=store) is None:
            first = now - FIRST if since is None else min(since, now - FIRST)
            await self._calls.write(_begin, store=store, moment=first)
        return await self._calls.write(
            _take, store=store, holder=self._holder, lease=self._lease, at_once=at_once, since=since
        )

    async def _through(self, store: str, row: Row, walked: BackfillStats, *, begin: datetime, tell: Tell) -> Row:
        """Feed everything that was modified since `begin`; returns what is to be written at the end."""
        began, shop = row["began_at"], self._shops[store]
        moves = begin <= row["moment"]
        mark: datetime = row["moment"]
        paced_until: datetime | None = row["paced_until"]
        async with contextlib.aclosing(group_pages(shop.changed_since(begin))) as walk:
            while (page := await self._next(walk)) is not None:
                seen, paced_until = await self._reconcilers[store].feed(page, since=began, paced_until=paced_until)
                walked.note(seen)
                if any(each.state is OrderState.QUEUED for each in seen):
                    self._owed.set()
                if moves:
                    mark = max(mark, newest(seen, until=began - SETTLE) or mark)
                reached = {"moment": mark} if shop.lists_oldest_first else {}
                await self._note(store, row, walked, reached | {"paced_until": paced_until})
                for each in seen:
                    tell(each)
        now = self._calls.clock()
        ended: Row = {"ended_at": now, "next_at": now + self._every}
        ended |= {"failures": 0, "failing_since": None, "words": None}
        return ended | ({"moment": max(mark, began - CLOCKS_APART)} if moves else {})

    async def _note(self, store: str, row: Row, walked: BackfillStats, values: Row) -> None:
        """Write down how far the walk has come; raises Stopped where another process has taken it over."""
        values |= walked.counts() | {"found_in_all": row["found_in_all"] + walked.found}
        values |= {"lease_until": self._calls.clock() + self._lease}
        if not await self._calls.write(_change, values, store=store, holder=self._holder):
            raise BackfillStopped("another process has taken the walk over")

    async def _failed(self, store: str, row: Row, walked: BackfillStats, error: Exception) -> None:
        walked.words = error.words if isinstance(error, ShopError) else FAULT
        failures, now = row["failures"] + 1, self._calls.clock()
        pause = self._every
        if not isinstance(error, ShopUnreachable):  # a person must mend it, and may take a while
            pause = max(pause, min(pause * 2 ** min(failures, 10), LONGEST_PAUSE))
        log.warning("backfill.stopped", store=store, reason=walked.words, failures=failures)
        since = row["failing_since"] or now
        values = {"words": walked.words, "failures": failures, "failing_since": since, "next_at": now + pause}
        await self._release(store, values)

    async def _release(self, store: str, values: Row) -> None:
        await self._calls.write(
            _change, values | {"holder": None, "lease_until": None}, store=store, holder=self._holder
        )

    async def _next(self, walk: Walk) -> list[Payload] | None:
        """Return the next page, None at the end; raises Stopped without waiting for it any longer."""
        reading = asyncio.ensure_future(_page(walk))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise BackfillStopped("told to stop; it goes on at the next start")
            return reading.result()
        finally:
            stopping.cancel()
            reading.cancel()
            await asyncio.wait({reading})


async def _page(walk: Walk) -> list[Payload] | None:
    return await anext(walk, None)


def _begin(connection: Connection, now: datetime, *, store: str, moment: datetime) -> None:
    backfill_cursors.create(connection, store=store, moment=moment, now=now)


def _take(
    connection: Connection,
    now: datetime,
    *,
    store: str,
    holder: str,
    lease: timedelta,
    at_once: bool,
    since: datetime | None,
) -> Row | None:
    row = backfill_cursors.acquire_lease(
        connection, store=store, holder=holder, until=now + lease, now=now, at_once=at_once
    )
    if row is not None and since is not None and since < row["moment"]:
        backfill_cursors.save(connection, {"moment": since}, store=store, holder=holder)
        row["moment"] = since
    return row


def _change(connection: Connection, _: datetime, values: Row, *, store: str, holder: str) -> bool:
    return backfill_cursors.save(connection, values, store=store, holder=holder)
