"""The PostgreSQL server stops at once, again and again, and starts again."""

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

SENDERS = 8
PROCESSES = 3
EXCUSED = ('"worker.waits"', '"delivery.not_stored"')
"""Log events that a bridge writes while its database is away: for each turn of the worker and each delivery."""


class Outages:
    """The times when the database was away, and the answers that are allowed then."""

    def __init__(self) -> None:
        self._spans: list[list[float]] = []

    def began(self) -> None:
        """Record that the database goes away now."""
        self._spans.append([time.monotonic(), float("inf")])

    def ended(self) -> None:
        """Record that the database takes connections again."""
        self._spans[-1][1] = time.monotonic()

    def excuse(self, answer: Answer) -> bool:
        """Return whether an answer is allowed: a 503 only during an outage."""
        met = any(answer.began < end and answer.ended > begin for begin, end in self._spans)
        return answer.accepted or (answer.status == 503 and met)


async def play(run: Run, *, times: int) -> list[Result]:
    """Stop the database `times` times."""
    url = await run.databases.make(POSTGRESQL)
    outages = Outages()
    async with staged(url, run.room("unplugged")) as stage:
        stage.ledger.is_allowed = outages.excuse
        await stage.start(PROCESSES)
        await stage.map_products()
        async with under_load(stage, SENDERS):
            for number in range(1, times + 1):
                await asyncio.sleep(DICE.uniform(1, 3))
                run.say(f"unplugged: outage {number} of {times}, {len(stage.ledger.delivered)} orders delivered")
                outages.began()
                await run.databases.stop_server()
                await asyncio.sleep(DICE.uniform(0, 3))
                await run.databases.start_server()
                outages.ended()
            await asyncio.sleep(1)
        run.say(f"unplugged: {len(stage.ledger.delivered)} orders settle")
        result = await settle(stage, scenario="unplugged", database=POSTGRESQL, excused=EXCUSED)
        result.note = f"{times} outages, {stage.ledger.statuses[503]} deliveries answered 503 meanwhile"
        return [result]
