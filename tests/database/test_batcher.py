"""The statement batcher: which statements share a batch, how long each waits, and the effect of one that hangs."""

import asyncio
import functools
import itertools
from typing import Any

import pytest
from sqlalchemy import text

from panelr_bridge.store.engine import CompiledStatement, batcher
from panelr_bridge.store.engine.batcher import BuildValues, StatementBatcher

ONE_ROW = CompiledStatement(text("SELECT 1"), one_row=True)
OTHER = CompiledStatement(text("SELECT 2"), one_row=True)
ANY_ROWS = CompiledStatement(text("SELECT 3"))


class Played:
    """A database that records its statements, each with the names of its callers."""

    def __init__(self) -> None:
        self.ways: list[tuple[CompiledStatement, list[Any]]] = []
        self.hanging: set[Any] = set()
        self.failing: set[Any] = set()
        self.gone = False
        self.let_go = asyncio.Event()
        self.turns = StatementBatcher(self.one, self.many, max_in_flight=3)

    async def one(self, statement: CompiledStatement, values: BuildValues) -> list[Any]:
        name = values()["name"]
        self.ways.append((statement, [name]))
        await self._wait({name})
        if name in self.failing:
            raise ValueError(name)
        return [(name,)]

    async def many(self, statement: CompiledStatement, values: list[BuildValues]) -> list[Any] | None:
        names = [each()["name"] for each in values]
        self.ways.append((statement, names))
        await self._wait(set(names))
        if self.gone:
            raise ConnectionError
        if self.failing & set(names):
            return None
        return [(name,) for name in names if name != "brings no row"]

    async def _wait(self, names: set[Any]) -> None:
        await (self.let_go.wait() if names & self.hanging else asyncio.sleep(0.001))

    def ask(self, *names: Any, statement: CompiledStatement = ONE_ROW) -> "list[asyncio.Task[Any]]":
        return [asyncio.create_task(self.turns.run(statement, functools.partial(dict, name=name))) for name in names]

    @property
    def sizes(self) -> list[int]:
        return [len(names) for _, names in self.ways]


async def found(tasks: "list[asyncio.Task[Any]]") -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)


async def test_one_that_comes_alone_waits_for_nobody() -> None:
    played = Played()
    for name in range(3):
        assert await found(played.ask(name)) == [[(name,)]]
    assert played.sizes == [1, 1, 1]


async def test_what_comes_meanwhile_goes_together_and_each_gets_its_own_rows() -> None:
    played = Played()
    assert await found(played.ask(*range(70))) == [[(name,)] for name in range(70)]
    assert played.sizes == [1, 64, 5]


async def test_statements_that_bring_any_number_of_rows_go_one_by_one() -> None:
    played = Played()
    assert await found(played.ask(*range(4), statement=ANY_ROWS)) == [[(name,)] for name in range(4)]
    assert played.sizes == [1, 1, 1, 1]


async def test_the_kinds_take_turns() -> None:
    played = Played()
    await found([*played.ask(*range(130)), *played.ask("other", statement=OTHER)])
    assert [(statement is OTHER, len(names)) for statement, names in played.ways] == [
        (False, 1), (False, 64), (True, 1), (False, 64), (False, 1),
    ]  # fmt: skip


async def test_where_one_fails_each_is_run_by_itself() -> None:
    played = Played()
    played.failing = {3}
    first, *others = await found(played.ask(*range(6)))
    assert first == [(0,)]
    assert isinstance(others[2], ValueError)
    assert [each for each in others if not isinstance(each, Exception)] == [[(name,)] for name in (1, 2, 4, 5)]
    assert played.sizes == [1, 5, 1, 1, 1, 1, 1]


async def test_a_database_that_is_gone_is_reported_to_all_and_asked_once() -> None:
    played = Played()
    played.gone = True
    _, *others = await found(played.ask(*range(6)))
    assert all(isinstance(each, ConnectionError) for each in others)
    assert played.sizes == [1, 5]


async def test_rows_of_which_nobody_knows_whose_they_are_are_given_to_nobody() -> None:
    played = Played()
    _, *others = await found(played.ask(0, 1, "brings no row", 2))
    assert [type(each) for each in others] == [RuntimeError] * 3
    assert await found(played.ask(3)) == [[(3,)]]


async def test_one_that_hangs_holds_up_the_others_for_a_moment_only() -> None:
    played = Played()
    played.hanging = {"hangs"}
    hanging = played.ask("hangs")
    await asyncio.sleep(0)
    assert await found(played.ask(*range(5))) == [[(name,)] for name in range(5)]
    assert not hanging[0].done()
    played.let_go.set()
    assert await found(hanging) == [[("hangs",)]]


async def _error_of(task: "asyncio.Task[Any]") -> BaseException | None:
    await asyncio.wait([task])
    return task.exception()


async def test_no_more_go_at_one_time_than_there_are_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "STALL_SECONDS", 0.01)
    monkeypatch.setattr(batcher, "WAIT_TIMEOUT", 0.2)
    played = Played()
    played.hanging = set(range(6))
    tasks = played.ask(*range(6), statement=ANY_ROWS)
    given_up = [await each for each in itertools.islice(asyncio.as_completed([_error_of(task) for task in tasks]), 3)]
    assert [type(error) for error in given_up] == [TimeoutError] * 3
    assert len(played.ways) == 3
    played.let_go.set()
    await found(tasks)
    assert await found(played.ask("next")) == [[("next",)]]


async def test_closing_waits_for_what_is_under_way() -> None:
    played = Played()
    tasks = played.ask(*range(3))
    await asyncio.sleep(0)
    await played.turns.close()
    assert played.sizes == [1, 2]
    assert await found(tasks) == [[(name,)] for name in range(3)]


async def test_one_that_is_cancelled_in_its_turn_leaves_the_next_one_its_turn() -> None:
    played = Played()
    played.hanging = {0}
    hangs, waits = played.ask(0, 1)
    await asyncio.sleep(0)
    hangs.cancel()
    assert await found([waits]) == [[(1,)]]
    assert await found(played.ask(2)) == [[(2,)]]
