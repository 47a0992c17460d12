"""Who runs a statement next, and what shares a commit.

A commit waits for the disk, and no longer for ten statements than for one; so do the ways to the database and back.
While one statement is under way the next ones wait, and all that came of one kind then go together. A statement that
comes alone waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from panelr_bridge.store.engine.compiled import CompiledStatement
from panelr_bridge.store.engine.sqlite_writer import TOGETHER, PendingResult
from panelr_bridge.store.tables import Row

Values = Callable[[], Row]
Rows = list[Sequence[Any]]
AT_ONCE = 1
"""How many are under way at one time while none is held up."""
HELD_UP = 0.05
"""How many seconds one waits before that which is under way is taken to be held up, by a lock or by the disk."""
PATIENCE = 30.0
"""How many seconds to wait for a turn, as SQLAlchemy's pool does for a connection."""


@dataclass(slots=True, kw_only=True)
class PendingStatement(PendingResult):
    """A statement's values that wait for their turn, since a moment of the loop's clock."""

    values: Values
    since: float


class StatementBatcher:
    """Runs statements: as few at one time as will do, and at most `most`.

    `one` runs a statement with one set of values and returns its rows. `many` runs it with several, all or none of
    which happen; it returns a row of each, or None where none has happened and each is to be run by itself.
    """

    def __init__(
        self,
        one: Callable[[CompiledStatement, Values], Awaitable[Rows]],
        many: Callable[[CompiledStatement, list[Values]], Awaitable[Rows | None]],
        *,
        most: int,
    ) -> None:
        self._one = one
        self._many = many
        self._most = most
        self._under_way = 0
        self._waiting: dict[tuple[CompiledStatement, bool], deque[PendingStatement]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: asyncio.Future[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    async def run(self, statement: CompiledStatement, values: Values) -> Rows:
        """Run `statement` when its turn comes and return its rows; raises what running it raised, or TimeoutError.

        One that has waited, and whose turn has come, is run to its end even when the caller is cancelled then: others
        may share its commit.
        """
        if self._under_way >= AT_ONCE:
            loop = asyncio.get_running_loop()
            job = PendingStatement(values=values, since=loop.time(), future=loop.create_future())
            self._wait(statement, job, together=statement.one_row)
            waited: Rows = await job.future
            return waited
        self._under_way += 1
        try:
            return await self._one(statement, values)
        finally:
            self._end_turn()
            if self._waiting:
                self._begin()

    async def close(self) -> None:
        """Wait for what is under way, and for what waits."""
        while self._under_way:
            self._done = asyncio.get_running_loop().create_future()
            await self._done

    def _end_turn(self) -> None:
        self._under_way -= 1
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _wait(self, statement: CompiledStatement, job: PendingStatement, *, together: bool) -> None:
        self._waiting.setdefault((statement, together), deque()).append(job)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(HELD_UP, self._look)

    def _look(self) -> None:
        """See to what has waited for long: more of it goes at one time, and what has waited in vain is told so."""
        loop = asyncio.get_running_loop()
        self._watch = None
        for key, jobs in list(self._waiting.items()):
            while jobs and loop.time() - jobs[0].since > PATIENCE:
                _end(jobs.popleft(), error=TimeoutError(f"no connection to the database within {PATIENCE:g} seconds"))
            if not jobs:
                del self._waiting[key]
        if not self._waiting:
            return
        oldest = min(jobs[0].since for jobs in self._waiting.values())
        if self._under_way < self._most and loop.time() - oldest >= HELD_UP:
            self._begin()
        self._watch = loop.call_later(HELD_UP, self._look)

    def _begin(self) -> None:
        self._under_way += 1
        task = asyncio.create_task(self._serve(), name="statements")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        """Run what waits, one kind after the other, until nothing does."""
        try:
            while self._waiting:
                key = next(iter(self._waiting))
                jobs = self._waiting.pop(key)
                statement, together = key
                taken = [jobs.popleft() for _ in range(min(len(jobs), TOGETHER if together else 1))]
                if jobs:  # behind the other kinds
                    self._waiting[key] = jobs
                await self._carry_out(statement, [job for job in taken if not job.future.done()])
        finally:
            self._end_turn()

    async def _carry_out(self, statement: CompiledStatement, jobs: list[PendingStatement]) -> None:
        """Run `jobs` and tell each what came of it; where none has happened, each waits again, by itself."""
        try:
            each = await self._results(statement, jobs)
        except BaseException as error:
            for job in jobs:
                _end(job, error=error)
            if not isinstance(error, Exception):  # the program ends
                raise
            return
        for job, rows in zip(jobs, each, strict=True):
            if rows is None:
                self._wait(statement, job, together=False)
            else:
                _end(job, result=rows)

    async def _results(self, statement: CompiledStatement, jobs: list[PendingStatement]) -> list[Rows | None]:
        if len(jobs) < 2:
            return [await self._one(statement, job.values) for job in jobs]
        rows = await self._many(statement, [job.values for job in jobs])
        if rows is None:
            return [None] * len(jobs)
        if len(rows) != len(jobs):  # nobody knows whose is whose
            raise RuntimeError(f"{len(rows)} rows for {len(jobs)} statements that bring one each")
        return [[row] for row in rows]


def _end(job: PendingStatement, *, result: Rows | None = None, error: BaseException | None = None) -> None:
    job.result, job.error = result, error
    job.deliver()
