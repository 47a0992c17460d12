"""The lease on a store's backfill cursor: at most one process at a time runs a store's backfill."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.store import backfill_cursors, known_stores
from panelr_bridge.store.rows import BackfillCursorRow
from panelr_bridge.store.tables import Columns

FIRST_RUN = timedelta(hours=1)
"""How far back the first backfill run of a store goes."""


class BackfillStopped(Exception):
    """The process is stopping, or another process took over the backfill run."""


class CursorLease:
    """One process's leases. The database accepts writes to a cursor only from the lease's holder."""

    def __init__(self, caller: PanelrCaller, *, duration: timedelta) -> None:
        self._caller = caller
        self._duration = duration
        self._holder = secrets.token_hex(8)

    async def acquire(self, store: str, *, since: datetime | None, at_once: bool) -> BackfillCursorRow | None:
        """Acquire a store's lease and return its cursor, which the first run creates.

        A `since` before the cursor moves it back. Returns None if another process holds the lease, or if no run is due
        and `at_once` is False.
        """
        now = self._caller.clock()
        if await self._caller.database.read(backfill_cursors.get, store=store) is None:
            first = now - FIRST_RUN if since is None else min(since, now - FIRST_RUN)
            await self._caller.write(_create_cursor, store=store, moment=first)
        return await self._caller.write(
            _acquire, store=store, holder=self._holder, lease=self._duration, at_once=at_once, since=since
        )

    async def extend(self, store: str, values: Columns) -> None:
        """Save `values` and extend the lease; raise BackfillStopped if another process has taken it."""
        lease = {"lease_until": self._caller.clock() + self._duration}
        if not await self._caller.write(_save, values | lease, store=store, holder=self._holder):
            raise BackfillStopped("another process took over this backfill run")

    async def release(self, store: str, values: Columns) -> None:
        """Save `values` and release the lease; do nothing if another process has taken it."""
        released = {"holder": None, "lease_until": None}
        await self._caller.write(_save, values | released, store=store, holder=self._holder)


def _create_cursor(connection: Connection, now: datetime, *, store: str, moment: datetime) -> None:
    backfill_cursors.create(connection, store=store, moment=moment, now=now)
    known_stores.save(connection, store=store, source=None, now=now)


def _acquire(
    connection: Connection,
    now: datetime,
    *,
    store: str,
    holder: str,
    lease: timedelta,
    at_once: bool,
    since: datetime | None,
) -> BackfillCursorRow | None:
    cursor = backfill_cursors.acquire_lease(
        connection, store=store, holder=holder, until=now + lease, now=now, at_once=at_once
    )
    if cursor is not None and since is not None and since < cursor["moment"]:
        backfill_cursors.save(connection, {"moment": since}, store=store, holder=holder)
        cursor["moment"] = since
    return cursor


def _save(connection: Connection, _: datetime, values: Columns, *, store: str, holder: str) -> bool:
    return backfill_cursors.save(connection, values, store=store, holder=holder)
