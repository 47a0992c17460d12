"""The shared rate limit is exact in every 60 seconds, with any number of callers."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from panelr_bridge.store import database, migrate, rate_limit
from panelr_bridge.store.database import Database
from panelr_bridge.store.engine.postgres import AUTOCOMMIT_SETTINGS
from panelr_bridge.store.rate_limit import GateStatus, ProbeSlot
from tests.support.clock import turn

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(seconds=60)
LIMIT = 5
LONGEST = timedelta(hours=3)


@pytest.fixture
async def opened(turned_url: str) -> AsyncIterator[Database]:
    """The database of this test, with a clock that the test sets."""
    async with database.open_database(turned_url) as opened:
        yield opened


async def _prepared(opened: Database, limit: int = LIMIT) -> None:
    await opened.write(rate_limit.prepare, name="panelr", limit=limit, now=NOW)


def _take(connection: Connection, now: datetime, limit: int = LIMIT) -> bool:
    turn(connection, now)
    return rate_limit.take(connection, name="panelr", limit=limit, now=now) is not None


async def test_a_burst_is_allowed_up_to_the_limit(opened: Database) -> None:
    await _prepared(opened)
    taken = [await opened.write(_take, NOW) for _ in range(LIMIT + 2)]
    assert taken == [True] * LIMIT + [False] * 2


async def test_a_slot_is_free_again_after_its_minute_and_not_before(opened: Database) -> None:
    await _prepared(opened)
    for seconds in range(LIMIT):
        assert await opened.write(_take, NOW + timedelta(seconds=seconds))
    assert not await opened.write(_take, NOW + timedelta(seconds=60.5))
    assert await opened.write(_take, NOW + timedelta(seconds=61))
    assert not await opened.write(_take, NOW + timedelta(seconds=61.5))
    assert await opened.write(_take, NOW + timedelta(seconds=62))


async def test_free_at_shows_when_the_next_slot_is_free(opened: Database) -> None:
    await _prepared(opened)
    for seconds in range(LIMIT):
        await opened.write(_take, NOW + timedelta(seconds=seconds))

    def free_at(connection: Connection) -> datetime:
        turn(connection, NOW + timedelta(seconds=10))
        return rate_limit.free_at(connection, name="panelr", limit=LIMIT, now=NOW + timedelta(seconds=10))

    assert await opened.read(free_at) == NOW + timedelta(seconds=61)


async def test_many_at_once_take_no_more_than_there_are(opened: Database, database_url: str) -> None:
    await _prepared(opened, 20)
    async with database.open_database(database_url) as another:
        taken = await asyncio.gather(*(each.write(_take, NOW, 20) for each in [opened, another] * 40))
    assert sum(taken) <= 20
    rest = [await opened.write(_take, NOW, 20) for _ in range(20)]
    assert sum(taken) + sum(rest) == 20  # a slot that another transaction locks is skipped, never taken twice


async def test_the_minute_of_a_call_that_took_long_begins_at_its_end(opened: Database) -> None:
    await _prepared(opened, 1)
    assert await opened.write(_take, NOW, 1)

    def keep(connection: Connection, now: datetime) -> None:
        turn(connection, now)
        rate_limit.keep(connection, 1, name="panelr", now=now)

    await opened.write(keep, NOW + timedelta(seconds=20))
    assert not await opened.write(_take, NOW + timedelta(seconds=62), 1)
    assert await opened.write(_take, NOW + timedelta(seconds=81), 1)


async def test_it_goes_by_the_clock_of_the_database_and_not_by_the_callers(opened: Database) -> None:
    if opened.dialect == "sqlite":
        pytest.skip("a SQLite file has no clock but its machine's")
    await _prepared(opened, 1)
    assert await opened.write(_take, NOW, 1)

    def take(connection: Connection, *, there: datetime, here: datetime) -> bool:
        turn(connection, there)
        return rate_limit.take(connection, name="panelr", limit=1, now=here) is not None

    an_hour = timedelta(hours=1)
    assert not await opened.write(take, there=NOW + timedelta(seconds=30), here=NOW + an_hour)
    assert await opened.write(take, there=NOW + timedelta(seconds=61), here=NOW - an_hour)


@pytest.mark.parametrize("told", [{}, AUTOCOMMIT_SETTINGS], ids=["in a transaction", "alone"])
@pytest.mark.parametrize("limit", [120, 100_000])
async def test_the_first_free_slot_is_read_and_not_all_of_them(
    opened: Database, limit: int, told: dict[str, str]
) -> None:
    await _prepared(opened, limit)

    def plan(connection: Connection) -> str:
        values = rate_limit.take_ahead_values(name="panelr", limit=limit, now=NOW, fingerprint="x", doubtful_since=NOW)
        if connection.dialect.name == "sqlite":
            form = rate_limit._TAKES["newcomer"].form(connection.dialect)
            asked = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {form.sql}", tuple(form.parameters(values)))
            return str(asked.all())
        for name, value in told.items():
            connection.exec_driver_sql(f"SET LOCAL {name} = '{value}'")
        explained = rate_limit.typed(f"EXPLAIN {rate_limit.take_ahead_sql('')['postgresql']}")
        return "\n".join(connection.execute(explained, values).scalars())

    found = await opened.read(plan)
    assert "rate_slots" in found
    if opened.dialect == "postgresql":
        assert "rate_slots rate_slots_1" in found  # the search for a slot
    # the row by its number: PostgreSQL may scan so small a table
    seeking = r"Seq Scan on rate_slots" if told or limit > 120 else r"Seq Scan on rate_slots rate_slots_1"
    assert not re.search(rf"[Ss]ort|Bitmap|TEMP B-TREE|SCAN rate_slots|{seeking}", found), found


def _take_slot(connection: Connection, now: datetime) -> rate_limit.RateSlot | None:
    turn(connection, now)
    return rate_limit.take(connection, name="panelr", limit=LIMIT, now=now)


def _ahead(connection: Connection, now: datetime) -> rate_limit.RateSlot | None:
    turn(connection, now)
    return rate_limit.take_ahead(
        connection, name="panelr", limit=LIMIT, now=now, fingerprint="x", doubtful_since=now - timedelta(hours=1)
    )


def _close(connection: Connection, now: datetime, pause: float, cause: str = "misconfigured") -> None:
    turn(connection, now)
    rate_limit.close(
        connection,
        name="panelr",
        now=now,
        pause=timedelta(seconds=pause),
        failures=1,
        cause=cause,
        words="words",
        longest=LONGEST,
    )


async def _probe(opened: Database, now: datetime) -> ProbeSlot | GateStatus | None:
    def take(connection: Connection) -> ProbeSlot | GateStatus | None:
        turn(connection, now)
        return rate_limit.take_probe(connection, name="panelr", limit=LIMIT, longest=LONGEST, now=now)

    return await opened.write(take)


async def test_a_closed_gate_lets_one_probe_through_when_the_pause_has_passed(opened: Database) -> None:
    await _prepared(opened)
    await opened.write(_close, NOW, 30)
    after = NOW + timedelta(seconds=30)
    assert isinstance(await _probe(opened, NOW + timedelta(seconds=29)), GateStatus)
    for take in (_take_slot, _ahead):  # no other call is the probe
        assert await opened.write(take, after) is None
    assert await _probe(opened, after) is not None
    assert isinstance(await _probe(opened, after), GateStatus)
    await opened.write(rate_limit.open_again, name="panelr", now=after)
    for take in (_take_slot, _ahead):
        assert await opened.write(take, after) is not None


async def test_a_probe_that_is_never_recorded_closes_the_gate_for_a_minute_only(opened: Database) -> None:
    await _prepared(opened)
    await opened.write(_close, NOW, 0)
    assert isinstance(await _probe(opened, NOW), ProbeSlot)
    assert isinstance(await _probe(opened, NOW + timedelta(seconds=59)), GateStatus)
    assert isinstance(await _probe(opened, NOW + timedelta(seconds=60)), ProbeSlot)


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_probe_that_finds_its_slot_locked_leaves_no_lease(opened: Database, turned_url: str) -> None:
    await _prepared(opened)
    await opened.write(_close, NOW, 0)
    holder = await asyncpg.connect(turned_url)
    async with holder.transaction():
        await holder.execute("SELECT slot FROM rate_slots FOR UPDATE")
        assert await _probe(opened, NOW) is None
    await holder.close()
    assert isinstance(await _probe(opened, NOW + timedelta(seconds=1)), ProbeSlot)


async def test_a_probe_of_an_open_gate_needs_nothing_but_a_slot(opened: Database) -> None:
    await _prepared(opened)
    assert [isinstance(await _probe(opened, NOW), ProbeSlot) for _ in range(LIMIT)] == [True] * LIMIT
    assert await _probe(opened, NOW) is None


async def test_a_pause_that_a_clock_far_ahead_wrote_is_over(opened: Database) -> None:
    await _prepared(opened)
    ahead = NOW + timedelta(days=30)
    await opened.write(_close, ahead, 30, "throttled")
    assert isinstance(await _probe(opened, NOW), ProbeSlot)


async def test_slots_that_a_clock_far_ahead_took_are_free_after_a_minute_and_not_before(opened: Database) -> None:
    await _prepared(opened)
    for _ in range(LIMIT):
        assert await opened.write(_take, NOW + timedelta(days=30))
    assert not await opened.write(_take, NOW)  # the calls may have been made just now
    assert not await opened.write(_take, NOW + timedelta(seconds=60))
    assert await opened.write(_take, NOW + timedelta(seconds=61))


async def test_a_later_pause_never_shortens_one_that_is_in_force(opened: Database) -> None:
    await _prepared(opened)
    await opened.write(_close, NOW, 300, "throttled")
    await opened.write(_close, NOW + timedelta(seconds=1), 5, "throttled")
    assert isinstance(await _probe(opened, NOW + timedelta(seconds=299)), GateStatus)
    assert isinstance(await _probe(opened, NOW + timedelta(seconds=300)), ProbeSlot)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waits=st.lists(st.floats(0, 40), min_size=1, max_size=40))
def test_no_minute_ever_holds_more_calls_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, waits: list[float]
) -> None:
    path = tmp_path_factory.mktemp("rate") / "bridge.db"
    calls = asyncio.run(_calls(f"sqlite:///{path}", waits))
    for first in calls:
        assert sum(first <= call < first + MINUTE for call in calls) <= 3


async def _calls(url: str, waits: list[float]) -> list[datetime]:
    async with database.open_database(url) as opened:
        await opened.write(migrate.upgrade)
        await _prepared(opened, 3)
        now, calls = NOW, []
        for wait in waits:
            now += timedelta(seconds=wait)
            if await opened.write(_take, now, 3):
                calls.append(now)
        return calls
