"""Reads which orders a subscription has. These routes are wc/v3's, whatever API the shop's orders have."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from panelr_bridge.errors import ShopMisconfigured, ShopNotFound, ShopRefused
from panelr_bridge.woocommerce.rest import wc_v3
from panelr_bridge.woocommerce.rest.models import RestRequest, RestResponse
from panelr_bridge.woocommerce.rest.request import WC

PARENT = "parent_order"
MOST_ORDERS = 100
"""How many of a subscription's orders are returned beside its first: the newest."""
Read = Callable[[RestRequest], Awaitable[RestResponse]]


class SubscriptionLink(NamedTuple):
    """An order of a subscription; `order_type` is parent_order, renewal_order, switch_order or resubscribe_order."""

    order_id: int
    order_type: str


async def read_links(read: Read, subscription_id: int) -> list[SubscriptionLink]:
    """Return the orders of a subscription. Raises the ShopError of the last question.

    WooCommerce Subscriptions has a route for them. With its core library alone, the subscription itself, which
    wc/v3 shows as an order, names its first order.
    """
    try:
        return await _read_orders(read, subscription_id)
    except (ShopNotFound, ShopMisconfigured, ShopRefused):
        return await _read_parent(read, subscription_id)


async def _read_orders(read: Read, subscription_id: int) -> list[SubscriptionLink]:
    path = f"{WC}/subscriptions/{subscription_id}/orders"
    answer = await read(RestRequest("GET", path, (("_fields", "id,order_type"),)))
    page = wc_v3.items_page(answer, page=1, per_page=MOST_ORDERS)
    links = [
        SubscriptionLink(order_id, str(each.get("order_type") or ""))
        for each in page.items
        if (order_id := wc_v3.usable_id(each.get("id"))) is not None
    ]
    first = [link for link in links if link.order_type == PARENT]
    return first + sorted(link for link in links if link.order_type != PARENT)[-MOST_ORDERS:]


async def _read_parent(read: Read, subscription_id: int) -> list[SubscriptionLink]:
    answer = await read(RestRequest("GET", f"{WC}/orders/{subscription_id}", (("_fields", "id,parent_id"),)))
    parent_id = wc_v3.usable_id(wc_v3.require_object(answer.content).get("parent_id"))
    return [] if parent_id is None else [SubscriptionLink(parent_id, PARENT)]
