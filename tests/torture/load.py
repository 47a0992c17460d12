"""A busy shop: several senders, each with one order at a time, some delivered twice or under both topics."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from tests.torture.chance import DICE
from tests.torture.ledger import CREATED, UPDATED
from tests.torture.stage import Stage
from tests.torture.together import together

REST = (0.1, 0.4)
"""Seconds that a sender rests after an order, so that the ledger stays small enough to check."""

REPEATED_AT_ONCE = 0.7
"""The share of orders without an answer that is delivered again at once; the others wait for the end of the load."""


@contextlib.asynccontextmanager
async def under_load(stage: Stage, senders: int, *, first: int = 1) -> AsyncIterator[None]:
    """Deliver orders, from number `first` on, while the context lasts; wait for the deliveries under way at its end."""
    numbers = itertools.count(first)
    enough = asyncio.Event()

    async def sender() -> None:
        while not enough.is_set():
            await _deliver_order(stage, next(numbers))
            await asyncio.sleep(DICE.uniform(*REST))

    tasks = [asyncio.create_task(sender()) for _ in range(senders)]
    try:
        yield
    finally:
        enough.set()
        await together(*tasks)


async def _deliver_order(stage: Stage, order_id: int) -> None:
    """Deliver one order as WooCommerce does: once, twice with the same bytes, or created and updated at once."""
    kind = DICE.random()
    if kind < 0.4:
        await stage.send(order_id)
    elif kind < 0.6:
        await asyncio.gather(stage.send(order_id), stage.send(order_id))
    else:
        later = stage.send(order_id, version=1, topic=UPDATED)
        await asyncio.gather(later, stage.send(order_id, topic=CREATED))
    if order_id not in stage.ledger.accepted and DICE.random() < REPEATED_AT_ONCE:
        await stage.send(order_id, version=2, topic=UPDATED)
