"""The dialect of WooCommerce's own API, wc/v3. No I/O.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#orders, and responses of a real shop.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from panelr_bridge.errors import BadQuery, ShopMisconfigured
from panelr_bridge.woocommerce.rest.models import ItemsPage, OrdersPage, OrdersQuery, Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import WC, write_request

SORTS = {"date_created": "date", "date_modified": "modified", "id": "id"}
SECOND = timedelta(seconds=1)
LARGEST_ID = 2**63


class WcV3:
    """The dialect of wc/v3."""

    path = f"{WC}/orders"

    def list_orders(self, query: OrdersQuery) -> RestRequest:
        """Return the request for one page; raise BadQuery if wc/v3 does not have the sort."""
        name = query.sort.removeprefix("-")
        if name not in SORTS:
            raise BadQuery(f"wc/v3 does not sort orders by {name}; it sorts by {', '.join(SORTS)}")
        parameters = {
            "status": ",".join(query.statuses),
            "customer": "" if query.customer_id is None else str(query.customer_id),
            "search": query.search,
            "_fields": ",".join(query.fields),
            "page": str(query.page),
            "per_page": str(query.per_page),
            "orderby": SORTS[name],
            "order": "desc" if query.sort.startswith("-") else "asc",
        }
        query_string = tuple((name, value) for name, value in parameters.items() if value)
        window = () if query.modified_since is None else modified_filter(after=query.modified_since - SECOND)
        return RestRequest("GET", self.path, (*query_string, *window))

    def page(self, answer: RestResponse, query: OrdersQuery) -> OrdersPage:
        """Return the page in `answer`."""
        page = items_page(answer, page=query.page, per_page=query.per_page)
        return OrdersPage(orders=page.items, total=page.total, has_more=page.has_more, count=page.count)

    def get(self, order_id: int) -> RestRequest:
        """Return the request for one order."""
        return RestRequest("GET", f"{self.path}/{order_id}")

    def create(self, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that creates an order."""
        return write_request("POST", self.path, changes, once=once)

    def update(self, order_id: int, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that changes an order."""
        return write_request("PUT", f"{self.path}/{order_id}", changes, once=once)

    def delete(self, order_id: int, *, force: bool, once: str) -> RestRequest:
        """Return the request that moves an order to the trash, or with `force` deletes it for good."""
        return RestRequest("DELETE", f"{self.path}/{order_id}", (("force", str(force).lower()),), once=once)

    def one(self, answer: RestResponse) -> Payload:
        """Return the order in `answer`."""
        return require_object(answer.content)


def modified_filter(*, after: datetime, before: datetime | None = None) -> tuple[tuple[str, str], ...]:
    """Return the filter by modification, in whole seconds; both ends are exclusive."""
    window = [("modified_after", _format_second(after)), ("dates_are_gmt", "true")]
    if before is not None:
        window.append(("modified_before", _format_second(before)))
    return tuple(window)


def items_page(answer: RestResponse, *, page: int, per_page: int) -> ItemsPage:
    """Return a page of any list; raise ShopMisconfigured if the response is not a list."""
    entries = list_entries(answer.content)
    if entries is None:
        raise ShopMisconfigured("the shop's answer is not a list: a plugin changes its API's answers")
    total, pages = _header_number(answer, "x-wp-total"), _header_number(answer, "x-wp-totalpages")
    return ItemsPage(
        items=tuple(each for each in entries if isinstance(each, dict)),
        total=total,
        has_more=len(entries) >= per_page if pages is None else page < pages,
        count=len(entries),
    )


def list_entries(content: Any) -> list[Any] | None:
    """Return the entries of a list, null ones included; None if `content` is no list.

    A filter that removes entries turns PHP's list into an object: `{"0": ..., "2": ...}`.
    """
    if isinstance(content, dict) and all(key.isascii() and key.isdigit() for key in content):
        content = list(content.values())
    is_list = isinstance(content, list) and all(each is None or isinstance(each, dict) for each in content)
    return content if is_list else None


def usable_id(value: Any) -> int | None:
    """Return `value` if it is an id that a database can hold."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and 0 < value < LARGEST_ID else None


def require_object(content: Any) -> Payload:
    """Return `content` if it is an object with an id; otherwise raise ShopMisconfigured."""
    if not isinstance(content, dict) or not isinstance(content.get("id"), int):
        raise ShopMisconfigured(
            "the shop's answer is not the requested object: a plugin changes its API's answers",
            maybe_done=True,
        )
    return content


def _header_number(answer: RestResponse, header: str) -> int | None:
    value = answer.headers.get(header, "")
    return int(value) if value.isascii() and value.isdigit() else None


def _format_second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
