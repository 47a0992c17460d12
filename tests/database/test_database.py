"""Guarantees of both databases: durable commits, one writer, and errors by kind."""

import asyncio
import contextlib
import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from panelr_bridge.application.health import run_checks
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.errors import RetryTransaction
from panelr_bridge.store import database
from panelr_bridge.store.database import Database, is_unavailable
from tests.support.api_answers import BOTH_DATABASES

SQLITE, POSTGRESQL = (pytest.mark.parametrize("dialect", [name]) for name in ("sqlite", "postgresql"))


def _pragmas(connection: Connection) -> dict[str, object]:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


@SQLITE
async def test_what_is_committed_on_sqlite_survives_a_loss_of_power(opened: Database) -> None:
    durable = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}  # 2 is FULL
    assert await opened.write(_pragmas) == durable | {
        "busy_timeout": 0
    }  # the writer itself waits, outside the event loop
    assert await opened.read(_pragmas) == durable


@SQLITE
async def test_the_loop_goes_on_while_another_process_writes(opened: Database, database_url: str) -> None:
    other = sqlite3.connect(make_url(database_url).database or "", isolation_level=None)
    with contextlib.closing(other):
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(opened.write(lambda connection: connection.exec_driver_sql("SELECT 1").scalar()))
        for _ in range(20):
            await asyncio.sleep(0.005)  # a blocked loop would never reach the ROLLBACK
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert await waiting == 1


@SQLITE
async def test_two_writers_on_one_file_wait_for_each_other(opened: Database, database_url: str) -> None:
    """Each transaction increments the count that it has read: two writers at once would lose increments."""

    def create(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE counted (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counted VALUES (0)")

    def count(connection: Connection) -> None:
        n = connection.exec_driver_sql("SELECT n FROM counted").scalar_one()
        connection.execute(text("UPDATE counted SET n = :n"), {"n": n + 1})

    await opened.write(create)
    async with database.open_database(database_url) as another:
        await asyncio.gather(*(each.write(count) for each in [opened, another] * 50))
    assert await opened.read(lambda connection: connection.exec_driver_sql("SELECT n FROM counted").scalar()) == 100


@BOTH_DATABASES
async def test_a_transaction_that_met_another_is_run_again(opened: Database) -> None:
    tries = []

    def work(_connection: Connection) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise RetryTransaction
        return "done"

    assert await opened.write(work) == "done"
    with pytest.raises(RetryTransaction):
        await opened.write(_always)


def _always(_connection: Connection) -> None:
    raise RetryTransaction


class Driver(Exception):
    """An error of the driver with a PostgreSQL error code."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "code", ["08006", "08003", "25006", "53100", "53200", "53300", "55P03", "57P01", "57P03", "57014", "58030"]
)
def test_a_database_that_cannot_store_now_is_unavailable(code: str) -> None:
    assert is_unavailable(DBAPIError("x", {}, Driver(code)))


@pytest.mark.parametrize("code", ["42P01", "42703", "23505", "23503", "22001", "40001"])
def test_a_statement_that_is_wrong_is_no_unavailable_database(code: str) -> None:
    assert not is_unavailable(DBAPIError("x", {}, Driver(code)))


def test_errors_of_the_connection_are_unavailable_and_others_are_not() -> None:
    assert is_unavailable(OperationalError("x", {}, Exception()))
    assert is_unavailable(ConnectionRefusedError())
    assert is_unavailable(TimeoutError())
    assert is_unavailable(DBAPIError("x", {}, Driver("42P01"), connection_invalidated=True))
    assert not is_unavailable(IntegrityError("x", {}, Exception()))
    assert not is_unavailable(KeyError("x"))


@POSTGRESQL
async def test_waiting_too_long_for_a_lock_is_an_error(opened: Database) -> None:
    def limits(connection: Connection) -> tuple[str, str]:
        return tuple(
            str(connection.exec_driver_sql(f"SHOW {name}").scalar())
            for name in ("lock_timeout", "idle_in_transaction_session_timeout")
        )  # type: ignore[return-value]

    assert await opened.read(limits) == ("10s", "1min")


@POSTGRESQL
async def test_a_clock_that_differs_from_the_databases_is_reported(opened: Database) -> None:
    found = await run_checks(opened, now=utc_now() - timedelta(minutes=2), overdue=timedelta(hours=1))
    (time,) = [finding for finding in found if finding.name == "time"]
    assert (time.ok, time.vital) == (False, True)
    assert time.words == "this clock and the database's are 120 s apart"
