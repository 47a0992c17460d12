"""Reads a range of a list of orders, even if the shop cannot show one of them.

One broken order makes the shop answer 500, or nothing in time, for every page that contains it. Such a range is read in
smaller and smaller parts, down to the one order, which becomes an UnreadOrder.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from panelr_bridge.errors import ShopError
from panelr_bridge.woocommerce.rest.models import Payload, UnreadOrder

CONTENT_STATUSES = frozenset({200, 500, 502, 504})
"""With these statuses the content of a page can be the cause: PHP broke down, ran out of time, or printed an error."""
PAST_THE_END = 10_000_000
"""A position behind every list. Its empty page costs the shop nothing and proves that it works."""


@dataclass(frozen=True, slots=True)
class ListRange:
    """A range of a list. `count` is the number of places that the shop had, `total` the length of the whole list."""

    entries: tuple[Payload | UnreadOrder, ...]
    count: int
    total: int | None


class OrdersList(Protocol):
    """A list of orders in a shop, in a fixed order."""

    async def read(self, start: int, count: int, *, repeat: bool) -> ListRange:
        """Return `count` orders from `start` on, a multiple of `count` or any; with `repeat` after temporary faults."""

    async def read_id(self, position: int) -> int | None:
        """Return only the id of the order at a position."""

    async def read_order(self, order_id: int) -> Payload:
        """Return one order, on its own."""


async def read_range(orders: OrdersList, start: int, count: int) -> ListRange:
    """Return a range of `orders`; raise ShopError if the cause is more than single orders."""
    return await _read_or_split(orders, start, count, lambda: orders.read(start, count, repeat=True))


async def _read_or_split(
    orders: OrdersList, start: int, count: int, read: Callable[[], Awaitable[ListRange]]
) -> ListRange:
    try:
        return await read()
    except ShopError as error:
        if not await _may_be_content(orders, error):
            raise
        return await (_read_parts(orders, start, count) if count > 1 else _read_single(orders, start, error))


async def _may_be_content(orders: OrdersList, error: ShopError) -> bool:
    """Return whether the content of a page may be the cause of `error`.

    After a time-out or a broken connection, only if the shop answers at all: else each part would wait as long.
    """
    if error.status is not None or not error.maybe_done:
        return error.status in CONTENT_STATUSES
    try:
        await orders.read(PAST_THE_END, 1, repeat=False)
    except ShopError:
        return False
    return True


async def _read_parts(orders: OrdersList, start: int, count: int) -> ListRange:
    """Read a range in equal parts, each at a multiple of its length: an Orders resource has pages only."""
    length = count // next(divisor for divisor in range(2, count + 1) if count % divisor == 0)
    entries: list[Payload | UnreadOrder] = []
    total, places = None, 0
    for first in range(start, start + count, length):
        part = await _read_part(orders, first, length)
        if not part.count:
            break
        entries += part.entries
        places, total = places + part.count, total if part.total is None else part.total
    return ListRange(tuple(entries), places, total)


async def _read_part(orders: OrdersList, start: int, count: int) -> ListRange:
    return await _read_or_split(orders, start, count, lambda: orders.read(start, count, repeat=False))


async def _read_single(orders: OrdersList, position: int, error: ShopError) -> ListRange:
    """Return the order at a position as unread, unless the shop shows it now or on its own.

    Raises `error` if the shop does not show an empty page either: then the order is not the cause.
    """
    try:
        await orders.read(PAST_THE_END, 1, repeat=False)
    except ShopError:
        raise error from None
    try:
        return await orders.read(position, 1, repeat=False)
    except ShopError as again:
        return ListRange((await _read_alone(orders, position, again),), 1, None)


async def _read_alone(orders: OrdersList, position: int, error: ShopError) -> Payload | UnreadOrder:
    order_id = None
    try:
        order_id = await orders.read_id(position)
        if order_id is not None:
            return await orders.read_order(order_id)
    except ShopError as again:
        error = again
    which = f"order {order_id}" if order_id is not None else "an order"
    return UnreadOrder(order_id, f"the shop cannot show {which}, so it was passed over: {error.words}")
