"""SQLite's single writer: transactions that arrive together share one commit.

A durable commit waits for the disk once, for one transaction or for ten. So the writer commits only when a turn of the
event loop brings no further transaction, or when MAX_BATCH are there. The batch runs without savepoints. If one of its
transactions fails, everything is rolled back, and all run again, each behind a savepoint of its own.

The statements run on the event loop, and the commit runs in a thread. A thread for the statements too would cost half
as much CPU again, because two Python threads contend for the interpreter at every statement.

A commit runs on the event loop as well while the last one was fast and the last MIN_SINGLES transactions each came
alone: then the switch to the thread and back would take longer than the commit. Such a transaction runs inside `run`,
without a task. A slow commit, or a second transaction in the same turn of the loop, brings the thread back.
"""

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from panelr_bridge.errors import RetryTransaction
from panelr_bridge.store.engine.commit_thread import CommitThread
from panelr_bridge.store.engine.pending import MAX_BATCH, MAX_TRIES, PendingResult

LOCK_TIMEOUT = 30.0
"""How many seconds to wait for another process that holds the write lock."""
FAST_COMMIT = 0.002
"""The longest commit, in seconds, that counts as fast."""
MIN_SINGLES = 4
"""After how many single transactions in a row the event loop commits: under load, others arrive during a commit."""


@dataclass(slots=True, kw_only=True)
class PendingTransaction(PendingResult):
    """A transaction that waits for the writer."""

    work: Callable[[Connection], Any]


class SqliteWriter:
    """Runs transactions on one connection, in the order in which they arrive."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commit_thread = CommitThread()
        self._queue: deque[PendingTransaction] = deque()
        self._commit_task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._was_fast = False
        """Whether the last commit was fast."""
        self._singles = 0
        """How many of the last transactions came alone, in a row."""
        self._ran_this_turn = False
        """Whether a transaction has run inside `run` in this turn of the loop."""

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        """Run `work` in a transaction, commit it and return its result; raises its error.

        It runs to its end even if the caller is cancelled: a commit that has begun cannot be cancelled.
        """
        loop = asyncio.get_running_loop()
        pending = PendingTransaction(work=work, future=loop.create_future())
        if self._ran_this_turn:
            self._singles = 0
        if self._commit_task is None and self._can_commit_on_loop() and self._try_run_now(pending):
            self._ran_this_turn = True
            loop.call_soon(self._end_turn)
            pending.deliver()
        else:
            self._queue.append(pending)
            if self._commit_task is None:
                self._commit_task = asyncio.create_task(self._commit_pending(), name="sqlite-writer")
        return await pending.future

    async def close(self) -> None:
        """Finish the queued transactions, then close the connection."""
        while self._commit_task is not None:  # a caller may queue another one after its result
            await asyncio.shield(self._commit_task)
        self._disconnect()
        self._commit_thread.close()

    def _can_commit_on_loop(self) -> bool:
        return self._was_fast and self._singles >= MIN_SINGLES

    def _end_turn(self) -> None:
        self._ran_this_turn = False

    def _try_run_now(self, pending: PendingTransaction) -> bool:
        """Run and commit a transaction; return False, with nothing written, if it must be queued instead."""
        if self._connection is None or _has_savepoint(self._connection):
            return False
        try:
            _begin(self._connection)
        except Exception:  # noqa: BLE001  mostly another process's write lock; the commit task waits for it, or raises
            return False
        try:
            if not _run_batch(self._connection, [pending]):
                return False  # the commit task retries it
            if pending.error is None:
                self._commit_on_loop(self._connection)
        except BaseException as error:  # noqa: BLE001  `deliver` raises it to the caller
            self._disconnect(is_broken=True)
            pending.error = error
        return True

    async def _commit_pending(self) -> None:
        try:
            while self._queue:
                await self._gather()
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
                await self._run_and_commit(batch)
                for pending in batch:
                    pending.deliver()
        finally:
            self._commit_task = None

    async def _gather(self) -> None:
        """Wait while each turn of the loop queues more transactions, so that they share one commit.

        The switch to the commit thread and back costs more CPU than an order's statements.
        """
        count = 0
        while count < len(self._queue) < MAX_BATCH:
            count = len(self._queue)
            await asyncio.sleep(0)

    async def _run_and_commit(self, batch: list[PendingTransaction]) -> None:
        """Run a batch and commit it; if the commit fails, every transaction of the batch fails.

        Between two runs of a batch another process may write.
        """
        try:
            connection = await self._begin_when_free()
            if not _run_batch(connection, batch):
                connection = await self._begin_when_free()
                for pending in batch:
                    _run_with_savepoint(connection, pending)
            self._singles = self._singles + 1 if len(batch) == 1 and not self._queue else 0
            if _driver(connection).in_transaction:  # false if the only transaction failed
                await self._commit(connection)
        except BaseException as error:  # noqa: BLE001  `deliver` raises it to every caller; the next batch goes on
            self._disconnect(is_broken=True)
            for pending in batch:
                pending.error = pending.error or error

    async def _commit(self, connection: Connection) -> None:
        if self._can_commit_on_loop():
            self._commit_on_loop(connection)
            return
        began = time.monotonic()
        await self._run_in_thread(functools.partial(_commit, connection))
        self._was_fast = time.monotonic() - began < FAST_COMMIT

    def _commit_on_loop(self, connection: Connection) -> None:
        began = time.monotonic()
        _commit(connection)
        self._was_fast = time.monotonic() - began < FAST_COMMIT

    async def _run_in_thread(self, work: Callable[[], Any]) -> None:
        """Run `work` in the commit thread; raises its error. A cancellation is ignored until it has finished."""
        done = self._commit_thread.run(work)
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(done)
        done.result()

    async def _begin_when_free(self) -> Connection:
        """Begin a transaction and return its connection; wait while another process holds the write lock."""
        if self._connection is not None and _has_savepoint(self._connection):
            self._disconnect(is_broken=True)  # a transaction has left an SQLAlchemy savepoint open
        if self._connection is None:
            self._connection = await self._commit_thread.run(self._engine.connect)
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                _begin(self._connection)
                return self._connection
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.005)

    def _disconnect(self, *, is_broken: bool = False) -> None:
        if self._connection is not None:
            if is_broken:  # an open transaction is rolled back with its connection
                self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _has_savepoint(connection: Connection) -> bool:
    return connection.get_nested_transaction() is not None


def _begin(connection: Connection) -> None:
    """Begin a transaction; SQLAlchemy itself begins only the first one, which lasts as long as the connection.

    Its begin and commit are forty Python calls, which take longer than an order's statements.
    """
    if connection.in_transaction():
        connection.dispatch.begin(connection)  # the engine's listener sends BEGIN, as for SQLAlchemy's own
    else:
        connection.begin()


def _commit(connection: Connection) -> None:
    connection.dispatch.commit(connection)
    _driver(connection).commit()


def _driver(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    return driver


def _run_batch(connection: Connection, batch: list[PendingTransaction]) -> bool:
    """Run the transactions; return False, with nothing written, if each must run behind a savepoint.

    Raises if SQLite has rolled back the transaction, or if it cannot be rolled back.
    """
    driver = _driver(connection)
    try:
        for pending in batch:
            pending.result = pending.work(connection)
            _require_open(driver)
    except Exception as error:
        if not driver.in_transaction:
            raise
        driver.rollback()
        if len(batch) > 1 or isinstance(error, RetryTransaction):
            return False
        batch[0].error = error
    return True


def _require_open(driver: sqlite3.Connection) -> None:
    """Raise if a transaction of the batch has ended the shared one."""
    if not driver.in_transaction:  # the earlier writes are gone, and each later statement would commit itself
        raise sqlite3.OperationalError("the transaction has ended within a piece of work")


def _run_with_savepoint(connection: Connection, pending: PendingTransaction) -> None:
    """Run one transaction behind a savepoint and keep its error; raises if SQLite rolled back the whole batch."""
    driver = _driver(connection)
    driver.execute("SAVEPOINT job")
    for is_last in (False,) * (MAX_TRIES - 1) + (True,):
        try:
            pending.result = pending.work(connection)
            break
        except BaseException as error:
            if not isinstance(error, Exception) or not driver.in_transaction:  # the process ends, or the disk is full
                raise
            driver.execute("ROLLBACK TO job")
            if is_last or not isinstance(error, RetryTransaction):
                pending.error = error
                break
    driver.execute("RELEASE job")
