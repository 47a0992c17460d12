"""A shop under way: several tellers, each with one order at a time, some told twice and under both topics."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from tests.torture.chance import DICE
from tests.torture.ledger import CREATED, UPDATED
from tests.torture.stage import Stage
from tests.torture.together import together

REST = (0.1, 0.4)
"""How long a teller rests after an order: the ledger must be checked in the end, so it does not grow without bounds."""

TOLD_AGAIN = 0.7
"""So many of the orders that were cut off are told again at once; the others wait for the end of the load."""


@contextlib.asynccontextmanager
async def under_load(stage: Stage, tellers: int, *, first: int = 1) -> AsyncIterator[None]:
    """Tell orders, from number `first` on, while the context lasts; each delivery begun ends before it does."""
    numbers = itertools.count(first)
    enough = asyncio.Event()

    async def teller() -> None:
        while not enough.is_set():
            await _tell(stage, next(numbers))
            await asyncio.sleep(DICE.uniform(*REST))

    tasks = [asyncio.create_task(teller()) for _ in range(tellers)]
    try:
        yield
    finally:
        enough.set()
        await together(*tasks)


async def _tell(stage: Stage, order_id: int) -> None:
    """Tell one order as WooCommerce does: once, twice with the same bytes, or created and updated crossing."""
    kind = DICE.random()
    if kind < 0.4:
        await stage.tell(order_id)
    elif kind < 0.6:
        await asyncio.gather(stage.tell(order_id), stage.tell(order_id))
    else:
        later = stage.tell(order_id, version=1, topic=UPDATED)
        await asyncio.gather(later, stage.tell(order_id, topic=CREATED))
    if order_id not in stage.ledger.accepted and DICE.random() < TOLD_AGAIN:
        await stage.tell(order_id, version=2, topic=UPDATED)
