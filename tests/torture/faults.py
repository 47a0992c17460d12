"""A Panelr with random faults of every kind, while processes are killed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from panelr_bridge.simulators.panelr import Panel
from tests.torture.chance import DICE
from tests.torture.databases import POSTGRESQL, SQLITE
from tests.torture.load import under_load
from tests.torture.random_kills import kill_at_random
from tests.torture.result import Result
from tests.torture.run import Run
from tests.torture.settle import settle
from tests.torture.stage import staged
from tests.torture.together import together

SENDERS = 8
IN_WAITING = 2
"""The largest number of faults that wait for the calls of an action."""
EVERY = (0.02, 0.2)
"""Seconds between faults: about one call in four fails."""
ACTIONS = ("create_work_order", "get_work_orders")
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset", {}),
    ("close", {}),
    ("hang", {"seconds": 1.5}),
    ("html", {}),
    ("empty", {}),
    ("garbage", {}),
    ("truncated", {}),
    ("status", {"status": 500}),
    ("status", {"status": 502}),
    ("status", {"status": 500, "body": "envelope"}),
)
WORLDS = ((SQLITE, 1, True), (POSTGRESQL, 3, True), (POSTGRESQL, 3, False))


async def play(run: Run, *, kills: int) -> list[Result]:
    """Play on both databases at the same time, also with a Panelr whose lists hide the shop's order."""
    return await together(*(_one(run, *world, kills=kills) for world in WORLDS))


async def _one(run: Run, kind: str, processes: int, shows: bool, *, kills: int) -> Result:
    url = await run.databases.make(kind)
    words = f"{kind}{'' if shows else ', lists without wc_order_id'}"
    async with staged(url, run.room(f"faults-{words}")) as stage:
        stage.panel.settings.shows_wc_order_id = shows
        await stage.start(processes)
        await stage.map_products()
        async with under_load(stage, SENDERS), _faulty(stage.panel) as struck:
            await kill_at_random(stage, kills=kills, say=run.saying(f"faults: {words}"))
        run.say(f"faults: {words}, {len(stage.ledger.delivered)} orders settle")
        result = await settle(stage, scenario="faults", database=kind)
        result.note = f"{sum(struck)} faults struck{'' if shows else ', lists without wc_order_id'}"
        return result


@contextlib.asynccontextmanager
async def _faulty(panel: Panel) -> AsyncIterator[list[int]]:
    """Keep adding faults while the context lasts; yield a list of how often they struck."""
    struck: list[int] = []

    async def spoil() -> None:
        while True:
            action = DICE.choice(ACTIONS)
            if sum(fault.action == action for fault in panel.faults.pending) < IN_WAITING:
                _add(panel, action)
                struck.append(1)
            await asyncio.sleep(DICE.uniform(*EVERY))

    task = asyncio.create_task(spoil())
    try:
        yield struck
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        struck.append(-len(panel.faults.pending))
        panel.faults.clear()
        # One 429 at the end and none before: it stops all calls, and no other fault would be tried meanwhile.
        panel.faults.add("throttle", action="create_work_order", when="before", retry_after=1)


def _add(panel: Panel, action: str) -> None:
    kind, fields = DICE.choice(KINDS)
    panel.faults.add(kind, action=action, when=DICE.choice(("before", "after")), **fields)
