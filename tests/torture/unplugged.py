"""The PostgreSQL server is gone, again and again, without a word of farewell, and comes back."""

import asyncio
import time

from tests.torture.chance import DICE
from tests.torture.databases import POSTGRESQL
from tests.torture.ledger import Answer
from tests.torture.load import under_load
from tests.torture.result import Result
from tests.torture.run import Run
from tests.torture.settle import settle
from tests.torture.stage import staged

TELLERS = 8
PROCESSES = 3
EXCUSED = ('"worker.waits"', '"delivery.not_stored"')
"""What a bridge must say while its database is away, once a round of the worker and once a delivery."""


class Outages:
    """When the database was away, and what may be answered then."""

    def __init__(self) -> None:
        self._spans: list[list[float]] = []

    def began(self) -> None:
        """The database goes away now."""
        self._spans.append([time.monotonic(), float("inf")])

    def ended(self) -> None:
        """The database takes connections again."""
        self._spans[-1][1] = time.monotonic()

    def excuse(self, answer: Answer) -> bool:
        """Return whether an answer may be: a 503 only to a delivery that met an outage."""
        met = any(answer.began < end and answer.ended > begin for begin, end in self._spans)
        return answer.accepted or (answer.status == 503 and met)


async def play(run: Run, *, times: int) -> list[Result]:
    """Take the database away so many times."""
    url = await run.databases.make(POSTGRESQL)
    outages = Outages()
    async with staged(url, run.room("unplugged")) as stage:
        stage.ledger.may_be = outages.excuse
        await stage.start(PROCESSES)
        await stage.map_products()
        async with under_load(stage, TELLERS):
            for number in range(1, times + 1):
                await asyncio.sleep(DICE.uniform(1, 3))
                run.say(f"unplugged: outage {number} of {times}, {len(stage.ledger.told)} orders told")
                outages.began()
                await run.databases.pull_the_plug()
                await asyncio.sleep(DICE.uniform(0, 3))
                await run.databases.plug_in()
                outages.ended()
            await asyncio.sleep(1)
        run.say(f"unplugged: {len(stage.ledger.told)} orders settle")
        result = await settle(stage, scenario="unplugged", database=POSTGRESQL, excused=EXCUSED)
        result.note = f"{times} outages, {stage.ledger.statuses[503]} deliveries answered 503 meanwhile"
        return [result]
