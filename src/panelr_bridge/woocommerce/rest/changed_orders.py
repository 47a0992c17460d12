"""Iterates over all orders changed since a moment, page by page, while the shop goes on changing them.

Both iterators guarantee: an order modified at `moment` or later, but before the iteration began, is returned at least
once, in that version or a later one. It may be returned twice. A change during the iteration may be left to the next
one. So, after the end, move your cursor to the *beginning* of the iteration, less a minute for clock differences.

wc/v3 returns the oldest first, the Orders resource the newest first.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from panelr_bridge.errors import ShopMisconfigured
from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest import wc_v3
from panelr_bridge.woocommerce.rest.models import ItemsPage, OrdersPage, OrdersQuery, Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.orders_resource import FIELDS, NEWEST_FIRST

SECOND = timedelta(seconds=1)

ReadRequest = Callable[[RestRequest], Awaitable[RestResponse]]
ReadPage = Callable[[OrdersQuery], Awaitable[OrdersPage]]


async def oldest_first(read: ReadRequest, moment: datetime, *, per_page: int) -> AsyncIterator[Payload]:
    """Iterate over wc/v3's orders by a cursor, oldest first.

    It reads only first pages, each from the last modification of the page before. Orders modified meanwhile move to
    the end, are returned again there, and shift no unread order.
    """
    cursor = moment.astimezone(UTC).replace(microsecond=0) - SECOND
    returned: list[Payload] = []
    while True:
        page = await _read_ascending(read, _window(after=cursor), page=1, per_page=per_page)
        for order in page.items:
            if order not in returned:
                yield order
        if not page.has_more or not page.items:
            return
        last = _modified_at(page.items[-1])
        if last <= cursor:
            raise ShopMisconfigured("the shop does not filter orders by modification: WooCommerce 5.8 or newer does")
        returned = [order for order in page.items if _modified_at(order) == last]
        if _modified_at(page.items[0]) == last:
            async for order in _read_second(read, last, per_page=per_page):
                yield order
            cursor = last
        else:
            cursor = last - SECOND


async def _read_second(read: ReadRequest, second: datetime, *, per_page: int) -> AsyncIterator[Payload]:
    """Iterate over all orders of one `second` with more than a page of them, last page first.

    If an order disappears meanwhile, those behind it move towards the pages still to read.
    """
    window = _window(after=second - SECOND, before=second + SECOND)
    page = 1
    while (await _read_ascending(read, window, page=page, per_page=per_page)).has_more:
        page += 1
    for number in range(page, 0, -1):
        for order in (await _read_ascending(read, window, page=number, per_page=per_page)).items:
            yield order


def _window(*, after: datetime, before: datetime | None = None) -> tuple[tuple[str, str], ...]:
    return wc_v3.modified_filter(after=after, before=before)


async def _read_ascending(
    read: ReadRequest, window: tuple[tuple[str, str], ...], *, page: int, per_page: int
) -> ItemsPage:
    query = (("orderby", "modified"), ("order", "asc"), ("page", str(page)), ("per_page", str(per_page)))
    response = await read(RestRequest("GET", wc_v3.WcV3.path, (*query, *window)))
    return wc_v3.items_page(response, page=page, per_page=per_page)


def _modified_at(order: Payload) -> datetime:
    modified = read_time(order.get("date_modified_gmt"))
    if modified is None:
        raise ShopMisconfigured("the shop sent an order without date_modified_gmt")
    return modified


async def newest_first(read_page: ReadPage, moment: datetime, *, per_page: int) -> AsyncIterator[Payload]:
    """Iterate over the Orders resource, newest first, to the first order older than `moment`.

    Orders changed or created meanwhile come to the top and move the others down, so some are returned twice. A
    removed order moves others up, past the next page. The total is smaller then, and the iteration goes back by as
    many pages as the orders can have moved.
    """
    page, previous_total = 1, 0
    while True:
        query = OrdersQuery(sort=NEWEST_FIRST, modified_since=moment, page=page, per_page=per_page, fields=FIELDS)
        result = await read_page(query)
        for order in result.orders:
            yield order
        total = result.total or 0
        removed, previous_total = max(0, previous_total - total), total
        if removed and page > 1:
            page = max(1, page - 1 - removed // per_page)
        elif result.has_more:
            page += 1
        else:
            return
