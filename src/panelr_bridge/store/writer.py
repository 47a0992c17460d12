"""SQLite's one writer: a thread that commits together what was asked for at the same time.

A durable commit waits for the disk, and waits no longer for ten transactions than for one. Each piece of work runs
apart from the others, behind a savepoint of its own: one that fails takes back what it wrote and nothing else.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

TRIES = 5
TOGETHER = 64
"""How many pieces of work share a commit at most, so that the first does not wait long for the last."""


class Restart(Exception):
    """Raised by a transaction that met a concurrent one and must see what that has done."""


@dataclass(slots=True)
class Job:
    """A piece of work, what came of it, and who waits for that."""

    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def deliver(self) -> None:
        """Tell who waits, in the waiter's loop; nobody may be left waiting there."""
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs work in one thread, in the order in which it was asked for. The thread begins with the first work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        """Run `work` in a transaction and return its result once that is committed; raises what `work` raised.

        It is run to its end even when the caller is cancelled: a commit that is under way cannot be called back.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="sqlite-writer", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        job = Job(work, loop, loop.create_future())
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Finish what was asked for, then let go of the connection. Blocks until that is done."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._commit(batch)
            for loop in {job.loop for job in batch}:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_deliver, [job for job in batch if job.loop is loop])
        self._let_go()

    def _next_batch(self) -> list[Job] | None:
        """Wait for work and return all that has come; None at the end."""
        batch: list[Job] = []
        while len(batch) < TOGETHER:
            try:
                job = self._jobs.get(block=not batch)
            except queue.Empty:
                break
            if job is None:
                if batch:
                    self._jobs.put(None)  # the end comes after what is before it
                break
            batch.append(job)
        return batch or None

    def _commit(self, batch: list[Job]) -> None:
        """Run the jobs and commit them; when that fails, none of them has happened."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                for job in batch:
                    _apart(self._connection, job)
        except BaseException as error:  # noqa: BLE001  it is told to everybody who waits, and this thread goes on
            self._let_go()
            for job in batch:
                job.error = job.error or error

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _apart(connection: Connection, job: Job) -> None:
    """Run one job; what it raises is its own, unless SQLite has given up the whole transaction over it."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    driver.execute("SAVEPOINT job")
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            job.result = job.work(connection)
            break
        except BaseException as error:
            if not driver.in_transaction:  # the disk is full, say
                raise
            driver.execute("ROLLBACK TO job")
            if last or not isinstance(error, Restart):
                job.error = error
                break
    driver.execute("RELEASE job")


def _deliver(jobs: list[Job]) -> None:
    for job in jobs:
        job.deliver()
