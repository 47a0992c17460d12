"""Single statements that commit by themselves: their rows, their errors, and connections that end."""

import asyncio

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.prepared import Prepared
from panelr_bridge.store.tables import Row

ADD = Prepared(text("INSERT INTO mapping_revisions (store, revision) VALUES (:store, 1) RETURNING revision"))
COUNT = text("SELECT count(*) FROM mapping_revisions")
WRONG = Prepared(text("SELECT nothing FROM nowhere"))
END = Prepared(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def of(store: str) -> Row:
    return {"store": store}


async def count(opened: Database) -> int:
    def counted(connection: Connection) -> int:
        return int(connection.execute(COUNT).scalar_one())

    return await opened.read(counted)


async def test_many_at_once_are_all_committed(opened: Database) -> None:
    found = await asyncio.gather(*(opened.alone(ADD, lambda n=n: of(f"shop {n}")) for n in range(30)))  # type: ignore[misc]
    assert [tuple(rows[0]) for rows in found] == [(1,)] * 30
    assert await count(opened) == 30


async def test_what_the_database_refuses_is_told_and_the_next_one_runs(opened: Database) -> None:
    with pytest.raises(DBAPIError) as refused:
        await opened.alone(WRONG, dict)
    assert not is_unavailable(refused.value) or opened.dialect == "sqlite"
    await opened.alone(ADD, lambda: of("a"))
    assert await count(opened) == 1


async def test_a_mistake_in_the_values_is_the_callers_own(opened: Database) -> None:
    with pytest.raises(KeyError):
        await opened.alone(ADD, dict)
    await opened.alone(ADD, lambda: of("a"))
    assert await count(opened) == 1


class TestPostgresql:
    """What SQLite has no part in."""

    @pytest.fixture
    def dialect(self) -> str:
        return "postgresql"

    async def test_one_that_meets_anothers_row_is_taken_back(self, opened: Database) -> None:
        found = await asyncio.gather(*(opened.alone(ADD, lambda: of("a")) for _ in range(5)))
        assert sorted(len(rows) for rows in found) == [0, 0, 0, 0, 1]
        assert await count(opened) == 1

    async def test_a_connection_that_ends_is_unavailability_and_another_takes_its_place(self, opened: Database) -> None:
        with pytest.raises(DBAPIError) as ended:
            await opened.alone(END, dict)
        assert is_unavailable(ended.value)
        await opened.alone(ADD, lambda: of("a"))
        assert await count(opened) == 1

    async def test_one_that_is_cancelled_leaves_no_place_taken(self, opened: Database) -> None:
        slow = Prepared(text("SELECT CAST(pg_sleep(60) AS text)"))
        for _ in range(12):
            task = asyncio.create_task(opened.alone(slow, dict))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await opened.alone(ADD, lambda: of("a"))
        assert await count(opened) == 1
