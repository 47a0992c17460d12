"""One store's REST API, whichever kind of API its orders have. Everything that can go wrong is a ShopError."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from panelr_bridge.errors import ShopMisconfigured, ShopNotFound, ShopUnsupported
from panelr_bridge.woocommerce.rest import changed_orders, compare, wc_v3
from panelr_bridge.woocommerce.rest.http import WAITS, RestConnection
from panelr_bridge.woocommerce.rest.models import (
    ItemsPage,
    OrdersDialect,
    OrdersPage,
    OrdersQuery,
    Payload,
    RestRequest,
    RestResponse,
)
from panelr_bridge.woocommerce.rest.orders_resource import OrdersResource
from panelr_bridge.woocommerce.rest.request import MAX_PER_PAGE, WC, orders_base, page_request, write_request
from panelr_bridge.woocommerce.rest.safe_write import LOOKS, send_safely


def dialect_of(orders_api: str) -> OrdersDialect:
    """Return the dialect of WOO_ORDERS_API."""
    base = orders_base(orders_api)
    return wc_v3.WcV3() if base == WC else OrdersResource(f"{base}/orders")


class ShopClient:
    """Calls one store. Use as an async context manager; its methods may run many at once.

    Reads are tried again while the shop is unwell, with `waits` between the tries. A write that may have happened is
    looked up, after each of `looks`, before it is sent again.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str,
        secret: str,
        orders_api: str = WC,
        timeout_seconds: float = 25.0,
        waits: Sequence[float] = WAITS,
        looks: Sequence[float] = LOOKS,
    ) -> None:
        self.dialect = dialect_of(orders_api)
        self._looks = tuple(looks)
        self._exchange = RestConnection(url=url, key=key, secret=secret, timeout_seconds=timeout_seconds, waits=waits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.aclose()

    # Orders

    async def list_orders(self, *, query: OrdersQuery) -> OrdersPage:
        """Return one page of orders; raises BadQuery for what this kind of API cannot be asked."""
        return self.dialect.page(await self._exchange.read(self.dialect.list_orders(query)), query)

    @property
    def tells_oldest_first(self) -> bool:
        """Whether `changed_since` tells what was modified first before all else."""
        return isinstance(self.dialect, wc_v3.WcV3)

    def changed_since(self, moment: datetime, *, per_page: int = MAX_PER_PAGE) -> AsyncIterator[Payload]:
        """Iterate over every order that was modified at `moment` or later; see `walking` for what is promised.

        wc/v3 tells them oldest first, the Orders resource newest first: move a mark only after the last one.
        """
        if self.tells_oldest_first:
            return changed_orders.oldest_first(self._exchange.read, moment, per_page=per_page)
        return changed_orders.newest_first(lambda query: self.list_orders(query=query), moment, per_page=per_page)

    async def get_order(self, order_id: int) -> Payload:
        """Return one order; raises ShopNotFound."""
        return self.dialect.one(await self._exchange.read(self.dialect.get(order_id)))

    async def create_order(self, changes: Mapping[str, Any]) -> Payload:
        """Make an order, once: it carries a random meta by which it is found when the answer is lost."""
        mark = secrets.token_hex(16)
        request = self.dialect.create(compare.with_creation_key(changes, mark), once=mark)
        status = str(changes.get("status") or "").removeprefix("wc-")

        async def look() -> Payload | None:
            newest = OrdersQuery(
                statuses=(status,) if status else (), sort="-id", per_page=MAX_PER_PAGE, fields=("id", "meta_data")
            )
            page = await self.list_orders(query=newest)
            made = next((order for order in page.orders if compare.has_creation_key(order, mark)), None)
            return None if made is None else await self.get_order(made["id"])

        return await self._settled(request, self.dialect.one, look)

    async def update_order(self, order_id: int, changes: Mapping[str, Any]) -> Payload:
        """Change an order: meta by key, whatever else as the API takes it. Repeating it changes nothing more."""
        request = self.dialect.update(order_id, changes, once=secrets.token_hex(16))

        async def look() -> Payload | None:
            order = await self.get_order(order_id)
            return order if compare.matches_changes(order, changes) else None

        return await self._settled(request, self.dialect.one, look, again=compare.is_repeatable(changes))

    async def delete_order(self, order_id: int, *, force: bool) -> Payload:
        """Put an order into the trash, or with `force` delete it for good; returns what the shop says of it.

        With an Orders resource the site has decided which of the two it is, and `force` is not told to it.
        """
        request = self.dialect.delete(order_id, force=force, once=secrets.token_hex(16))

        async def look() -> Payload | None:
            try:
                order = await self.get_order(order_id)
            except ShopNotFound:
                return {"id": order_id, "deleted": True}
            return order if order.get("status") == "trash" and not force else None

        return await self._settled(request, self.dialect.one, look)

    async def add_note(self, order_id: int, *, note: str) -> None:
        """Add a private note, unless a lost answer has left the very same there.

        An Orders resource has no notes. They go to wc/v3 of the same shop; raises NotOffered where that does not
        take the key.
        """
        request = write_request("POST", _notes_path(order_id), {"note": note, "customer_note": False})

        async def look() -> Payload | None:
            return await self._note(order_id, note)

        with self._notes_of_wc():
            await self._settled(request, _read_object, look)

    async def has_note(self, order_id: int, *, note: str) -> bool:
        """Return whether an order has a note of this text; raises NotOffered as `add_note` does."""
        with self._notes_of_wc():
            return await self._note(order_id, note) is not None

    async def _note(self, order_id: int, note: str) -> Payload | None:
        answer = await self._exchange.read(RestRequest("GET", _notes_path(order_id)))
        listed = wc_v3.items_page(answer, page=1, per_page=MAX_PER_PAGE)
        return next((each for each in listed.items if compare.note_has_text(each, note)), None)

    @contextlib.contextmanager
    def _notes_of_wc(self) -> Iterator[None]:
        """Notes are wc/v3's: with an Orders resource it is no fault of anybody's where they cannot be had."""
        try:
            yield
        except ShopMisconfigured as error:
            if isinstance(self.dialect, wc_v3.WcV3):
                raise
            words = f"an Orders resource has no notes, and wc/v3 of this shop does not take them: {error.words}"
            raise ShopUnsupported(words, status=error.status, code=error.code) from error

    # What wc/v3 alone has, whichever API the orders are asked of

    async def list_webhooks(self) -> tuple[Payload, ...]:
        """Return every webhook of the shop."""
        found: tuple[Payload, ...] = ()
        more, page = True, 1
        while more:
            listed = await self._list(f"{WC}/webhooks", page)
            found, more, page = (*found, *listed.items), listed.has_more, page + 1
        return found

    async def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Payload:
        """Make an active webhook; one that a lost answer has left there is taken for it."""
        wanted = {"name": name, "topic": topic, "delivery_url": delivery_url}

        async def look() -> Payload | None:
            return next((hook for hook in await self.list_webhooks() if compare.matches_changes(hook, wanted)), None)

        request = write_request("POST", f"{WC}/webhooks", {**wanted, "secret": secret, "status": "active"})
        return await self._settled(request, _read_object, look)

    async def update_webhook(self, webhook_id: int, changes: Mapping[str, Any]) -> Payload:
        """Change a webhook, such as `{"status": "active"}`."""
        path = f"{WC}/webhooks/{webhook_id}"
        visible = {name: value for name, value in changes.items() if name != "secret"}

        async def look() -> Payload | None:
            hook = _read_object(await self._exchange.read(RestRequest("GET", path)))
            return hook if visible == dict(changes) and compare.matches_changes(hook, visible) else None

        return await self._settled(write_request("PUT", path, changes), _read_object, look)

    async def list_products(self, page: int = 1) -> ItemsPage:
        """Return one page of up to 100 products."""
        return await self._list(f"{WC}/products", page)

    async def list_variations(self, product_id: int, page: int = 1) -> ItemsPage:
        """Return one page of up to 100 variations of a product; raises ShopNotFound."""
        return await self._list(f"{WC}/products/{product_id}/variations", page)

    async def _list(self, path: str, page: int) -> ItemsPage:
        answer = await self._exchange.read(page_request(path, page))
        return wc_v3.items_page(answer, page=page, per_page=MAX_PER_PAGE)

    async def _settled(
        self,
        request: RestRequest,
        one: Callable[[RestResponse], Payload],
        look: Callable[[], Awaitable[Payload | None]],
        *,
        again: bool = True,
    ) -> Payload:
        async def send() -> Payload:
            return one(await self._exchange.once(request))

        return await send_safely(send, look, waits=self._looks, again=again)


def _notes_path(order_id: int) -> str:
    return f"{WC}/orders/{order_id}/notes"


def _read_object(answer: RestResponse) -> Payload:
    return wc_v3.require_object(answer.content)
