"""Controls for subscriptions: what their customers, their plugin and shop managers do."""

from typing import Any

from panelr_bridge.simulators.woocommerce import subscriptions
from panelr_bridge.simulators.woocommerce.control.orders import CART_FIELDS, read_cart
from panelr_bridge.simulators.woocommerce.control.request import ControlAction, ControlRequest
from panelr_bridge.simulators.woocommerce.models import Plugin, Subscription
from panelr_bridge.simulators.woocommerce.payload import order_json, subscription_json
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import ShopError


async def list_subscriptions(shop: SimulatedShop, _: ControlRequest) -> Any:
    """List the subscriptions."""
    return [
        {
            "id": each.id,
            "plugin": each.plugin,
            "status": each.order.status,
            "first_order": each.order.parent_id,
            "orders": [{"id": number, "order_type": kind} for number, kind in each.orders],
        }
        for each in shop.subscriptions.values()
    ]


async def subscribe(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Place and pay the first order of a subscription, or make a subscription without one."""
    call.check_fields("plugin", "trial", "meta", "by_hand", *CART_FIELDS)
    plugin = call.text("plugin", Plugin.WCS)
    if plugin not in list(Plugin):
        raise ShopError(f"plugin must be one of {', '.join(Plugin)}")
    cart = read_cart(shop, call, "plugin", "trial", "meta", "by_hand")
    if call.flag("by_hand"):
        return _json(shop, subscriptions.make_by_hand(shop, cart))
    meta = call.object("meta")
    begun = subscriptions.subscribe(
        shop, cart, plugin=Plugin(plugin), trial=call.flag("trial"), meta=meta.body if meta else None
    )
    return _json(shop, begun)


async def renew(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Make a renewal order."""
    call.check_fields("result", "early")
    order = subscriptions.renew(
        shop, call.number, result=call.text("result", subscriptions.PAID), early=call.flag("early")
    )
    return order_json(order, home_url=shop.home_url)


async def retry_payment(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Try the payment of a renewal order again."""
    call.check_fields("result")
    order = subscriptions.retry_payment(shop, call.number, result=call.text("result", subscriptions.PAID))
    return order_json(order, home_url=shop.home_url)


async def switch(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Change a subscription to another product."""
    call.check_fields("product_id", "sku", "total")
    product_id = call.integer("product_id", 0) if "product_id" in call.body else None
    product = shop.product(product_id=product_id, sku=call.text("sku"))
    order = subscriptions.switch(shop, call.number, product, total=call.amount("total"))
    return order_json(order, home_url=shop.home_url)


async def set_status(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Cancel, pause or resume a subscription."""
    call.check_fields("status")
    return _json(shop, subscriptions.set_subscription_status(shop, call.number, call.text("status", "cancelled")))


async def resubscribe(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Begin a subscription again."""
    return _json(shop, subscriptions.resubscribe(shop, call.number))


def _json(shop: SimulatedShop, subscription: Subscription) -> dict[str, Any]:
    return subscription_json(subscription, home_url=shop.home_url)


SUBSCRIPTION = "/_sim/subscriptions/{number:int}"
SUBSCRIPTION_CONTROLS = [
    ControlAction("GET", "/_sim/subscriptions", "", "the subscriptions and their orders", list_subscriptions),
    ControlAction(
        "POST",
        "/_sim/subscriptions",
        '{"plugin": "wcs", "items": [{"sku": "IPTV-1M"}], "trial": false, "meta": {"_panelr_work_order_id": "7"}}',
        f"place and pay a first order; plugins: {', '.join(Plugin)}; by_hand makes a subscription without one",
        subscribe,
    ),
    ControlAction(
        "POST",
        f"{SUBSCRIPTION}/renew",
        '{"result": "declined", "early": false}',
        f"make a renewal order: {', '.join(subscriptions.RESULTS)}",
        renew,
    ),
    ControlAction(
        "POST", f"{SUBSCRIPTION}/switch", '{"sku": "IPTV-12M", "total": "16.50"}', "change to another product", switch
    ),
    ControlAction("POST", f"{SUBSCRIPTION}/status", '{"status": "cancelled"}', "cancel, pause or resume", set_status),
    ControlAction("POST", f"{SUBSCRIPTION}/resubscribe", "", "begin a cancelled subscription again", resubscribe),
    ControlAction(
        "POST",
        "/_sim/orders/{number:int}/retry-payment",
        '{"result": "paid"}',
        "try the payment of a renewal again",
        retry_payment,
    ),
]
