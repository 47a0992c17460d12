"""More orders than the rate limit allows in a minute: all are created, and no 60 seconds have a call too many."""

import asyncio
import time

from tests.torture.databases import POSTGRESQL, SQLITE
from tests.torture.result import Result
from tests.torture.run import Run
from tests.torture.settle import settle
from tests.torture.stage import Stage, staged
from tests.torture.together import together

MINUTE = 60.0
SPARE = 4.0
"""Seconds that the second half may take beyond its minute: the window is 61 s, and the calls take time."""
IN_FLIGHT = 16


async def play(run: Run, *, limit: int, orders: int) -> list[Result]:
    """Send the orders on both databases at the same time."""
    run.say(f"rate: {orders} orders, {limit} a minute, on both databases at once")
    worlds = ((SQLITE, 2), (POSTGRESQL, 3))
    return await together(*(_one(run, kind, count, limit, orders) for kind, count in worlds))


async def _one(run: Run, kind: str, processes: int, limit: int, orders: int) -> Result:
    url = await run.databases.make(kind)
    async with staged(url, run.room(f"rate-{kind}"), panelr_rate_per_minute=str(limit)) as stage:
        await stage.start(processes)
        await stage.map_products()
        began = time.monotonic()
        await _deliver_order(stage, orders)
        result = await settle(stage, scenario="rate", database=kind)
        took, busiest = time.monotonic() - began, stage.panel.busiest_window(MINUTE)
        # the check of the mapping used a slot as well
        minutes = -(-len(stage.panel.arrivals) // limit) - 1
        if took > minutes * (MINUTE + 1) + SPARE:
            result.problems.append(f"{orders} orders took {took:.0f} s with {limit} calls a minute")
        if busiest > limit:
            result.problems.append(f"{busiest} calls within 60 s, {limit} are allowed")
        result.note = f"{processes} processes, {took:.1f} s, at most {busiest} calls in any 60 s, {limit} allowed"
        return result


async def _deliver_order(stage: Stage, orders: int) -> None:
    room = asyncio.Semaphore(IN_FLIGHT)

    async def send(order_id: int) -> None:
        async with room:
            await stage.send(order_id)

    await asyncio.gather(*(send(order_id) for order_id in range(1, orders + 1)))
