"""The Orders resource of the better-route library, `/wp-json/{vendor}/woo/orders`. No I/O.

It refuses every parameter and field that it does not know. It shows no order_key, date_paid, transaction_id, fees,
coupons and refunds, and no meta whose key begins with an underscore.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from panelr_bridge.errors import BadQuery, ShopMisconfigured
from panelr_bridge.woocommerce.rest.models import BY_AGE, OrdersPage, OrdersQuery, Payload, RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import write_request
from panelr_bridge.woocommerce.rest.wc_v3 import require_object

NEWEST_FIRST = "-date_modified"
SORTS = ("date_created", "date_modified", "id", "total")
FIELDS = (
    *("id", "number", "status", "currency", "total", "total_tax", "customer_id", "billing_email"),
    *("payment_method", "payment_method_title", "date_created", "date_modified", "billing", "shipping"),
    *("customer_note", "meta_data", "line_items"),
)


@dataclass(frozen=True, slots=True)
class OrdersResource:
    """The dialect of an Orders resource whose orders are at `path`, counted from below /wp-json/."""

    path: str

    def list_orders(self, query: OrdersQuery) -> RestRequest:
        """Return the request for one page; raises BadQuery for what the resource cannot be asked.

        It has no filter by modification: with `modified_since` the page is one of the newest first.
        """
        query = _sort_newest_first(query)
        if query.sort.removeprefix("-") not in SORTS:
            raise BadQuery(f"orders are not sorted by {query.sort.removeprefix('-')}, but by {', '.join(SORTS)}")
        asked = {
            "fields": ",".join(query.fields),
            "status": ",".join(query.statuses),
            "customer_id": "" if query.customer_id is None else str(query.customer_id),
            "search": query.search,
            "sort": query.sort,
            "page": str(query.page),
            "per_page": str(query.per_page),
        }
        return RestRequest("GET", self.path, tuple((name, value) for name, value in asked.items() if value))

    def page(self, answer: RestResponse, query: OrdersQuery) -> OrdersPage:
        """Return the page that `answer` tells, without the orders that were modified before `modified_since`."""
        content = answer.content
        if not isinstance(content, dict) or not isinstance(content.get("data"), list):
            raise ShopMisconfigured("the answer is no list of an Orders resource: see WOO_ORDERS_API")
        meta = content.get("meta")
        total = meta.get("total") if isinstance(meta, dict) else None
        total = total if isinstance(total, int) else None
        every = tuple(order for order in content["data"] if isinstance(order, dict))
        full = len(every) >= query.per_page if total is None else query.page * query.per_page < total
        since = query.modified_since
        wanted = every if since is None else tuple(order for order in every if not is_older(order, since))
        return OrdersPage(orders=wanted, total=total, has_more=full and len(wanted) == len(every))

    def get(self, order_id: int) -> RestRequest:
        """Return the request for one order."""
        return RestRequest("GET", f"{self.path}/{order_id}")

    def create(self, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that makes an order."""
        return write_request("POST", self.path, changes, once=once)

    def update(self, order_id: int, changes: Mapping[str, Any], *, once: str) -> RestRequest:
        """Return the request that changes an order."""
        return write_request("PATCH", f"{self.path}/{order_id}", changes, once=once)

    def delete(self, order_id: int, *, force: bool, once: str) -> RestRequest:  # noqa: ARG002  the site decides
        """Return the request that deletes an order; whether for good or into the trash is the site's own choice."""
        return RestRequest("DELETE", f"{self.path}/{order_id}", once=once)

    def one(self, answer: RestResponse) -> Payload:
        """Return the one order that `answer` tells."""
        return require_object(answer.content.get("data") if isinstance(answer.content, dict) else None)


def is_older(order: Payload, moment: datetime) -> bool:
    """Return whether an order was modified before `moment`; one that does not tell is not."""
    try:
        modified = datetime.fromisoformat(order["date_modified"])
    except (KeyError, TypeError, ValueError):
        return False
    modified = modified if modified.tzinfo else modified.replace(tzinfo=UTC)
    return modified < moment.replace(microsecond=0)


def _sort_newest_first(query: OrdersQuery) -> OrdersQuery:
    if query.modified_since is None:
        return query
    if query.sort not in {NEWEST_FIRST, BY_AGE}:
        raise BadQuery(f"with modified_since, this API sorts orders by {NEWEST_FIRST} alone")
    fields = query.fields and (*query.fields, *({"date_modified"} - {*query.fields}))
    return replace(query, sort=NEWEST_FIRST, fields=fields)
