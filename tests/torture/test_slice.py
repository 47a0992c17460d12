"""A small part of the torture: a few kill points and a few random kills, on both databases at the same time."""

from pathlib import Path

import pytest

from tests.torture.databases import POSTGRESQL, SQLITE, Databases
from tests.torture.load import under_load
from tests.torture.random_kills import kill_at_random
from tests.torture.result import Result
from tests.torture.settle import settle
from tests.torture.stage import staged
from tests.torture.steps import PATHS, PathRuns, spread
from tests.torture.together import together

NEIGHBOURS = {SQLITE: 0, POSTGRESQL: 2}
POINTS = 4
KILLS = 4


@pytest.mark.timeout(300)  # an order that does not settle is waited for, then reported
async def test_orders_outlive_the_processes_that_carry_them(tmp_path: Path) -> None:
    databases = Databases(tmp_path)
    try:
        results = await together(*(_slice(databases, kind, _room(tmp_path, kind)) for kind in NEIGHBOURS))
    finally:
        databases.close()
    for result in results:
        assert result.problems == []
        assert (result.lost, result.doubled) == (0, 0)
        assert result.found == result.expected > POINTS


def _room(folder: Path, kind: str) -> Path:
    room = folder / kind
    room.mkdir()
    return room


async def _slice(databases: Databases, kind: str, folder: Path) -> Result:
    async with staged(await databases.make(kind), folder, panelr_timeout_seconds="0.5") as stage:
        runs = PathRuns(stage, PATHS[0])
        steps = await runs.measure()
        await runs.add_neighbours(NEIGHBOURS[kind])
        for at in spread(steps, POINTS):
            await runs.kill_at(at)
        await runs.revive()
        async with under_load(stage, 4, first=1000):
            await kill_at_random(stage, kills=KILLS, say=lambda _words: None)
        return await settle(stage, scenario="slice", database=kind)


@pytest.mark.parametrize(
    ("points", "chosen"), [(None, [1, 2, 3, 4, 5, 6]), (3, [1, 3, 6]), (1, [1]), (9, [1, 2, 3, 4, 5, 6])]
)
def test_points_are_spread_from_the_first_to_the_last(points: int | None, chosen: list[int]) -> None:
    assert spread(6, points) == chosen
