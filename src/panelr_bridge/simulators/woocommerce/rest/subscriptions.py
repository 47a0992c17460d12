"""`/wp-json/wc/v3/subscriptions`, and an order's subscriptions: two routes of WooCommerce Subscriptions."""

from collections.abc import Mapping

from panelr_bridge.simulators.woocommerce.payload import order_json, subscription_json
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply
from panelr_bridge.simulators.woocommerce.rest.errors import RestError, unknown_id
from panelr_bridge.simulators.woocommerce.rest.orders import find_order
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop


async def list_order_subscriptions(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /orders/{id}/subscriptions`: the subscriptions that the order belongs to, `[]` for none."""
    _require_plugin(shop)
    order = find_order(shop, call)
    found = [each for each in shop.subscriptions.values() if order.id in {number for number, _ in each.orders}]
    return RestReply([subscription_json(each, home_url=shop.home_url) for each in found])


async def list_subscription_orders(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /subscriptions/{id}/orders`: all orders of the subscription, each with its `order_type`."""
    _require_plugin(shop)
    if call.number not in shop.subscriptions:
        raise unknown_id("shop_subscription")
    entries = shop.subscriptions[call.number].orders
    orders = [(shop.orders[number], kind) for number, kind in entries if number in shop.orders]
    return RestReply([order_json(order, home_url=shop.home_url) | {"order_type": kind} for order, kind in orders])


def _require_plugin(shop: SimulatedShop) -> None:
    if not shop.switches.subscriptions:
        raise RestError("rest_no_route", "No route was found matching the URL and request method.", 404)


SUBSCRIPTIONS: Mapping[str, RestHandler] = {
    "order_subscriptions.list": list_order_subscriptions,
    "subscription_orders.list": list_subscription_orders,
}
