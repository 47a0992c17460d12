"""`/wp-json/wc/v3/orders`."""

from collections.abc import Mapping
from typing import Any

from panelr_bridge.simulators.woocommerce.market_place import divide_again
from panelr_bridge.simulators.woocommerce.models import Order
from panelr_bridge.simulators.woocommerce.payload import order_json
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply, build_page
from panelr_bridge.simulators.woocommerce.rest.errors import RestError, unknown_id
from panelr_bridge.simulators.woocommerce.rest.orders_input import parse_write
from panelr_bridge.simulators.woocommerce.rest.orders_query import find_orders
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import BrokenOrderError, NotFoundError

KIND = "shop_order"


async def list_orders(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /orders`."""
    return build_page(
        shop, call, find_orders(shop, call), lambda order: _order_json(shop, order), counts_past_end=False
    )


async def get_order(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /orders/{id}`."""
    subscription = shop.subscriptions.get(call.number)  # wc/v3 shows it as an order, also with the core library
    order = find_order(shop, call) if subscription is None else subscription.order
    return RestReply(_order_json(shop, order))


async def create_order(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`POST /orders`."""
    if call.parameters.get("id"):
        raise RestError(f"woocommerce_rest_{KIND}_exists", f"Cannot create existing {KIND}.", 400)
    write = parse_write(shop, call.parameters)
    body = _order_json(shop, shop.create(write.changes, write_first=write.write_first))
    return RestReply(body, 201, {"Location": f"{shop.home_url}{call.path.rstrip('/')}/{body['id']}"})


async def update_order(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`PUT /orders/{id}`: one save, even without parameters."""
    order = find_order(shop, call, status=400)
    write = parse_write(shop, call.parameters, order)
    changed = shop.update(order.id, write.changes, write_first=write.write_first)
    if shop.switches.market_place:
        divide_again(shop, changed)
    return RestReply(_order_json(shop, changed))


async def delete_order(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`DELETE /orders/{id}`: move to the trash, or delete permanently with `force`. Returns the order before that."""
    order = find_order(shop, call)
    body = _order_json(shop, order)
    if call.flag("force"):
        shop.delete(order.id)
    elif order.status == "trash":
        raise RestError("woocommerce_rest_already_trashed", f"The {KIND} has already been deleted.", 410)
    else:
        shop.trash(order.id)
    return RestReply(body)


def find_order(shop: SimulatedShop, call: RestCall, *, status: int = 404) -> Order:
    """Return the order of a call. Raises RestError with `status`."""
    try:
        return shop.order(call.number)
    except NotFoundError as error:
        raise unknown_id(KIND, status) from error


def _order_json(shop: SimulatedShop, order: Order) -> dict[str, Any]:
    try:
        shop.check_readable(order)
    except BrokenOrderError as error:
        raise RestError("internal_server_error", str(error), 500) from error
    return order_json(order, home_url=shop.home_url)


ORDERS: Mapping[str, RestHandler] = {
    "orders.list": list_orders,
    "orders.get": get_order,
    "orders.create": create_order,
    "orders.update": update_order,
    "orders.delete": delete_order,
}
