"""A client for one shop's REST API, with either kind of orders API. Every failure is a ShopError."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from types import TracebackType
from typing import Any, Self

from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopNotFound, ShopUnsupported
from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest import changed_orders, compare, site_dates, subscription_orders, wc_v3
from panelr_bridge.woocommerce.rest.http import RETRY_WAITS, RestConnection
from panelr_bridge.woocommerce.rest.models import (
    ChangedPage,
    ItemsPage,
    OrdersDialect,
    OrdersPage,
    OrdersQuery,
    Payload,
    RestRequest,
    RestResponse,
)
from panelr_bridge.woocommerce.rest.orders_resource import NEWEST_FIRST, OrdersResource
from panelr_bridge.woocommerce.rest.product_skus import ProductSkus
from panelr_bridge.woocommerce.rest.request import MAX_PER_PAGE, WC, orders_base, page_request, write_request
from panelr_bridge.woocommerce.rest.safe_write import LOOK_UP_WAITS, send_safely
from panelr_bridge.woocommerce.rest.subscription_orders import SubscriptionLink


def dialect_of(orders_api: str) -> OrdersDialect:
    """Return the dialect for the setting WOO_ORDERS_API."""
    base = orders_base(orders_api)
    return wc_v3.WcV3() if base == WC else OrdersResource(f"{base}/orders")


class ShopClient:
    """Calls one shop. Use it as an async context manager; its methods may run many times at once.

    A read is retried after each of `waits` while the shop has a temporary fault. A write with a lost answer is looked
    up after each of `looks` before it is sent again.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str,
        secret: str,
        orders_api: str = WC,
        timeout_seconds: float = 25.0,
        waits: Sequence[float] = RETRY_WAITS,
        looks: Sequence[float] = LOOK_UP_WAITS,
    ) -> None:
        self.dialect = dialect_of(orders_api)
        self._knows_dates = isinstance(self.dialect, wc_v3.WcV3)
        self._look_up_waits = tuple(looks)
        self._connection = RestConnection(url=url, key=key, secret=secret, timeout_seconds=timeout_seconds, waits=waits)
        self._skus = ProductSkus(self._connection.read)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.aclose()

    # Orders

    async def learn_dates(
        self, read_reported: Callable[[list[int]], Awaitable[Mapping[int, datetime]]] | None = None
    ) -> None:
        """Learn in which zone an Orders resource shows its dates; wc/v3 shows them in UTC.

        `read_reported` returns the modifications that webhooks have reported, by order id.
        """
        if not isinstance(self.dialect, OrdersResource):
            return
        zone = await self._read_zone()
        if read_reported is not None and zone is not UTC:
            shown = await self._read_modifications(self.dialect)
            reported = await read_reported(list(shown))
            zone = site_dates.choose_zone(zone, [(shown[each], moment) for each, moment in reported.items()])
        self.dialect = replace(self.dialect, zone=zone)
        self._knows_dates = True

    async def _read_modifications(self, dialect: OrdersResource) -> dict[int, datetime]:
        """Return the newest modifications as the resource shows them, by order id; none if it cannot show them."""
        newest = OrdersQuery(sort=NEWEST_FIRST, per_page=MAX_PER_PAGE, fields=("id", "date_modified"))
        uncorrected = replace(dialect, zone=UTC)
        try:
            page = uncorrected.page(await self._connection.send_once(uncorrected.list_orders(newest)), newest)
        except ShopError:  # one broken order is enough; the index is good in itself
            return {}
        moments = ((wc_v3.usable_id(order.get("id")), read_time(order.get("date_modified"))) for order in page.orders)
        return {each: moment for each, moment in moments if each is not None and moment is not None}

    async def _read_zone(self) -> tzinfo:
        try:
            request = RestRequest("GET", "", (("_fields", "gmt_offset,timezone_string"),))
            response = await self._connection.send_once(request)
        except ShopError:  # a plugin hides the index; what the resource shows is all there is
            return UTC
        return site_dates.read_zone(response.content)

    async def list_orders(self, *, query: OrdersQuery) -> OrdersPage:
        """Return one page of orders; raise BadQuery if this kind of API does not support the query."""
        request = self.dialect.list_orders(query)
        await self._require_dates()
        return self.dialect.page(await self._connection.read(request), query)

    async def _require_dates(self) -> None:
        if not self._knows_dates:
            await self.learn_dates()

    async def changed_pages(
        self, moment: datetime, *, horizon: datetime, per_page: int = MAX_PER_PAGE
    ) -> AsyncGenerator[ChangedPage, None]:
        """Iterate over every order modified at `moment` or later; `changed_orders` states the guarantees.

        wc/v3 shows summaries and reports how far it is complete from time to time. An Orders resource shows whole
        orders and reports it with its last page.
        """
        await self._require_dates()
        if isinstance(self.dialect, OrdersResource):
            pages = changed_orders.newest_first(
                self._connection, self.dialect, moment, per_page=per_page, horizon=horizon
            )
        else:
            pages = changed_orders.by_windows(self._connection, moment, per_page=per_page, horizon=horizon)
        async with contextlib.aclosing(pages):
            async for page in pages:
                yield page

    async def read_whole(self, ids: Iterable[int]) -> ChangedPage:
        """Return the whole orders of a page of summaries, without those that are gone by now."""
        return await changed_orders.read_whole(self._connection, ids)

    async def add_skus(self, orders: Iterable[Payload]) -> tuple[list[Payload], str | None]:
        """Return an Orders resource's orders with the SKUs of their lines, or words that say why they have none."""
        if isinstance(self.dialect, wc_v3.WcV3):
            return list(orders), None
        return await self._skus.add_to(orders), self._skus.problem

    async def get_order(self, order_id: int) -> Payload:
        """Return one order; raise ShopNotFound if it does not exist."""
        await self._require_dates()
        return self.dialect.one(await self._connection.read(self.dialect.get(order_id)))

    async def create_order(self, changes: Mapping[str, Any]) -> Payload:
        """Create an order exactly once: a random meta value identifies it after a lost answer."""
        key = secrets.token_hex(16)
        request = self.dialect.create(compare.with_creation_key(changes, key), once=key)
        status = str(changes.get("status") or "").removeprefix("wc-")

        async def look_up() -> Payload | None:
            newest = OrdersQuery(
                statuses=(status,) if status else (), sort="-id", per_page=MAX_PER_PAGE, fields=("id", "meta_data")
            )
            page = await self.list_orders(query=newest)
            created = next((order for order in page.orders if compare.has_creation_key(order, key)), None)
            return None if created is None else await self.get_order(created["id"])

        return await self._send_safely(request, self.dialect.one, look_up)

    async def update_order(self, order_id: int, changes: Mapping[str, Any]) -> Payload:
        """Change an order: meta by key, other fields as the API accepts them. A repetition changes nothing more."""
        request = self.dialect.update(order_id, changes, once=secrets.token_hex(16))

        async def look_up() -> Payload | None:
            order = await self.get_order(order_id)
            return order if compare.matches_changes(order, changes) else None

        is_repeatable = compare.is_repeatable(changes)
        return await self._send_safely(request, self.dialect.one, look_up, is_repeatable=is_repeatable)

    async def delete_order(self, order_id: int, *, force: bool) -> Payload:
        """Move an order to the trash, or with `force` delete it for good; return the shop's copy of it.

        An Orders resource ignores `force`: its site is configured for one of the two.
        """
        request = self.dialect.delete(order_id, force=force, once=secrets.token_hex(16))

        async def look_up() -> Payload | None:
            try:
                order = await self.get_order(order_id)
            except ShopNotFound:
                return {"id": order_id, "deleted": True}
            return order if order.get("status") == "trash" and not force else None

        return await self._send_safely(request, self.dialect.one, look_up)

    async def add_note(self, order_id: int, *, note: str) -> None:
        """Add a private note, unless a lost answer has left the same one there.

        An Orders resource has no notes, so they go to wc/v3 of the same shop. Raises ShopUnsupported if that does not
        accept the key.
        """
        request = write_request("POST", _notes_path(order_id), {"note": note, "customer_note": False})

        async def look_up() -> Payload | None:
            return await self._find_note(order_id, note)

        with self._wc_errors("has no notes"):
            await self._send_safely(request, _read_object, look_up)

    async def has_note(self, order_id: int, *, note: str) -> bool:
        """Return whether an order has a note of this text; raise ShopUnsupported as `add_note` does."""
        with self._wc_errors("has no notes"):
            return await self._find_note(order_id, note) is not None

    async def list_refunds(self, order_id: int) -> tuple[Payload, ...]:
        """Return up to 100 refunds of an order, always from wc/v3; raise ShopUnsupported as `add_note` does."""
        with self._wc_errors("shows no refunds"):
            return (await self._list(f"{WC}/orders/{order_id}/refunds", 1)).items

    async def _find_note(self, order_id: int, note: str) -> Payload | None:
        response = await self._connection.read(RestRequest("GET", _notes_path(order_id)))
        page = wc_v3.items_page(response, page=1, per_page=MAX_PER_PAGE)
        return next((each for each in page.items if compare.note_has_text(each, note)), None)

    @contextlib.contextmanager
    def _wc_errors(self, lack: str) -> Iterator[None]:
        """Raise ShopUnsupported for ShopMisconfigured with an Orders resource: its key need not open wc/v3."""
        try:
            yield
        except ShopMisconfigured as error:
            if isinstance(self.dialect, wc_v3.WcV3):
                raise
            words = f"an Orders resource {lack}, and wc/v3 of this shop does not accept its key: {error.words}"
            raise ShopUnsupported(words, status=error.status, code=error.code) from error

    # Subscriptions, webhooks and products: always in wc/v3, with any kind of orders API

    async def list_subscription_orders(self, subscription_id: int) -> list[SubscriptionLink]:
        """Return the orders of a subscription, each with what it is to it."""
        return await subscription_orders.read_links(self._connection.read, subscription_id)

    async def list_webhooks(self) -> tuple[Payload, ...]:
        """Return every webhook of the shop."""
        webhooks: tuple[Payload, ...] = ()
        has_more, number = True, 1
        while has_more:
            page = await self._list(f"{WC}/webhooks", number)
            webhooks, has_more, number = (*webhooks, *page.items), page.has_more, number + 1
        return webhooks

    async def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Payload:
        """Create an active webhook; after a lost answer, return the one with the same name, topic and address."""
        wanted = {"name": name, "topic": topic, "delivery_url": delivery_url}

        async def look_up() -> Payload | None:
            return next((hook for hook in await self.list_webhooks() if compare.matches_changes(hook, wanted)), None)

        request = write_request("POST", f"{WC}/webhooks", {**wanted, "secret": secret, "status": "active"})
        return await self._send_safely(request, _read_object, look_up)

    async def update_webhook(self, webhook_id: int, changes: Mapping[str, Any]) -> Payload:
        """Change a webhook, such as `{"status": "active"}`."""
        path = f"{WC}/webhooks/{webhook_id}"
        visible = {name: value for name, value in changes.items() if name != "secret"}

        async def look_up() -> Payload | None:
            hook = _read_object(await self._connection.read(RestRequest("GET", path)))
            return hook if visible == dict(changes) and compare.matches_changes(hook, visible) else None

        return await self._send_safely(write_request("PUT", path, changes), _read_object, look_up)

    async def list_products(self, page: int = 1) -> ItemsPage:
        """Return one page of up to 100 products."""
        return await self._list(f"{WC}/products", page)

    async def list_variations(self, product_id: int, page: int = 1) -> ItemsPage:
        """Return one page of up to 100 variations of a product; raise ShopNotFound if it does not exist."""
        return await self._list(f"{WC}/products/{product_id}/variations", page)

    async def _list(self, path: str, page: int) -> ItemsPage:
        response = await self._connection.read(page_request(path, page))
        return wc_v3.items_page(response, page=page, per_page=MAX_PER_PAGE)

    async def _send_safely(
        self,
        request: RestRequest,
        read_one: Callable[[RestResponse], Payload],
        look_up: Callable[[], Awaitable[Payload | None]],
        *,
        is_repeatable: bool = True,
    ) -> Payload:
        async def send() -> Payload:
            return read_one(await self._connection.send_once(request))

        return await send_safely(send, look_up, waits=self._look_up_waits, is_repeatable=is_repeatable)


def _notes_path(order_id: int) -> str:
    return f"{WC}/orders/{order_id}/notes"


def _read_object(response: RestResponse) -> Payload:
    return wc_v3.require_object(response.content)
