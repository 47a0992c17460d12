"""Retry many orders by hand, the oldest first.

Each order has a transaction of its own, so one that fails stops no other.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from panelr_bridge import logs
from panelr_bridge.application import operator_actions, order_queries
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.errors import BridgeError
from panelr_bridge.store import order_counts
from panelr_bridge.store.database import Database, is_unavailable
from panelr_bridge.store.pagination import order_list

RETRYABLE = (OrderState.HELD, OrderState.QUEUED, OrderState.REFUSED, OrderState.UNCONFIRMED)
"""The states that are retried in bulk. A closed order is reopened one by one: a person closed it."""
BATCH = 500
UNEXPECTED = "retrying this order failed: the log says why"

log = logs.get(__name__)
Write = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedOrder:
    """An order that could not be retried, and why."""

    order_id: int
    words: str


@dataclass(slots=True, kw_only=True)
class BulkRetryResult:
    """How many orders were retried, by the state that they have since; the orders that were skipped.

    `left` counts the orders in these states that were not reached because of the limit. `last_id` is the last one
    that was.
    """

    retried: Counter[str] = field(default_factory=Counter)
    skipped: list[SkippedOrder] = field(default_factory=list)
    left: int = 0
    last_id: int | None = None


def parse_retryable(text: str) -> tuple[OrderState, ...]:
    """Return the states in a comma-separated list; raises BadQuery if it is empty or has another than RETRYABLE."""
    return order_queries.parse_states(text, allowed=RETRYABLE)


async def count_matching(database: Database, *, states: Collection[str], store: str | None) -> dict[str, int]:
    """Return how many orders a bulk retry would retry, by state."""
    groups = await database.read(order_counts.count_orders)
    counts = Counter[str]()
    for group in groups:
        if group.state in states and store in {None, group.store}:
            counts[group.state] += group.n
    return dict(counts)


async def retry_many(
    database: Database,
    write: Write,
    *,
    states: Collection[str],
    store: str | None,
    limit: int | None,
    after_id: int = 0,
    policy: OrderPolicy,
    actor: str,
) -> BulkRetryResult:
    """Retry the orders in these states, from `after_id` on and at most `limit`; `write` runs one transaction.

    The orders are those of the beginning: one that is held again is not retried twice.
    """
    result = BulkRetryResult()
    async for order_id in _ids(database, states=states, store=store, limit=limit, after_id=after_id):
        result.last_id = order_id
        try:
            state = await write(operator_actions.retry, order_id, policy=policy, actor=actor, overrides=False)
            result.retried[str(state)] += 1
        except BridgeError as error:
            result.skipped.append(SkippedOrder(order_id=order_id, words=str(error)))
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("operator.failed", action="retry", order=order_id)
            result.skipped.append(SkippedOrder(order_id=order_id, words=UNEXPECTED))
    if limit is not None and result.last_id is not None:
        result.left = await database.read(order_list.count_after, states=states, store=store, after=result.last_id)
    return result


async def _ids(
    database: Database, *, states: Collection[str], store: str | None, limit: int | None, after_id: int
) -> AsyncIterator[int]:
    """Yield the ids of the orders, in batches that are read one after the other."""
    found = 0
    while limit is None or found < limit:
        size = BATCH if limit is None else min(BATCH, limit - found)
        ids = await database.read(order_list.ids_after, states=states, store=store, after=after_id, limit=size)
        for order_id in ids:
            yield order_id
        if len(ids) < size:
            return
        found, after_id = found + len(ids), ids[-1]
