"""A shop's lists of orders, by position.

wc/v3's is sorted by id within a window of modifications, an Orders resource's by modification, the newest first.
wc/v3 shows summaries there: a page of whole orders costs both sides ten times as much, and most orders are known.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest import wc_v3
from panelr_bridge.woocommerce.rest.models import OrdersPage, OrdersQuery, Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.orders_resource import FIELDS, NEWEST_FIRST, OrdersResource
from panelr_bridge.woocommerce.rest.read_range import PAST_THE_END, ListRange

SUMMARY = "id,number,status,total,date_modified_gmt"


class RestReader(Protocol):
    """Sends read requests to a shop; each method raises ShopError."""

    async def read(self, request: RestRequest) -> RestResponse:
        """Return the response; try again while the shop has a temporary fault."""

    async def send_once(self, request: RestRequest) -> RestResponse:
        """Return the response to one request."""


@dataclass(frozen=True, slots=True)
class ModifiedOrders:
    """wc/v3's orders modified after `after` and before `before`, both exclusive, sorted by id."""

    reader: RestReader
    after: datetime
    before: datetime | None

    async def read(self, start: int, count: int, *, repeat: bool) -> ListRange:
        """Return the summaries of `count` orders from `start` on."""
        request = self._build_request(start, count, orderby="id", fields=SUMMARY)
        response = await (self.reader.read(request) if repeat else self.reader.send_once(request))
        page = wc_v3.items_page(response, page=1, per_page=count)
        return ListRange(page.items, page.count, page.total)

    async def read_id(self, position: int) -> int | None:
        """Return only the id of the order at a position."""
        return _only_id(await self._read_fields(position, orderby="id", fields="id"))

    async def read_modification(self, position: int) -> datetime | None:
        """Return the modification of the order at a position in the order of modification, None past the end."""
        orders = await self._read_fields(position, orderby="modified", fields="id,date_modified_gmt")
        return read_time(orders[0].get("date_modified_gmt")) if orders else None

    async def read_order(self, order_id: int) -> Payload:
        """Return one order, on its own."""
        return await _read_wc_order(self.reader, order_id)

    async def _read_fields(self, position: int, *, orderby: str, fields: str) -> tuple[Payload, ...]:
        request = self._build_request(position, 1, orderby=orderby, fields=fields)
        return wc_v3.items_page(await self.reader.send_once(request), page=1, per_page=1).items

    def _build_request(self, start: int, count: int, *, orderby: str, fields: str) -> RestRequest:
        query = (
            *(("orderby", orderby), ("order", "asc"), ("offset", str(start)), ("per_page", str(count))),
            ("_fields", fields),
        )
        window = wc_v3.modified_filter(after=self.after, before=self.before)
        return RestRequest("GET", wc_v3.WcV3.path, (*query, *window))


@dataclass(frozen=True, slots=True)
class OrdersById:
    """wc/v3's whole orders with the given ids. Deleted ones are left out."""

    reader: RestReader
    ids: tuple[int, ...]

    async def read(self, start: int, count: int, *, repeat: bool) -> ListRange:
        """Return the orders with `count` of the ids from `start` on."""
        ids = self.ids[start : start + count]
        chosen = (("include", ",".join(map(str, ids))),) if ids else (("offset", str(PAST_THE_END)),)
        request = RestRequest("GET", wc_v3.WcV3.path, (*chosen, ("orderby", "id"), ("per_page", str(count))))
        response = await (self.reader.read(request) if repeat else self.reader.send_once(request))
        return ListRange(wc_v3.items_page(response, page=1, per_page=count).items, len(ids), None)

    async def read_id(self, position: int) -> int | None:
        """Return the id at a position."""
        return self.ids[position]

    async def read_order(self, order_id: int) -> Payload:
        """Return one order, on its own."""
        return await _read_wc_order(self.reader, order_id)


async def _read_wc_order(reader: RestReader, order_id: int) -> Payload:
    dialect = wc_v3.WcV3()
    return dialect.one(await reader.send_once(dialect.get(order_id)))


@dataclass(frozen=True, slots=True)
class NewestOrders:
    """An Orders resource's orders, sorted by modification, the newest first. It has pages, so `start` fits `count`."""

    reader: RestReader
    dialect: OrdersResource

    async def read(self, start: int, count: int, *, repeat: bool) -> ListRange:
        """Return `count` orders from `start` on, a multiple of `count`."""
        page = await self._read_page(start, count, FIELDS, repeat=repeat)
        return ListRange(page.orders, page.count, page.total)

    async def read_id(self, position: int) -> int | None:
        """Return only the id of the order at a position."""
        return _only_id((await self._read_page(position, 1, ("id",), repeat=False)).orders)

    async def read_order(self, order_id: int) -> Payload:
        """Return one order, on its own."""
        return self.dialect.one(await self.reader.send_once(self.dialect.get(order_id)))

    async def _read_page(self, start: int, count: int, fields: tuple[str, ...], *, repeat: bool) -> OrdersPage:
        query = OrdersQuery(sort=NEWEST_FIRST, page=start // count + 1, per_page=count, fields=fields)
        request = self.dialect.list_orders(query)
        return self.dialect.page(await (self.reader.read(request) if repeat else self.reader.send_once(request)), query)


def _only_id(orders: tuple[Payload, ...]) -> int | None:
    return wc_v3.usable_id(orders[0].get("id")) if orders else None
