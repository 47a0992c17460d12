"""Processes that are killed at random moments under load and restarted at once."""

import asyncio
from collections.abc import Callable

from tests.torture.chance import DICE
from tests.torture.databases import POSTGRESQL, SQLITE
from tests.torture.load import under_load
from tests.torture.process import Bridge
from tests.torture.result import Result
from tests.torture.run import Run
from tests.torture.settle import settle
from tests.torture.stage import Stage, staged
from tests.torture.together import together

SENDERS = 12
PAUSES = (0.05, 0.5)
LATENCY = 0.05
"""Panelr is slow, so that calls are always under way."""


async def play(run: Run, *, sqlite: int, postgresql: int) -> list[Result]:
    """Kill `kills` processes on each database, on both at the same time."""
    return await together(_one(run, SQLITE, 1, sqlite), _one(run, POSTGRESQL, 3, postgresql))


async def _one(run: Run, kind: str, processes: int, kills: int) -> Result:
    url = await run.databases.make(kind)
    async with staged(url, run.room(f"random-{kind}")) as stage:
        stage.panel.settings.latency_seconds = LATENCY
        await stage.start(processes)
        await stage.map_products()
        async with under_load(stage, SENDERS):
            await kill_at_random(stage, kills=kills, say=run.saying(f"random: {kind}"))
        run.say(f"random: {kind}, {len(stage.ledger.delivered)} orders settle")
        result = await settle(stage, scenario="random", database=kind)
        result.note = f"{processes} processes, {stage.ledger.statuses[None]} deliveries cut off"
        return result


async def kill_at_random(stage: Stage, *, kills: int, say: Callable[[str], None]) -> None:
    """Kill one process after the other and start it again; the others keep running."""
    restarts: dict[Bridge, asyncio.Task[None]] = {}
    for number in range(1, kills + 1):
        victim = DICE.choice(stage.bridges)
        if victim in restarts:
            await restarts[victim]
        await asyncio.sleep(DICE.uniform(*PAUSES))  # only once it runs: a process without work has nothing to lose
        say(f"kill {number} of {kills}, {len(stage.ledger.delivered)} orders delivered")
        await victim.kill()
        restarts[victim] = asyncio.create_task(victim.start())
    await together(*restarts.values())
