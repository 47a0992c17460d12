"""The shared rate limit: exact in every 60 seconds, whoever asks and however many at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from panelr_bridge.store import database, migrate, rate
from panelr_bridge.store.database import Database

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(seconds=60)
LIMIT = 5


async def _prepared(opened: Database, limit: int = LIMIT) -> None:
    await opened.write(rate.prepare, name="panelr", limit=limit)


def _take(connection: Connection, now: datetime, limit: int = LIMIT) -> bool:
    return rate.take(connection, name="panelr", limit=limit, now=now) is not None


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


async def test_free_at_tells_when_the_next_slot_is_free(opened: Database) -> None:
    await _prepared(opened)
    for seconds in range(LIMIT):
        await opened.write(_take, NOW + timedelta(seconds=seconds))

    def free_at(connection: Connection) -> datetime:
        return rate.free_at(connection, name="panelr", limit=LIMIT, now=NOW + timedelta(seconds=10))

    assert await opened.read(free_at) == NOW + timedelta(seconds=61)


async def test_many_at_once_take_no_more_than_there_are(opened: Database, database_url: str) -> None:
    await _prepared(opened, 20)
    async with database.opened(database_url) as another:
        taken = await asyncio.gather(*(each.write(_take, NOW, 20) for each in [opened, another] * 40))
    assert sum(taken) <= 20
    rest = [await opened.write(_take, NOW, 20) for _ in range(20)]
    assert sum(taken) + sum(rest) == 20  # one that was being taken is passed over, never given twice


async def test_a_closed_gate_lets_one_probe_through_when_the_pause_has_passed(opened: Database) -> None:
    await _prepared(opened)
    await opened.write(
        rate.close, name="panelr", until=NOW + timedelta(seconds=30), cause="misconfigured", words="a wrong key"
    )

    def take(connection: Connection, now: datetime) -> rate.Slot | None:
        return rate.take(connection, name="panelr", limit=LIMIT, now=now)

    def ahead(connection: Connection, now: datetime) -> rate.Slot | None:
        return rate.take_ahead(connection, name="panelr", limit=LIMIT, now=now)

    assert await opened.write(take, NOW) is None
    after = NOW + timedelta(seconds=30)
    assert await opened.write(ahead, after) is None
    assert await opened.write(take, after) == rate.Slot(probe=True)
    assert await opened.write(take, after) is None
    await opened.write(rate.open_again, name="panelr")
    assert await opened.write(take, after) == rate.Slot(probe=False)
    assert await opened.write(ahead, after) == rate.Slot(probe=False)


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
    async with database.opened(url) as opened:
        await opened.write(migrate.upgrade)
        await _prepared(opened, 3)
        now, calls = NOW, []
        for wait in waits:
            now += timedelta(seconds=wait)
            if await opened.write(_take, now, 3):
                calls.append(now)
        return calls
