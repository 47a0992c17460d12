"""Iterates over all orders changed since a moment, page by page, while the shop goes on changing them.

Both iterators guarantee: an order modified at `moment` or later, but before the iteration began, is returned at least
once, in that version or a later one, or as an UnreadOrder. A change during the iteration may be left to the next one.
A page's `complete_to` says how far the next one need not go back. It is never after `horizon`: later modifications
may come from a wrong clock.

Neither keeps more than a page in memory.
"""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from panelr_bridge.errors import ShopError, ShopMisconfigured
from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest.equal_seconds import EqualSeconds, read_missing
from panelr_bridge.woocommerce.rest.models import ChangedPage, Payload, UnreadOrder
from panelr_bridge.woocommerce.rest.orders_list import ModifiedOrders, NewestOrders, OrdersById, RestReader
from panelr_bridge.woocommerce.rest.orders_resource import OrdersResource, is_older
from panelr_bridge.woocommerce.rest.read_range import ListRange, read_range
from panelr_bridge.woocommerce.rest.wc_v3 import usable_id

SECOND = timedelta(seconds=1)
WINDOW = 1 + 20 * 99
"""About how many orders of wc/v3 are read between two values of `complete_to`: 20 full pages, which overlap by one."""
MOST_IDLE_PAGES = 100
"""After so many pages without an order that is new, the shop is taken not to page its lists at all."""


async def by_windows(
    reader: RestReader, moment: datetime, *, per_page: int, horizon: datetime
) -> AsyncGenerator[ChangedPage, None]:
    """Iterate over wc/v3's orders by windows of modification times, oldest first, and within a window by id.

    Sorted by modification, wc/v3 returns orders of one second in another order on each page. Only the id is stable.
    """
    after = moment.astimezone(UTC).replace(microsecond=0) - SECOND
    while True:
        end = await _find_window_end(reader, after, horizon=horizon)
        orders = ModifiedOrders(reader, after, None if end is None else end + SECOND)
        async for page in _by_id(orders, per_page=per_page, complete_to=end, horizon=horizon):
            yield replace(page, is_summary=True)
        if end is None:
            return
        after = end


async def read_whole(reader: RestReader, ids: Iterable[int]) -> ChangedPage:
    """Return wc/v3's whole orders with these ids; those that the shop cannot show are unread."""
    chosen = tuple(ids)
    return _as_page((await read_range(OrdersById(reader, chosen), 0, len(chosen))).entries)


async def _find_window_end(reader: RestReader, after: datetime, *, horizon: datetime) -> datetime | None:
    """Return the modification of the order that ends a window; None if the window goes on to the list's end.

    Orders of one second may be in any order, but the second at a position is always the same.
    """
    try:
        end = await ModifiedOrders(reader, after, None).read_modification(WINDOW - 1)
    except ShopError:
        return None  # the order at this position is broken; if it is more than that, the next page raises
    return end if end is not None and after < end <= horizon else None


async def _by_id(
    orders: ModifiedOrders, *, per_page: int, complete_to: datetime | None, horizon: datetime
) -> AsyncGenerator[ChangedPage, None]:
    """Iterate over the orders of a window. Each page begins with the last order of the page before.

    If a page begins with a greater id, orders may have left the list and moved others up: the page before is read
    again. If that changes nothing, a plugin hides the order between them. Orders that enter the list move others down:
    those with smaller ids were returned already.
    """
    count = max(per_page, 2)
    start, last_id, end, known_gap, idle = 0, 0, 0, None, 0
    while idle <= MOST_IDLE_PAGES:
        found = await read_range(orders, start, count)
        _check_list(found, after=orders.after, count=count)
        gap = (last_id, _first_id(found)) if start and not _begins_by(found, last_id) else None
        if gap is not None and gap != known_gap:
            start, known_gap, idle = max(0, start - count), gap, idle + 1
            continue
        page = _select_fresh(found, last_id=last_id, seen=end - start)
        if start == 0 and complete_to is None:  # a modification from now on is newer than all of this page
            complete_to = _find_newest(page.orders, horizon=horizon)
        if not _has_more(found, start=start, count=count):
            yield replace(page, complete_to=complete_to)
            return
        yield page
        last_id, end = max([last_id, *_ids(found)]), max(end, start + found.count)
        idle = 0 if page.orders or page.unread else idle + 1
        start += ((found.count or count) - 1) or 1
    raise ShopMisconfigured("the shop returns the same orders on every page: a plugin changes its API's lists")


def _has_more(found: ListRange, *, start: int, count: int) -> bool:
    """Return whether the list goes on. Without its length it does until a page holds nothing but the overlap."""
    if found.total is None:
        return found.count > 1
    is_wrong = found.count >= count and found.total < start + found.count
    return is_wrong or start + count < found.total


def _begins_by(found: ListRange, last_id: int) -> bool:
    first = _first_id(found)
    return first is not None and first <= last_id


def _first_id(found: ListRange) -> int | None:
    return _id(found.entries[0]) if found.entries else None


def _select_fresh(found: ListRange, *, last_id: int, seen: int) -> ChangedPage:
    """Return the page's orders behind `last_id`; of those without an id, the ones behind the `seen` first places."""
    return _as_page(
        entry
        for place, entry in enumerate(found.entries)
        if ((number := _id(entry)) or 0) > last_id or (number is None and place >= seen)
    )


def _check_list(found: ListRange, *, after: datetime, count: int) -> None:
    """Raise ShopMisconfigured if the shop ignores the sort or the filter: then orders could be missed."""
    ids = _ids(found)
    if ids != sorted(ids):
        raise ShopMisconfigured("the shop does not sort orders by id: a plugin changes its API's lists")
    orders = [each for each in found.entries if isinstance(each, dict)]
    moments = (_modified_at(each) for each in orders)
    if len(orders) >= count and all(each is not None and each <= after for each in moments):
        raise ShopMisconfigured("the shop does not filter orders by modification: WooCommerce 5.8 or newer does")


async def newest_first(
    reader: RestReader, dialect: OrdersResource, moment: datetime, *, per_page: int, horizon: datetime
) -> AsyncGenerator[ChangedPage, None]:
    """Iterate over the Orders resource, newest first, to the first order older than `moment`.

    Orders changed or created meanwhile come to the top and move the others down, so some are returned twice. A
    removed order moves others up, past the next page. The total is smaller then, and the iteration goes back by as
    many pages as the orders can have moved. Orders of one second on two pages may hide each other: they are read again.
    """
    orders, seconds = NewestOrders(reader, dialect), EqualSeconds()
    start, previous_total = 0, 0
    complete_to: datetime | None = None
    while True:
        found = await read_range(orders, start, per_page)
        page = _as_page(each for each in found.entries if not (isinstance(each, dict) and is_older(each, moment)))
        if start == 0:
            complete_to = complete_to or _find_newest(page.orders, horizon=horizon)
        total = found.total or 0
        removed, previous_total = max(0, previous_total - total), total
        goes_back = bool(removed and start)
        is_full = found.count >= per_page if found.total is None else start + per_page < found.total
        is_last = not goes_back and (len(page.orders) + len(page.unread) < len(found.entries) or not is_full)
        incomplete = seconds.add_page(found, start=start)
        for second in [*incomplete, *(seconds.end() if is_last else ())]:
            if second.moment < moment.replace(microsecond=0):
                continue
            page = replace(page, orders=(*page.orders, *await read_missing(orders, second)))
        yield replace(page, complete_to=complete_to) if is_last else page
        if is_last:
            return
        if goes_back:
            seconds.forget()
        start = max(0, start - per_page * (1 + removed // per_page)) if goes_back else start + per_page


def _as_page(entries: Iterable[Payload | UnreadOrder]) -> ChangedPage:
    every = list(entries)
    return ChangedPage(
        orders=tuple(each for each in every if isinstance(each, dict)),
        unread=tuple(each for each in every if isinstance(each, UnreadOrder)),
    )


def _ids(found: ListRange) -> list[int]:
    return [each_id for each in found.entries if (each_id := _id(each)) is not None]


def _id(entry: Payload | UnreadOrder) -> int | None:
    return entry.order_id if isinstance(entry, UnreadOrder) else usable_id(entry.get("id"))


def _modified_at(order: Payload) -> datetime | None:
    return read_time(order.get("date_modified_gmt", order.get("date_modified")))


def _find_newest(orders: Iterable[Payload], *, horizon: datetime) -> datetime | None:
    """Return the latest modification among `orders` up to `horizon`."""
    moments = (_modified_at(order) for order in orders)
    return max((moment for moment in moments if moment is not None and moment <= horizon), default=None)
