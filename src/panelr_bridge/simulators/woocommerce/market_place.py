"""A market place as Dokan makes it: an order is divided among vendors, and divided again at every REST write. No HTTP.

Source: deliveries recorded from Dokan Lite 4.1 (tests/captures, s265 to s272).
"""

from dataclasses import replace

from panelr_bridge.simulators.woocommerce.models import Order, OrderLine, OrderMeta
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

FIRST_VENDOR = 5


def divide(shop: SimulatedShop, order: Order) -> list[Order]:
    """Make a sub-order of each line of `order`, as for a vendor of its own, and fire its order.created."""
    shop.write_meta(order.meta, {"has_sub_order": "1"}, "meta")
    return [_make_sub_order(shop, order, line, vendor=FIRST_VENDOR + n) for n, line in enumerate(order.lines)]


def divide_again(shop: SimulatedShop, order: Order) -> None:
    """Delete the sub-orders of `order` and make new ones with new ids, as Dokan does at every REST write."""
    children = [each.id for each in shop.orders.values() if each.parent_id == order.id]
    for number in children:
        del shop.orders[number]
    if children:
        divide(shop, order)


def _make_sub_order(shop: SimulatedShop, order: Order, line: OrderLine, *, vendor: int) -> Order:
    child = shop.new_order("dokan")
    of_parent = OrderMeta(shop.next_id("item_meta"), "_dokan_parent_order_item_id", str(line.id))
    shop.orders[child.id] = replace(
        order,
        id=child.id,
        order_key=child.order_key,
        parent_id=order.id,
        created=child.created,
        created_via="dokan",
        lines=[replace(line, id=shop.next_id("item"), meta=[*line.meta, of_parent])],
        meta=[OrderMeta(shop.next_id("meta"), "_dokan_vendor_id", str(vendor))],
        notes=[],
        refunds=[],
    )
    shop.save(shop.orders[child.id], "order.created")
    return shop.orders[child.id]
