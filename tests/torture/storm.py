"""Forty orders at once, each delivered forty times, while Panelr is slow."""

import asyncio

from tests.torture.chance import DICE
from tests.torture.databases import POSTGRESQL, SQLITE
from tests.torture.ledger import CREATED, UPDATED
from tests.torture.result import Result
from tests.torture.run import Run
from tests.torture.settle import settle
from tests.torture.stage import Stage, staged

BUDGET = 1.0
LATENCY = 2.0
VERSIONS = 4
IN_FLIGHT = 32
"""The number of deliveries at the same time, as many as the processes of a busy shop."""
WORLDS = ((SQLITE, 1), (SQLITE, 2), (POSTGRESQL, 3))


async def play(run: Run, *, orders: int, times: int) -> list[Result]:
    """Play on both databases."""
    results = []
    for kind, processes in WORLDS:
        run.say(f"storm: {kind}, {processes} processes, {orders} orders delivered {times} times each")
        url = await run.databases.make(kind)
        room = run.room(f"storm-{kind}-{processes}")
        async with staged(url, room, panelr_timeout_seconds="10", sync_budget_seconds=str(BUDGET)) as stage:
            stage.panel.settings.latency_seconds = LATENCY
            await stage.start(processes)
            await stage.map_products()
            await _storm(stage, orders, times)
            result = await settle(stage, scenario="storm", database=kind)
            slowest = stage.ledger.slowest
            result.note = f"{processes} processes, {orders * times} deliveries, slowest answer {slowest:.2f} s"
            if slowest > BUDGET + 1:
                result.problems.append(f"an answer took {slowest:.2f} s, the budget is {BUDGET} s")
            results.append(result)
    return results


async def _storm(stage: Stage, orders: int, times: int) -> None:
    deliveries = [(order_id, number) for order_id in range(1, orders + 1) for number in range(times)]
    DICE.shuffle(deliveries)
    room = asyncio.Semaphore(IN_FLIGHT)

    async def send(order_id: int, number: int) -> None:
        async with room:
            await stage.send(order_id, version=number % VERSIONS, topic=(CREATED, UPDATED)[number % 2])

    await asyncio.gather(*(send(*each) for each in deliveries))
    unanswered = stage.ledger.statuses[None]
    if unanswered:
        stage.ledger.wrong.append(f"{unanswered} deliveries were not answered, though nobody was killed")
