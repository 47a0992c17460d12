"""WooCommerce's own API, wc/v3: how it is asked for orders, and what its answers hold. No I/O.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#orders, and what a real shop answered.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from panelr_bridge.errors import BadQuery, ShopMisconfigured
from panelr_bridge.woocommerce.rest.models import ItemsPage, OrdersPage, OrdersQuery, Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import WC, write_request

SORTS = {"date_created": "date", "date_modified": "modified", "id": "id"}
SECOND = timedelta(seconds=1)


class WcV3:
    """The dialect of wc/v3."""

    path = f"{WC}/orders"

    def list_orders(self, query: OrdersQuery) -> RestRequest:
        """Return the request for one page; raises BadQuery for a sort that wc/v3 does not have."""
        name = query.sort.removeprefix("-")
        if name not in SORTS:
            raise BadQuery(f"wc/v3 does not sort orders by {name}; it sorts by {', '.join(SORTS)}")
        asked = {
            "status": ",".join(query.statuses),
            "customer": "" if query.customer_id is None else str(query.customer_id),
            "search": query.search,
            "_fields": ",".join(query.fields),
            "page": str(query.page),
            "per_page": str(query.per_page),
            "orderby": SORTS[name],
            "order": "desc" if query.sort.startswith("-") else "asc",
        }
        chosen = tuple((name, value) for name, value in asked.items() if value)
        window = () if query.modified_since is None else modified_filter(after=query.modified_since - SECOND)
        return RestRequest("GET", self.path, (*chosen, *window))

    def page(self, answer: RestResponse, query: OrdersQuery) -> OrdersPage:
        """Return the page that `answer` tells."""
        found = items_page(answer, page=query.page, per_page=query.per_page)
        return OrdersPage(orders=found.items, total=found.total, has_more=found.has_more)

    def get(self, order_id: int) -> RestRequest:
        """Return the request for one order."""
        return RestRequest("GET", f"{self.path}/{order_id}")

    def create(self, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that makes an order."""
        return write_request("POST", self.path, changes, once=once)

    def update(self, order_id: int, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that changes an order."""
        return write_request("PUT", f"{self.path}/{order_id}", changes, once=once)

    def delete(self, order_id: int, *, force: bool, once: str) -> RestRequest:
        """Return the request that puts an order into the trash, or with `force` deletes it for good."""
        return RestRequest("DELETE", f"{self.path}/{order_id}", (("force", str(force).lower()),), once=once)

    def one(self, answer: RestResponse) -> Payload:
        """Return the one thing that `answer` tells."""
        return require_object(answer.content)


def modified_filter(*, after: datetime, before: datetime | None = None) -> tuple[tuple[str, str], ...]:
    """Return the filter by modification; both ends are exclusive, and whole seconds are all that it understands."""
    window = [("modified_after", _format_second(after)), ("dates_are_gmt", "true")]
    if before is not None:
        window.append(("modified_before", _format_second(before)))
    return tuple(window)


def items_page(answer: RestResponse, *, page: int, per_page: int) -> ItemsPage:
    """Return a page of any list; raises ShopMisconfigured when it is none."""
    if not isinstance(answer.content, list) or not all(isinstance(each, dict) for each in answer.content):
        raise ShopMisconfigured("the shop answered a list with something else: a plugin changes its API's answers")
    items = tuple(answer.content)
    pages = _header_number(answer, "x-wp-totalpages")
    return ItemsPage(
        items=items,
        total=_header_number(answer, "x-wp-total"),
        has_more=len(items) >= per_page if pages is None else page < pages,
    )


def require_object(content: Any) -> Payload:
    """Return `content` if it is an object; raises ShopMisconfigured."""
    if not isinstance(content, dict) or not isinstance(content.get("id"), int):
        raise ShopMisconfigured(
            "the shop answered with something else than what was asked for: a plugin changes its API's answers",
            maybe_done=True,
        )
    return content


def _header_number(answer: RestResponse, header: str) -> int | None:
    value = answer.headers.get(header, "")
    return int(value) if value.isascii() and value.isdigit() else None


def _format_second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
