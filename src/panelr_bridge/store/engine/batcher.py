"""Batches autocommit statements: while one is in flight, equal ones queue and are sent as one implicit transaction.

A commit waits for the disk once, for one statement or for ten, and so does a round trip to the database. A statement
that arrives while none is in flight is sent at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from panelr_bridge.store.engine.compiled import CompiledStatement, Rows, Values
from panelr_bridge.store.engine.pending import MAX_BATCH, PendingResult

BuildValues = Callable[[], Values]
"""Returns a statement's values; it is called when the statement is sent, and again when the statement is retried."""
TARGET_IN_FLIGHT = 1
"""How many statements or batches are in flight while none of them stalls."""
STALL_SECONDS = 0.05
"""After this wait, the one in flight is taken to be stalled by a lock or the disk, and another one may start."""
WAIT_TIMEOUT = 30.0
"""After how many seconds a waiting statement fails, as in SQLAlchemy's pool."""


@dataclass(slots=True, kw_only=True)
class PendingStatement(PendingResult):
    """A queued statement's values, and the loop's time when it was queued."""

    build_values: BuildValues
    since: float


class StatementBatcher:
    """Sends statements with as few in flight as possible, and at most `max_in_flight`.

    `run_one` executes a statement with one set of values and returns its rows. `run_many` executes it with several
    sets in one transaction; it returns one row for each, or None when nothing was written and each must run alone.
    """

    def __init__(
        self,
        run_one: Callable[[CompiledStatement, BuildValues], Awaitable[Rows]],
        run_many: Callable[[CompiledStatement, list[BuildValues]], Awaitable[Rows | None]],
        *,
        max_in_flight: int,
    ) -> None:
        self._run_one = run_one
        self._run_many = run_many
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._queues: dict[tuple[CompiledStatement, bool], deque[PendingStatement]] = {}
        """The waiting statements, by statement and by whether they may be batched."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, statement: CompiledStatement, build_values: BuildValues) -> Rows:
        """Run `statement` and return its rows; raises its error, or TimeoutError when it waits too long.

        Once a queued statement has been sent, it runs to its end even if its caller is cancelled: others may share
        its commit.
        """
        if self._in_flight >= TARGET_IN_FLIGHT:
            loop = asyncio.get_running_loop()
            pending = PendingStatement(build_values=build_values, since=loop.time(), future=loop.create_future())
            self._enqueue(statement, pending, can_batch=statement.one_row)
            rows: Rows = await pending.future
            return rows
        self._in_flight += 1
        try:
            return await self._run_one(statement, build_values)
        finally:
            self._finish_one()
            if self._queues:
                self._start_sender()

    async def close(self) -> None:
        """Wait for the statements in flight and for the queued ones."""
        while self._in_flight:
            self._finished = asyncio.get_running_loop().create_future()
            await self._finished

    def _finish_one(self) -> None:
        self._in_flight -= 1
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    def _enqueue(self, statement: CompiledStatement, pending: PendingStatement, *, can_batch: bool) -> None:
        self._queues.setdefault((statement, can_batch), deque()).append(pending)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STALL_SECONDS, self._check_waits)

    def _check_waits(self) -> None:
        """Fail the statements that have waited too long; start another sender if those in flight stall."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for key, queue in list(self._queues.items()):
            while queue and loop.time() - queue[0].since > WAIT_TIMEOUT:
                error = TimeoutError(f"no connection to the database within {WAIT_TIMEOUT:g} seconds")
                _deliver(queue.popleft(), error=error)
            if not queue:
                del self._queues[key]
        if not self._queues:
            return
        oldest = min(queue[0].since for queue in self._queues.values())
        if self._in_flight < self._max_in_flight and loop.time() - oldest >= STALL_SECONDS:
            self._start_sender()
        self._timer = loop.call_later(STALL_SECONDS, self._check_waits)

    def _start_sender(self) -> None:
        self._in_flight += 1
        task = asyncio.create_task(self._send_pending(), name="statements")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_pending(self) -> None:
        """Send the queued statements until the queues are empty; the queues take turns."""
        try:
            while self._queues:
                key = next(iter(self._queues))
                queue = self._queues.pop(key)
                statement, can_batch = key
                batch = [queue.popleft() for _ in range(min(len(queue), MAX_BATCH if can_batch else 1))]
                if queue:  # to the end of the line
                    self._queues[key] = queue
                await self._send(statement, [pending for pending in batch if not pending.future.done()])
        finally:
            self._finish_one()

    async def _send(self, statement: CompiledStatement, batch: list[PendingStatement]) -> None:
        """Send `batch` and deliver each result; if it was rolled back as a whole, queue each to run alone."""
        try:
            results = await self._execute(statement, batch)
        except BaseException as error:
            for pending in batch:
                _deliver(pending, error=error)
            if not isinstance(error, Exception):  # the process is ending
                raise
            return
        for pending, rows in zip(batch, results, strict=True):
            if rows is None:
                self._enqueue(statement, pending, can_batch=False)
            else:
                _deliver(pending, rows=rows)

    async def _execute(self, statement: CompiledStatement, batch: list[PendingStatement]) -> list[Rows | None]:
        if len(batch) < 2:
            return [await self._run_one(statement, pending.build_values) for pending in batch]
        rows = await self._run_many(statement, [pending.build_values for pending in batch])
        if rows is None:
            return [None] * len(batch)
        if len(rows) != len(batch):  # the rows cannot be assigned to their callers
            raise RuntimeError(f"the database returned {len(rows)} rows for {len(batch)} statements of one row each")
        return [[row] for row in rows]


def _deliver(pending: PendingStatement, *, rows: Rows | None = None, error: BaseException | None = None) -> None:
    pending.result, pending.error = rows, error
    pending.deliver()
