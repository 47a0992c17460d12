"""Autocommit statements: their rows, their errors, and connections that end."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError

from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.engine import CompiledStatement, postgres
from panelr_bridge.store.tables import Columns
from tests.support.postgres import wait_for_lock

ADD = CompiledStatement(
    text("INSERT INTO mapping_revisions (store, revision) VALUES (:store, 1) RETURNING revision"), one_row=True
)
COUNT = text("SELECT count(*) FROM mapping_revisions")
WRONG = CompiledStatement(text("SELECT nothing FROM nowhere"))
END = CompiledStatement(text("SELECT pg_terminate_backend(pg_backend_pid()), CAST(:n AS text)"), one_row=True)
TAKE = CompiledStatement(
    text("UPDATE mapping_revisions SET revision = revision + 1 WHERE store = :store RETURNING revision")
)
LOG = CompiledStatement(
    text(
        "INSERT INTO audit_log (at, actor, action, subject, details)"
        " VALUES (now(), 'test', 'test', :words, '{}') RETURNING subject"
    ),
    one_row=True,
)
LOGGED = CompiledStatement(text("SELECT subject, count(*) FROM audit_log GROUP BY subject ORDER BY subject"))
SLEEP = CompiledStatement(text("SELECT CAST(pg_sleep(60) AS text)"))


def of(store: str) -> Columns:
    return {"store": store}


async def count(opened: Database) -> int:
    def counted(connection: Connection) -> int:
        return int(connection.execute(COUNT).scalar_one())

    return await opened.read(counted)


async def test_many_at_once_are_all_committed(opened: Database) -> None:
    found = await asyncio.gather(*(opened.execute_autocommit(ADD, lambda n=n: of(f"shop {n}")) for n in range(30)))  # type: ignore[misc]
    assert [tuple(rows[0]) for rows in found] == [(1,)] * 30
    assert await count(opened) == 30


async def test_what_the_database_refuses_is_reported_and_the_next_one_runs(opened: Database) -> None:
    with pytest.raises(DBAPIError) as refused:
        await opened.execute_autocommit(WRONG, dict)
    assert not is_unavailable(refused.value) or opened.dialect == "sqlite"
    await opened.execute_autocommit(ADD, lambda: of("a"))
    assert await count(opened) == 1


async def test_a_mistake_in_the_values_is_the_callers_own(opened: Database) -> None:
    with pytest.raises(KeyError):
        await opened.execute_autocommit(ADD, dict)
    await opened.execute_autocommit(ADD, lambda: of("a"))
    assert await count(opened) == 1


class TestPostgresql:
    """Behaviour of PostgreSQL only."""

    @pytest.fixture
    def dialect(self) -> str:
        return "postgresql"

    async def test_one_that_meets_anothers_row_is_taken_back(self, opened: Database) -> None:
        found = await asyncio.gather(*(opened.execute_autocommit(ADD, lambda: of("a")) for _ in range(5)))
        assert sorted(len(rows) for rows in found) == [0, 0, 0, 0, 1]
        assert await count(opened) == 1

    async def test_a_connection_that_ends_is_unavailability_and_another_takes_its_place(self, opened: Database) -> None:
        with pytest.raises(DBAPIError) as ended:
            await opened.execute_autocommit(END, lambda: {"n": "1"})
        assert is_unavailable(ended.value)
        await opened.execute_autocommit(ADD, lambda: of("a"))
        assert await count(opened) == 1

    async def test_one_that_is_cancelled_leaves_no_place_taken(self, opened: Database) -> None:
        for _ in range(12):
            task = asyncio.create_task(opened.execute_autocommit(SLEEP, dict))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await opened.execute_autocommit(ADD, lambda: of("a"))
        assert await count(opened) == 1

    async def test_what_waits_goes_in_one_way_and_shares_a_commit(self, opened: Database) -> None:
        commits = 0

        def committed(_: Any) -> None:
            nonlocal commits
            commits += 1

        event.listen(Engine, "commit", committed)
        try:
            found = await asyncio.gather(
                *(opened.execute_autocommit(ADD, lambda n=n: of(f"shop {n}")) for n in range(60))  # type: ignore[misc]
            )
        finally:
            event.remove(Engine, "commit", committed)
        assert commits == 2
        assert [tuple(rows[0]) for rows in found] == [(1,)] * 60
        assert await count(opened) == 60

    @pytest.mark.parametrize(
        "wrong", [{"store": 5}, {"store": "\x00"}, {}], ids=["not sent", "refused", "without a value"]
    )
    async def test_what_is_wrong_with_one_is_reported_to_that_one_alone(self, opened: Database, wrong: Columns) -> None:
        given = [of("a"), of("b"), wrong, of("c"), of("b")]
        found = await asyncio.gather(
            *(opened.execute_autocommit(ADD, lambda n=n: n) for n in given),  # type: ignore[misc]
            return_exceptions=True,
        )
        assert isinstance(found[2], KeyError if not wrong else DBAPIError)
        assert [len(rows) for rows in (*found[:2], *found[3:]) if not isinstance(rows, BaseException)] == [1, 1, 1, 0]
        assert await count(opened) == 3

    async def test_a_mistake_of_any_kind_in_the_making_of_values_is_reported_to_that_one_alone(
        self, opened: Database
    ) -> None:
        def wrong() -> Columns:
            raise ArithmeticError

        asked = [lambda: of("a"), lambda: of("b"), wrong, lambda: of("c")]
        found = await asyncio.gather(*(opened.execute_autocommit(ADD, each) for each in asked), return_exceptions=True)
        assert [type(each) for each in found] == [list, list, ArithmeticError, list]
        assert await count(opened) == 3

    async def test_what_is_written_is_not_written_again_for_a_fault_of_those_who_watch(self, opened: Database) -> None:
        async def ask(n: int) -> Any:
            return await opened.execute_autocommit(LOG, lambda: {"words": f"{n}"})

        def fault(*_: Any) -> None:
            raise ValueError

        engine = opened._engine.sync_engine  # type: ignore[attr-defined]
        event.listen(engine, "after_cursor_execute", fault)
        await asyncio.gather(*(ask(n) for n in range(5)), return_exceptions=True)
        event.remove(engine, "after_cursor_execute", fault)
        rows = await opened.execute_autocommit(LOGGED, dict)
        assert [tuple(row) for row in rows] == [(str(n), 1) for n in range(5)]

    async def test_closing_waits_for_what_is_asked_for_and_keeps_no_connection(self, opened: Database) -> None:
        asked = [asyncio.create_task(opened.execute_autocommit(ADD, lambda n=n: of(f"{n}"))) for n in range(5)]  # type: ignore[misc]
        await asyncio.sleep(0)
        alone = opened._autocommit  # type: ignore[attr-defined]
        await alone.close()
        assert [len(rows) for rows in await asyncio.gather(*asked)] == [1] * 5
        assert alone._idle == []

    async def test_a_connection_that_ends_is_reported_to_all_that_shared_it(self, opened: Database) -> None:
        ended = [opened.execute_autocommit(END, lambda n=n: {"n": str(n)}) for n in range(5)]  # type: ignore[misc]
        found = await asyncio.gather(*ended, return_exceptions=True)
        assert [isinstance(each, DBAPIError) and is_unavailable(each) for each in found] == [True] * 5
        await opened.execute_autocommit(ADD, lambda: of("a"))
        assert await count(opened) == 1

    @pytest.fixture
    def long_lock_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a statement wait longer for a lock than a busy machine needs for twenty others."""
        monkeypatch.setitem(postgres.AUTOCOMMIT_SETTINGS, "lock_timeout", "3s")

    @pytest.mark.usefixtures("long_lock_timeout")
    async def test_one_that_meets_a_lock_is_taken_back_soon_and_holds_up_nobody(self, opened: Database) -> None:
        await opened.execute_autocommit(ADD, lambda: of("locked"))
        locked, free = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            engine = opened._engine  # type: ignore[attr-defined]
            async with engine.begin() as connection:
                await connection.execute(text("SELECT 1 FROM mapping_revisions WHERE store = 'locked' FOR UPDATE"))
                locked.set()
                await free.wait()

        holder = asyncio.create_task(hold())
        await locked.wait()
        stuck = asyncio.create_task(opened.execute_autocommit(TAKE, lambda: of("locked")))
        await wait_for_lock(opened)
        await asyncio.gather(*(opened.execute_autocommit(ADD, lambda n=n: of(f"shop {n}")) for n in range(20)))  # type: ignore[misc]
        assert not stuck.done()
        assert await stuck == []
        free.set()
        await holder
        assert [tuple(row) for row in await opened.execute_autocommit(TAKE, lambda: of("locked"))] == [(2,)]

    async def test_one_that_is_cancelled_while_it_waits_is_not_run(self, opened: Database) -> None:
        slow = asyncio.create_task(opened.execute_autocommit(SLEEP, dict))
        await asyncio.sleep(0.01)
        waiting = asyncio.create_task(opened.execute_autocommit(ADD, lambda: of("cancelled")))
        other = asyncio.create_task(opened.execute_autocommit(ADD, lambda: of("a")))
        await asyncio.sleep(0)
        waiting.cancel()
        await other
        slow.cancel()
        assert await count(opened) == 1
