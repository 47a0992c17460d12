"""SQLite's one writer: it commits together what was asked for at the same time.

A durable commit waits for the disk, and waits no longer for ten transactions than for one: so it begins once the loop
has come to all that has arrived. Where one of them fails, all begin again, each behind a savepoint of its own: then it
takes back what it wrote and nothing else.

The work runs on the event loop, only the commit, which waits for the disk, in a thread. A thread for all of it costs
half as much again: two threads of Python take the interpreter from each other at every statement. Where the disk was
quick just now and work comes alone, the way to the thread and back is longer than the commit: then all of it runs here,
before whoever asked for it goes on. A commit that finds the disk slow all at once keeps the loop for as long, and those
that follow wait in the thread again, as all do where another piece of work comes before the loop has come round.
"""

import asyncio
import contextlib
import functools
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from sqlalchemy import Connection, Engine

from panelr_bridge.errors import RetryTransaction

TRIES = 5
TOGETHER = 64
"""How many pieces of work share a commit at most, so that the first does not wait long for the last."""
PATIENCE = 30.0
"""How many seconds to wait for another process that is writing."""
QUICK = 0.002
"""How many seconds a commit may take that the event loop waits for."""
ALONE = 4
"""After how many pieces of work that came alone it does: where many are under way, more come while a thread waits."""


@dataclass(slots=True, kw_only=True)
class PendingResult:
    """What came of a piece of work, and who waits for that."""

    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def deliver(self) -> None:
        """Tell who waits, if anybody still does."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):  # which no future takes
            self.future.set_exception(RuntimeError(repr(self.error)))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


@dataclass(slots=True, kw_only=True)
class PendingTransaction(PendingResult):
    """A piece of work for the writer."""

    work: Callable[[Connection], Any]


class CommitThread:
    """A thread that waits for the disk, for one piece of work after the other.

    An executor of the standard library would do, but takes a dozen locks for each, where an order has two.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Run `work`; what it returns or raises is the future's."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="sqlite-commit", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        promise = PendingResult(future=loop.create_future())

        def run() -> None:
            try:
                promise.result = work()
            except BaseException as error:  # noqa: BLE001  it is told to who waits
                promise.error = error
            with contextlib.suppress(RuntimeError):  # the loop is over, and nobody waits
                loop.call_soon_threadsafe(promise.deliver)

        self._asked.put(run)
        return promise.future

    def close(self) -> None:
        """Wait for what was asked for, and end."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (run := self._asked.get()) is not None:
            run()


class SqliteWriter:
    """Runs work on one connection, in the order in which it was asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._disk = CommitThread()
        self._jobs: deque[PendingTransaction] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._quick = False
        """Whether the disk was quick when it was waited for last."""
        self._alone = 0
        """How many pieces of work were alone, one after the other, until now."""
        self._just_now = False
        """Whether the loop has not come round since the last piece of work was run at once."""

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        """Run `work` in a transaction and return its result once that is committed; raises what `work` raised.

        It is run to its end even when the caller is cancelled: a commit that is under way cannot be called back.
        """
        loop = asyncio.get_running_loop()
        job = PendingTransaction(work=work, future=loop.create_future())
        if self._just_now:
            self._alone = 0
        if self._serving is None and self._is_quick() and self._ran_at_once(job):
            self._just_now = True
            loop.call_soon(self._come_round)
            job.deliver()
        else:
            self._jobs.append(job)
            if self._serving is None:
                self._serving = asyncio.create_task(self._serve(), name="sqlite-writer")
        return await job.future

    async def close(self) -> None:
        """Finish what was asked for, then let go of the connection."""
        while self._serving is not None:  # what was delivered may have asked for more
            await asyncio.shield(self._serving)
        self._let_go()
        self._disk.close()

    def _is_quick(self) -> bool:
        """Whether the loop may wait for a commit."""
        return self._quick and self._alone >= ALONE

    def _come_round(self) -> None:
        self._just_now = False

    def _ran_at_once(self, job: PendingTransaction) -> bool:
        """Run a job and commit it here and now; False, and nothing has happened, where `_commit` is to see to it."""
        if self._connection is None or _has_savepoint(self._connection):
            return False
        try:
            _begin_on(self._connection)
        except Exception:  # noqa: BLE001  another process is writing, or worse: `_commit` meets it, too
            return False
        try:
            if not _together(self._connection, [job]):
                return False  # `_commit` has more patience
            if job.error is None:
                self._commit_here(self._connection)
        except BaseException as error:  # noqa: BLE001  it is told to who waits
            self._let_go(broken=True)
            job.error = error
        return True

    async def _serve(self) -> None:
        try:
            while self._jobs:
                await self._gather()
                batch = [self._jobs.popleft() for _ in range(min(len(self._jobs), TOGETHER))]
                await self._commit(batch)
                for job in batch:
                    job.deliver()
        finally:
            self._serving = None

    async def _gather(self) -> None:
        """Wait while each turn of the loop brings more work: what has arrived by now shares one commit.

        The way to the thread and back costs the processor more than an order's statements do.
        """
        known = 0
        while known < len(self._jobs) < TOGETHER:
            known = len(self._jobs)
            await asyncio.sleep(0)

    async def _commit(self, batch: list[PendingTransaction]) -> None:
        """Run the jobs and commit them; when that fails, none of them has happened.

        Where they are run again, another process may write in between.
        """
        try:
            connection = await self._begun()
            if not _together(connection, batch):
                connection = await self._begun()
                for job in batch:
                    _apart(connection, job)
            self._alone = self._alone + 1 if len(batch) == 1 and not self._jobs else 0
            if _driver(connection).in_transaction:  # where the only job has failed, there is none
                await self._commit_where_it_waits_least(connection)
        except BaseException as error:  # noqa: BLE001  it is told to everybody who waits, and the next ones are served
            self._let_go(broken=True)
            for job in batch:
                job.error = job.error or error

    async def _commit_where_it_waits_least(self, connection: Connection) -> None:
        if self._is_quick():
            self._commit_here(connection)
            return
        began = time.monotonic()
        await self._in_thread(functools.partial(_commit_on, connection))
        self._quick = time.monotonic() - began < QUICK

    def _commit_here(self, connection: Connection) -> None:
        began = time.monotonic()
        _commit_on(connection)
        self._quick = time.monotonic() - began < QUICK

    async def _in_thread(self, work: Callable[[], Any]) -> None:
        """Run `work` in the thread and raise what it raised; whoever cancels this cannot call it back."""
        done = self._disk.run(work)
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(done)
        done.result()

    async def _begun(self) -> Connection:
        """Take SQLite's lock for writing, which another process may hold for a while."""
        if self._connection is not None and _has_savepoint(self._connection):
            self._let_go(broken=True)  # a piece of work has left a savepoint of SQLAlchemy's behind
        if self._connection is None:
            self._connection = await self._disk.run(self._engine.connect)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                _begin_on(self._connection)
                return self._connection
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            await asyncio.sleep(0.005)

    def _let_go(self, *, broken: bool = False) -> None:
        if self._connection is not None:
            if broken:  # whatever it has begun ends with it
                self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _has_savepoint(connection: Connection) -> bool:
    return connection.get_nested_transaction() is not None


def _begin_on(connection: Connection) -> None:
    """Begin a transaction. SQLAlchemy is told of the first alone, which for it lasts as long as the connection.

    Its own beginning and end of a transaction are forty calls of Python's, more than an order's statements take.
    """
    if connection.in_transaction():
        connection.dispatch.begin(connection)  # on which SQLite is told, as by SQLAlchemy's own
    else:
        connection.begin()


def _commit_on(connection: Connection) -> None:
    connection.dispatch.commit(connection)
    _driver(connection).commit()


def _driver(connection: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    return driver


def _together(connection: Connection, batch: list[PendingTransaction]) -> bool:
    """Run the jobs; False, and nothing has happened, where they are to run apart.

    Raises where SQLite has given up the transaction, or what has failed cannot be taken back.
    """
    driver = _driver(connection)
    try:
        for job in batch:
            job.result = job.work(connection)
            _still_open(driver)
    except Exception as error:
        if not driver.in_transaction:
            raise
        driver.rollback()
        if len(batch) > 1 or isinstance(error, RetryTransaction):
            return False
        batch[0].error = error
    return True


def _still_open(driver: sqlite3.Connection) -> None:
    """Raise where a piece of work has ended the transaction that it shares."""
    if not driver.in_transaction:  # what ran before is gone, what follows would be committed at once
        raise sqlite3.OperationalError("the transaction has ended within a piece of work")


def _apart(connection: Connection, job: PendingTransaction) -> None:
    """Run one job; what it raises is its own, unless SQLite has given up the whole transaction over it."""
    driver = _driver(connection)
    driver.execute("SAVEPOINT job")
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            job.result = job.work(connection)
            break
        except BaseException as error:
            if not isinstance(error, Exception) or not driver.in_transaction:  # the program ends, the disk is full
                raise
            driver.execute("ROLLBACK TO job")
            if last or not isinstance(error, RetryTransaction):
                job.error = error
                break
    driver.execute("RELEASE job")
