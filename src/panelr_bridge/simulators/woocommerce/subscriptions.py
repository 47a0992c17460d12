"""Subscriptions as four plugins keep them: the orders that they make, their meta and their webhooks. No HTTP.

Source: deliveries recorded from WooCommerce Subscriptions 9.0, its core library, YITH Subscription 4.1 and WP Swings'
Subscriptions 1.8 (tests/captures, s001 to s244). Each function is one request of a real shop.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.checkout import SHOPPER, Cart, place_order
from panelr_bridge.simulators.woocommerce.models import (
    Order,
    OrderLine,
    OrderMeta,
    Plugin,
    Product,
    Subscription,
)
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, OrderChanges, ShopError

PAID, DECLINED, UNPAID = RESULTS = ("paid", "declined", "unpaid")
CARD = {"_rigpay_card": "card_9"}
HAS_TOPICS = frozenset({Plugin.WCS})
"""The core library and the other plugins have no topics of their own."""
NOT_COPIED = ("_debug", "_shipping_hash", "_coupons_hash", "_fees_hash", "_taxes_hash", "_subscription_", "wps_sfw")


def subscribe(
    shop: SimulatedShop,
    cart: Cart,
    *,
    plugin: Plugin = Plugin.WCS,
    trial: bool = False,
    meta: Mapping[str, Any] | None = None,
) -> Subscription:
    """Place the first order of a subscription and pay it; with `trial` its first period is free.

    `meta` is what the checkout writes to the order: it goes to the subscription, and from there to each renewal.
    """
    prices = [_price_of(line) for line in cart.items]
    items = [replace(line, subtotal=Decimal(0), total=Decimal(0)) for line in cart.items] if trial else cart.items
    order = place_order(shop, replace(cart, items=items, payment_method="stripe"))
    shop.write_meta(order.meta, dict(meta or {}), "meta")
    subscription = _begin(shop, order, plugin)
    for line, amount in zip(subscription.order.lines, prices, strict=True):
        line.subtotal = line.total = amount * line.quantity
    _mark_first(shop, order, subscription)
    _save(shop, subscription, "updated", "created")
    return subscription


def make_by_hand(shop: SimulatedShop, cart: Cart) -> Subscription:
    """Make a subscription in wp-admin: it has no first order, and its deliveries are an empty list."""
    order = shop.new_order("admin")
    shop.apply(order, OrderChanges(billing=SHOPPER | cart.shopper, lines=cart.items))
    del shop.orders[order.id]
    order.payment_method, order.payment_method_title, order.status = "stripe", "Card", "active"
    subscription = Subscription(order, Plugin.WCS)
    shop.subscriptions[order.id] = subscription
    _save(shop, subscription, "updated", "created")
    return subscription


def renew(shop: SimulatedShop, subscription_id: int, *, result: str = PAID, early: bool = False) -> Order:
    """Make the renewal order of a period: paid, declined, or still unpaid. `early`: the customer asked for it."""
    if result not in RESULTS:
        raise ShopError(f"result must be one of {', '.join(RESULTS)}")
    subscription = shop.subscription(subscription_id)
    order = _next_order(shop, subscription, "checkout" if early else _RENEWED_VIA[subscription.plugin])
    _mark_renewal(shop, order, subscription, early=early)
    _take_payment(shop, order, result)
    if subscription.plugin is Plugin.YITH and result != PAID:
        shop.set_status(order, "on-hold")
        first = shop.orders.get(subscription.order.parent_id)
        if result == DECLINED and first is not None:
            shop.save(first, "order.updated")
    _save(shop, subscription, "updated")
    shop.save(order, "order.created", "order.updated")
    subscription.orders.append((order.id, "renewal_order"))
    return order


def retry_payment(shop: SimulatedShop, order_id: int, *, result: str = PAID) -> Order:
    """Try the payment of a renewal again: the same order, paid now or declined once more."""
    order = shop.order(order_id)
    _take_payment(shop, order, result)
    shop.save(order, "order.updated")
    return order


def switch(shop: SimulatedShop, subscription_id: int, product: Product, *, total: Decimal | None = None) -> Order:
    """Change a subscription to another product. The customer pays `total` for the rest of the period."""
    subscription = shop.subscription(subscription_id)
    amount = product.price if total is None else total
    order = _next_order(shop, subscription, "checkout", lines=[NewOrderLine(product, subtotal=amount, total=amount)])
    data = {"switches": {str(order.lines[0].id): {"switch_direction": "upgrade"}}}
    marks = {
        "_subscription_switch": str(subscription_id),
        "_subscription_switch_data": {str(subscription_id): data},
        "_completed_subscription_switch": "true",
    }
    shop.write_meta(order.meta, marks, "meta")
    shop.write_meta(order.lines[0].meta, {"_switched_subscription_price_prorated": str(amount)}, "item_meta")
    _take_payment(shop, order, PAID)
    subscription.order.lines = [shop.make_line(NewOrderLine(product))]
    shop.save(order, "order.created", "order.updated")
    _save(shop, subscription, "updated", "switched")
    subscription.orders.append((order.id, "switch_order"))
    return order


def set_subscription_status(shop: SimulatedShop, subscription_id: int, status: str) -> Subscription:
    """Cancel, pause or resume a subscription: no order hears of it."""
    subscription = shop.subscription(subscription_id)
    subscription.order.status = status
    _save(shop, subscription, "updated")
    return subscription


def resubscribe(shop: SimulatedShop, subscription_id: int) -> Subscription:
    """Let the customer begin a cancelled subscription again: an order, and another subscription begun by it."""
    old = shop.subscription(subscription_id)
    order = _next_order(shop, old, "checkout", with_meta=False)
    shop.write_meta(order.meta, {"_subscription_resubscribe": str(subscription_id)}, "meta")
    _take_payment(shop, order, PAID)
    new = _begin(shop, order, old.plugin)
    new.resubscribed_from = subscription_id
    shop.save(order, "order.created", "order.updated")
    _save(shop, new, "updated", "created")
    _save(shop, old, "updated")
    old.orders.append((order.id, "resubscribe_order"))
    return new


def _begin(shop: SimulatedShop, order: Order, plugin: Plugin) -> Subscription:
    """Return a new active subscription with the contents of its first order."""
    now = shop.now()
    copied = [entry for entry in order.meta if not entry.key.startswith(NOT_COPIED)]
    body = replace(
        order,
        id=shop.next_id("post"),
        parent_id=order.id,
        status="active",
        created=now,
        modified=now,
        lines=_copy_lines(shop, order.lines),
        meta=_copy_meta(shop, copied, "meta"),
        notes=[],
        refunds=[],
    )
    shop.write_meta(body.meta, CARD | {f"_subscription_{kind}_order_ids_cache": [] for kind in _CACHED}, "meta")
    subscription = Subscription(body, plugin, orders=[(order.id, "parent_order")])
    shop.subscriptions[body.id] = subscription
    return subscription


def _next_order(
    shop: SimulatedShop,
    subscription: Subscription,
    created_via: str,
    *,
    lines: list[NewOrderLine] | None = None,
    with_meta: bool = True,
) -> Order:
    """Return a new order with the subscription's customer, lines and meta."""
    before = subscription.order
    order = shop.new_order(created_via)
    copied = [entry for entry in before.meta if not entry.key.startswith(NOT_COPIED)] if with_meta else []
    order.meta = _copy_meta(shop, copied, "meta")
    order.billing, order.shipping = dict(before.billing), dict(before.shipping)
    order.customer_id, order.customer_ip_address = before.customer_id, before.customer_ip_address
    order.payment_method, order.payment_method_title = before.payment_method, before.payment_method_title
    order.lines = _copy_lines(shop, before.lines) if lines is None else [shop.make_line(line) for line in lines]
    order.tax_line_id = shop.next_id("item")
    return order


def _mark_first(shop: SimulatedShop, order: Order, subscription: Subscription) -> None:
    """Write what the plugin writes to a first order; WooCommerce Subscriptions writes nothing."""
    number = subscription.id
    if subscription.plugin is Plugin.YITH:
        shop.write_meta(order.meta, {"subscriptions": [number]}, "meta")
        for line in order.lines:
            shop.write_meta(line.meta, {"_subscription_id": str(number)}, "item_meta")
    elif subscription.plugin is Plugin.WPS:
        marks = {"wps_sfw_order_has_subscription": "yes", "wps_subscription_id": str(number)}
        shop.write_meta(order.meta, marks, "meta")


def _mark_renewal(shop: SimulatedShop, order: Order, subscription: Subscription, *, early: bool) -> None:
    number = str(subscription.id)
    marks: dict[str, Any] = {"_subscription_renewal": number}
    if subscription.plugin is Plugin.YITH:
        marks = {"is_a_renew": "yes", "subscriptions": [number]}
    elif subscription.plugin is Plugin.WPS:
        first = str(subscription.order.parent_id)
        marks = {"wps_sfw_renewal_order": "yes", "wps_sfw_subscription": number, "wps_sfw_parent_order_id": first}
    elif early:
        marks["_subscription_renewal_early"] = number
    shop.write_meta(order.meta, marks, "meta")


def _take_payment(shop: SimulatedShop, order: Order, result: str) -> None:
    if result == PAID:
        shop.write_meta(order.meta, {"_failed_renewal_order": None}, "meta")
        shop.payment_complete(order, f"ch_{secrets.token_hex(12)}")
    elif result == DECLINED:
        shop.write_meta(order.meta, {"_failed_renewal_order": "yes"}, "meta")


def _save(shop: SimulatedShop, subscription: Subscription, *events: str) -> None:
    """Set date_modified, and fire the topics of the plugin if it has any."""
    subscription.order.modified = shop.now()
    if shop.switches.subscriptions and subscription.plugin in HAS_TOPICS:
        for event in events:
            shop.webhooks.enqueue(f"subscription.{event}", subscription.id)


def _copy_meta(shop: SimulatedShop, entries: list[OrderMeta], counter: str) -> list[OrderMeta]:
    return [OrderMeta(shop.next_id(counter), entry.key, entry.value) for entry in entries]


def _copy_lines(shop: SimulatedShop, lines: list[OrderLine]) -> list[OrderLine]:
    return [replace(line, id=shop.next_id("item"), meta=_copy_meta(shop, line.meta, "item_meta")) for line in lines]


def _price_of(line: NewOrderLine) -> Decimal:
    if line.product is None:
        raise ShopError("a subscription needs a product")
    return line.product.price


_CACHED = ("renewal", "resubscribe", "switch")
_RENEWED_VIA: Mapping[Plugin, str] = {
    Plugin.WCS: "subscription",
    Plugin.CORE: "subscription",
    Plugin.YITH: "",
    Plugin.WPS: "",
}
