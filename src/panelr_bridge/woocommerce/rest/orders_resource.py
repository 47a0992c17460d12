"""The dialect of the better-route library's Orders resource, `/wp-json/{vendor}/woo/orders`. No I/O.

The resource refuses unknown parameters and fields. It shows no order_key, date_paid, transaction_id, fees, coupons or
refunds, and no meta with a key beginning with an underscore.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from panelr_bridge.errors import BadQuery, ShopMisconfigured
from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest.models import (
    NEWEST_CREATED_FIRST,
    OrdersPage,
    OrdersQuery,
    Payload,
    RestRequest,
    RestResponse,
)
from panelr_bridge.woocommerce.rest.request import write_request
from panelr_bridge.woocommerce.rest.site_dates import correct_dates
from panelr_bridge.woocommerce.rest.wc_v3 import list_entries, require_object

NEWEST_FIRST = "-date_modified"
SORTS = ("date_created", "date_modified", "id", "total")
FIELDS = (
    *("id", "number", "status", "currency", "total", "total_tax", "customer_id", "billing_email"),
    *("payment_method", "payment_method_title", "date_created", "date_modified", "billing", "shipping"),
    *("customer_note", "meta_data", "line_items"),
)


@dataclass(frozen=True, slots=True)
class OrdersResource:
    """The dialect of an Orders resource with its orders at `path`, relative to /wp-json/.

    `zone` is the one in which it shows its dates; they are returned in UTC.
    """

    path: str
    zone: tzinfo = UTC

    def list_orders(self, query: OrdersQuery) -> RestRequest:
        """Return the request for one page; raise BadQuery if the resource does not support the query.

        It has no filter by modification: with `modified_since` the orders are sorted newest first instead.
        """
        query = _sort_newest_first(query)
        if query.sort.removeprefix("-") not in SORTS:
            raise BadQuery(f"orders are not sorted by {query.sort.removeprefix('-')}, but by {', '.join(SORTS)}")
        parameters = {
            "fields": ",".join(query.fields),
            "status": ",".join(query.statuses),
            "customer_id": "" if query.customer_id is None else str(query.customer_id),
            "search": query.search,
            "sort": query.sort,
            "page": str(query.page),
            "per_page": str(query.per_page),
        }
        return RestRequest("GET", self.path, tuple((name, value) for name, value in parameters.items() if value))

    def page(self, answer: RestResponse, query: OrdersQuery) -> OrdersPage:
        """Return the page in `answer`, without orders modified before `modified_since`."""
        content = answer.content
        entries = list_entries(content.get("data")) if isinstance(content, dict) else None
        if entries is None:
            raise ShopMisconfigured("the answer is not a list of an Orders resource: see WOO_ORDERS_API")
        meta = content.get("meta")
        total = meta.get("total") if isinstance(meta, dict) else None
        total = total if isinstance(total, int) else None
        every = tuple(correct_dates(order, self.zone) for order in entries if isinstance(order, dict))
        full = len(entries) >= query.per_page if total is None else query.page * query.per_page < total
        since = query.modified_since
        wanted = every if since is None else tuple(order for order in every if not is_older(order, since))
        has_more = full and len(wanted) == len(every)
        return OrdersPage(orders=wanted, total=total, has_more=has_more, count=len(entries))

    def get(self, order_id: int) -> RestRequest:
        """Return the request for one order."""
        return RestRequest("GET", f"{self.path}/{order_id}")

    def create(self, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that creates an order."""
        return write_request("POST", self.path, changes, once=once)

    def update(self, order_id: int, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that changes an order."""
        return write_request("PATCH", f"{self.path}/{order_id}", changes, once=once)

    def delete(self, order_id: int, *, force: bool, once: str) -> RestRequest:  # noqa: ARG002  the site decides
        """Return the request that deletes an order; the site decides between the trash and deletion for good."""
        return RestRequest("DELETE", f"{self.path}/{order_id}", once=once)

    def one(self, answer: RestResponse) -> Payload:
        """Return the order in `answer`."""
        order = require_object(answer.content.get("data") if isinstance(answer.content, dict) else None)
        return correct_dates(order, self.zone)


def is_older(order: Payload, moment: datetime) -> bool:
    """Return whether an order was modified before `moment`; False if its time cannot be read."""
    modified = read_time(order.get("date_modified"))
    return modified is not None and modified < moment.replace(microsecond=0)


def _sort_newest_first(query: OrdersQuery) -> OrdersQuery:
    if query.modified_since is None:
        return query
    if query.sort not in {NEWEST_FIRST, NEWEST_CREATED_FIRST}:
        raise BadQuery(f"with modified_since, this API sorts orders by {NEWEST_FIRST} alone")
    fields = query.fields and (*query.fields, *({"date_modified"} - {*query.fields}))
    return replace(query, sort=NEWEST_FIRST, fields=fields)
