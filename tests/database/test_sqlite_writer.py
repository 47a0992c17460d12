"""SQLite's writer: concurrent transactions share a commit, and each one still succeeds or fails alone."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from panelr_bridge.errors import RetryTransaction
from panelr_bridge.store import database
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.engine import sqlite_writer
from panelr_bridge.store.engine.pending import MAX_BATCH
from panelr_bridge.store.engine.sqlite import SqliteDatabase
from panelr_bridge.store.engine.sqlite_writer import MIN_SINGLES


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with database.open_database(f"sqlite:///{tmp_path}/writer.db") as opened:
        assert isinstance(opened, SqliteDatabase)
        await opened.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))
        yield opened


@pytest.fixture
async def alone(opened: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> SqliteDatabase:
    """A database after ALONE transactions that came one by one on a quick disk; the next one runs on the loop."""
    monkeypatch.setattr(sqlite_writer, "FAST_COMMIT", 60.0)
    for n in range(MIN_SINGLES):
        await opened.write(adds(-n))
    await asyncio.sleep(0)  # let the loop run once
    return opened


def adds(number: int, *, then: BaseException | None = None) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO t (n) VALUES (:n)"), {"n": number})
        if then is not None:
            raise then
        return number

    return work


async def numbers(opened: SqliteDatabase) -> list[int]:
    return await opened.read(lambda connection: list(connection.execute(text("SELECT n FROM t ORDER BY n")).scalars()))


async def asked_for(opened: SqliteDatabase, *works: Callable[[Connection], Any]) -> list["asyncio.Task[Any]"]:
    """Submit all of them before the writer runs the first."""
    tasks = [asyncio.create_task(opened.write(work)) for work in works]
    await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_for_together_is_committed_together(opened: SqliteDatabase) -> None:
    commits: list[object] = []
    event.listen(opened._write_engine, "commit", commits.append)
    tasks = await asked_for(opened, *(adds(n) for n in range(MAX_BATCH + 10)))
    assert await asyncio.gather(*tasks) == list(range(MAX_BATCH + 10))
    assert await numbers(opened) == list(range(MAX_BATCH + 10))
    assert len(commits) == 2  # one batch of MAX_BATCH, and the rest


@pytest.mark.parametrize(("pieces", "commits"), [(5, 1), (MAX_BATCH, 1), (MAX_BATCH + 5, 2)])
async def test_what_arrives_turn_by_turn_shares_a_commit_and_none_waits_without_end(
    opened: SqliteDatabase, pieces: int, commits: int
) -> None:
    heard: list[object] = []
    event.listen(opened._write_engine, "commit", heard.append)
    tasks = []
    for n in range(pieces):
        tasks += await asked_for(opened, adds(n))
    assert await asyncio.gather(*tasks) == list(range(pieces))
    assert len(heard) == commits


async def test_one_that_fails_takes_back_its_own_and_nothing_else(opened: SqliteDatabase) -> None:
    tasks = await asked_for(opened, adds(1), adds(2, then=ValueError("mine")), adds(1), adds(3))
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert (done[0], done[3]) == (1, 3)
    assert isinstance(done[1], ValueError)
    assert isinstance(done[2], IntegrityError)
    assert await numbers(opened) == [1, 3]


async def test_a_restart_begins_its_own_work_anew_and_is_not_endless(opened: SqliteDatabase) -> None:
    tries = []

    def twice(connection: Connection) -> int:
        tries.append(adds(7)(connection))
        if len(tries) < 4:
            raise RetryTransaction
        return 7

    tasks = await asked_for(opened, adds(1), twice, adds(8, then=RetryTransaction()), adds(2))
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [done[0], done[1], done[3]] == [1, 7, 2]
    assert isinstance(done[2], RetryTransaction)
    assert await numbers(opened) == [1, 2, 7]


async def test_a_commit_that_fails_is_reported_to_everybody_and_the_next_one_works(opened: SqliteDatabase) -> None:
    commits: list[int] = []
    broken = OperationalError("COMMIT", {}, Exception("disk I/O error"))

    def refuse(_: Connection) -> None:
        commits.append(1)
        if len(commits) == 1:
            raise broken

    tasks = await asked_for(opened, adds(1), adds(2, then=ValueError("mine")), adds(3))
    event.listen(opened._write_engine, "commit", refuse)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in done] == [OperationalError, ValueError, OperationalError]
    assert await numbers(opened) == []
    assert await opened.write(adds(4)) == 4


async def test_a_full_disk_is_reported_as_such_to_all_whom_it_meets(opened: SqliteDatabase) -> None:
    """SQLite rolls the whole transaction back when it cannot get a page: every caller must receive the error."""

    def fill(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE big (body BLOB)"))
        connection.exec_driver_sql("PRAGMA max_page_count = 10")
        for _ in range(100):
            connection.execute(text("INSERT INTO big VALUES (randomblob(4000))"))

    tasks = await asked_for(opened, adds(1), fill, adds(2))
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[1], OperationalError)
    assert is_unavailable(done[1])
    told = [number for number, each in zip((1, 2), (done[0], done[2]), strict=True) if each == number]
    assert all(is_unavailable(each) for each in done if isinstance(each, BaseException))
    assert await numbers(opened) == told


async def test_work_goes_on_when_nobody_waits_for_it_any_more(opened: SqliteDatabase) -> None:
    first, second = await asked_for(opened, adds(1), adds(2))
    first.cancel()
    assert await second == 2
    assert await numbers(opened) == [1, 2]


async def test_what_was_asked_for_is_done_before_the_end(tmp_path: Path) -> None:
    async with database.open_database(f"sqlite:///{tmp_path}/end.db") as opened:
        await opened.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))
        tasks = [asyncio.create_task(opened.write(adds(n))) for n in range(200)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*tasks) == list(range(200))


async def test_a_database_that_cannot_be_opened_is_reported_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    async with database.open_database(f"sqlite:///{path}/x.db") as opened:
        (path / "x.db").mkdir()
        with pytest.raises(OperationalError):
            await opened.write(adds(1))
        (path / "x.db").rmdir()
        await opened.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))
        assert await opened.write(adds(1)) == 1


@pytest.mark.parametrize(
    ("quick", "asked", "where"),
    [(60.0, 1, ["MainThread"]), (60.0, 3, ["MainThread", "sqlite-commit"]), (0.0, 1, ["sqlite-commit"])],
    ids=["alone, and the disk is quick", "others come, too", "the disk is slow"],
)
async def test_the_loop_waits_for_a_quick_disk_and_for_one_piece_of_work_alone(
    opened: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, quick: float, asked: int, where: list[str]
) -> None:
    monkeypatch.setattr(sqlite_writer, "FAST_COMMIT", quick)
    threads: list[str] = []
    event.listen(opened._write_engine, "commit", lambda _: threads.append(threading.current_thread().name))
    for n in range(1, MIN_SINGLES + 1):
        await opened.write(adds(-n))
    del threads[:]
    for task in await asked_for(opened, *(adds(n) for n in range(1, asked + 1))):
        await task
    assert threads == where


async def test_the_first_of_many_is_waited_for_in_the_thread(
    opened: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "FAST_COMMIT", 60.0)
    threads: list[str] = []
    event.listen(opened._write_engine, "commit", lambda _: threads.append(threading.current_thread().name))
    for task in await asked_for(opened, adds(1), adds(2)):
        await task
    for n in range(3, 3 + MIN_SINGLES):
        await opened.write(adds(n))
    assert threads == ["sqlite-commit"] * MIN_SINGLES + ["MainThread"]


async def test_after_company_the_loop_waits_for_nothing_for_a_while(alone: SqliteDatabase) -> None:
    for task in await asked_for(alone, adds(1), adds(2)):
        await task
    threads: list[str] = []
    event.listen(alone._write_engine, "commit", lambda _: threads.append(threading.current_thread().name))
    for n in range(3, 3 + MIN_SINGLES):
        await alone.write(adds(n))
    assert threads == ["sqlite-commit"] * (MIN_SINGLES - 2) + ["MainThread"] * 2


async def test_what_comes_alone_waits_for_another_process_that_writes(alone: SqliteDatabase, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "writer.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (task,) = await asked_for(alone, adds(1))
        await asyncio.sleep(0.05)
        assert not task.done()
        other.execute("INSERT INTO t (n) VALUES (2)")
        other.execute("COMMIT")
        assert await task == 1
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 1, 2]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)], ids=["its own fault", "the program ends"])
async def test_what_fails_alone_leaves_nothing_and_is_reported(alone: SqliteDatabase, error: BaseException) -> None:
    with pytest.raises(type(error)):
        await alone.write(adds(1, then=error))
    assert await alone.write(adds(2)) == 2
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 2]


async def test_what_fails_alone_is_not_run_again(alone: SqliteDatabase) -> None:
    runs: list[int] = []

    def fails(_: Connection) -> None:
        runs.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await alone.write(fails)
    assert runs == [1]


async def test_nothing_is_reported_as_done_that_another_has_taken_back(alone: SqliteDatabase) -> None:
    def ends(connection: Connection) -> str:
        connection.connection.driver_connection.execute("ROLLBACK")  # type: ignore[union-attr]
        return "as if nothing were wrong"

    tasks = await asked_for(alone, adds(1), adds(2), ends, adds(4))  # the first of them is committed by now
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, Exception) for each in done] == [False, True, True, True]
    with pytest.raises(sqlite3.OperationalError, match="has ended"):
        await alone.write(ends)
    assert await alone.write(adds(3)) == 3
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 1, 3]


async def test_what_fails_of_many_is_reported_on_the_same_connection(alone: SqliteDatabase) -> None:
    connection = alone._writer._connection
    failing = adds(2, then=ValueError("no"))
    done = await asyncio.gather(*await asked_for(alone, adds(1), failing, adds(3)), return_exceptions=True)
    assert [type(each) for each in done] == [int, ValueError, int]
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 1, 3]
    assert alone._writer._connection is connection


async def test_what_must_begin_again_does_so_where_it_comes_alone(alone: SqliteDatabase) -> None:
    beaten = iter([RetryTransaction(), RetryTransaction(), RetryTransaction(), RetryTransaction(), None])

    def work(connection: Connection) -> int:
        return adds(1, then=next(beaten))(connection)

    assert await alone.write(work) == 1
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 1]


async def test_a_connection_that_has_become_useless_is_let_go_where_work_comes_alone(alone: SqliteDatabase) -> None:
    connection = alone._writer._connection
    assert connection is not None
    connection.connection.driver_connection.close()  # type: ignore[union-attr]
    with pytest.raises(sqlite3.ProgrammingError):
        await alone.write(adds(1))
    assert await alone.write(adds(2)) == 2
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 2]


async def test_a_commit_that_fails_on_the_loop_is_reported_and_the_next_one_works(alone: SqliteDatabase) -> None:

    def refuse(_: Connection) -> None:
        event.remove(alone._write_engine, "commit", refuse)
        raise OperationalError("COMMIT", None, Exception("disk I/O error"))

    event.listen(alone._write_engine, "commit", refuse)
    with pytest.raises(OperationalError):
        await alone.write(adds(1))
    await alone.write(adds(2))
    assert await numbers(alone) == [*range(1 - MIN_SINGLES, 1), 2]


async def test_a_savepoint_that_is_left_behind_does_not_outlive_its_work(opened: SqliteDatabase) -> None:
    def leaves(connection: Connection) -> None:
        connection.begin_nested()
        connection.execute(text("INSERT INTO t (n) VALUES (1)"))
        raise ValueError("after a savepoint")

    for _ in range(2):
        with pytest.raises(ValueError, match="after a savepoint"):
            await opened.write(leaves)
    assert await opened.write(lambda connection: connection.get_nested_transaction()) is None
    await opened.write(adds(2))
    assert await numbers(opened) == [2]


async def test_whatever_work_raises_is_reported(opened: SqliteDatabase) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(opened.write(adds(1, then=StopIteration())), 60)
    await opened.write(adds(1))
