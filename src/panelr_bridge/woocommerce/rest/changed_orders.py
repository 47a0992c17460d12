"""Every order that was changed since a moment, page by page, while the shop goes on changing them.

What both walks promise: an order that was modified at `moment` or later, and before the walk began, is told at least
once, as it was then or later; it may be told twice. A change during the walk may be left to the next one. So move your
mark to the moment at which the walk *began*, less a minute for clocks that are apart, once it has come to its end.

wc/v3 tells them oldest first; the Orders resource newest first.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from panelr_bridge.errors import ShopMisconfigured
from panelr_bridge.woocommerce.rest import wc_v3
from panelr_bridge.woocommerce.rest.models import ItemsPage, OrdersPage, OrdersQuery, Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.orders_resource import FIELDS, NEWEST_FIRST

SECOND = timedelta(seconds=1)

ReadRequest = Callable[[RestRequest], Awaitable[RestResponse]]
ReadPage = Callable[[OrdersQuery], Awaitable[OrdersPage]]


async def oldest_first(read: ReadRequest, moment: datetime, *, per_page: int) -> AsyncIterator[Payload]:
    """Walk wc/v3 by a cursor.

    Only first pages are asked for, each from the last modification of the page before it: orders that are modified
    meanwhile move behind the cursor's end, where they are met again, and shift nothing that has not been read.
    """
    cursor = moment.astimezone(UTC).replace(microsecond=0) - SECOND
    told: list[Payload] = []
    while True:
        found = await _read_ascending(read, _window(after=cursor), page=1, per_page=per_page)
        for order in found.items:
            if order not in told:
                yield order
        if not found.has_more or not found.items:
            return
        last = _modified_at(found.items[-1])
        if last <= cursor:
            raise ShopMisconfigured("the shop does not filter orders by modification: WooCommerce 5.8 or newer does")
        told = [order for order in found.items if _modified_at(order) == last]
        if _modified_at(found.items[0]) == last:
            async for order in _read_second(read, last, per_page=per_page):
                yield order
            cursor = last
        else:
            cursor = last - SECOND


async def _read_second(read: ReadRequest, second: datetime, *, per_page: int) -> AsyncIterator[Payload]:
    """Tell all orders of one second that has more of them than a page, the last page first.

    An order that leaves meanwhile moves those behind it towards the first page, which is yet to be read.
    """
    window = _window(after=second - SECOND, before=second + SECOND)
    page = 1
    while (await _read_ascending(read, window, page=page, per_page=per_page)).has_more:
        page += 1
    for each in range(page, 0, -1):
        for order in (await _read_ascending(read, window, page=each, per_page=per_page)).items:
            yield order


def _window(*, after: datetime, before: datetime | None = None) -> tuple[tuple[str, str], ...]:
    return wc_v3.modified_filter(after=after, before=before)


async def _read_ascending(
    read: ReadRequest, window: tuple[tuple[str, str], ...], *, page: int, per_page: int
) -> ItemsPage:
    asked = (("orderby", "modified"), ("order", "asc"), ("page", str(page)), ("per_page", str(per_page)))
    return wc_v3.items_page(
        await read(RestRequest("GET", wc_v3.WcV3.path, (*asked, *window))), page=page, per_page=per_page
    )


def _modified_at(order: Payload) -> datetime:
    try:
        return datetime.fromisoformat(order["date_modified_gmt"]).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        raise ShopMisconfigured("the shop tells an order without date_modified_gmt") from None


async def newest_first(read_page: ReadPage, moment: datetime, *, per_page: int) -> AsyncIterator[Payload]:
    """Walk the Orders resource to the first order that is older.

    Orders that are modified or made meanwhile come to the top, and what is yet to be read moves down: it is told
    twice. Only an order that goes away moves others up, past the page that is read next. Then the total is smaller
    than it was, and the walk steps back by as many pages as that can have moved.
    """
    page, before = 1, 0
    while True:
        asked = OrdersQuery(sort=NEWEST_FIRST, modified_since=moment, page=page, per_page=per_page, fields=FIELDS)
        found = await read_page(asked)
        for order in found.orders:
            yield order
        total = found.total or 0
        gone, before = max(0, before - total), total
        if gone and page > 1:
            page = max(1, page - 1 - gone // per_page)
        elif found.has_more:
            page += 1
        else:
            return
