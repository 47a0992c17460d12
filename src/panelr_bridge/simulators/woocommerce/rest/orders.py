"""`/wp-json/wc/v3/orders`."""

from collections.abc import Mapping
from typing import Any

from panelr_bridge.simulators.woocommerce.ledger import UnknownError
from panelr_bridge.simulators.woocommerce.payload import order_json
from panelr_bridge.simulators.woocommerce.rest.call import Act, Reply, RestCall, paged
from panelr_bridge.simulators.woocommerce.rest.errors import RestError, unknown
from panelr_bridge.simulators.woocommerce.rest.orders_input import parse_write
from panelr_bridge.simulators.woocommerce.rest.orders_query import matching
from panelr_bridge.simulators.woocommerce.store import Store
from panelr_bridge.simulators.woocommerce.values import Order

KIND = "shop_order"


async def list_orders(store: Store, call: RestCall) -> Reply:
    """`GET /orders`."""
    return paged(store, call, matching(store, call), lambda order: _told(store, order), counts_past_end=False)


async def get_order(store: Store, call: RestCall) -> Reply:
    """`GET /orders/{id}`."""
    return Reply(_told(store, order_of(store, call)))


async def create_order(store: Store, call: RestCall) -> Reply:
    """`POST /orders`."""
    if call.given.get("id"):
        raise RestError(f"woocommerce_rest_{KIND}_exists", f"Cannot create existing {KIND}.", 400)
    write = parse_write(store, call.given)
    told = _told(store, store.create(write.changes, first=write.first))
    return Reply(told, 201, {"Location": f"{store.home_url}{call.path.rstrip('/')}/{told['id']}"})


async def update_order(store: Store, call: RestCall) -> Reply:
    """`PUT /orders/{id}`: one save, also when nothing is given."""
    order = order_of(store, call, status=400)
    write = parse_write(store, call.given, order)
    return Reply(_told(store, store.update(order.id, write.changes, first=write.first)))


async def delete_order(store: Store, call: RestCall) -> Reply:
    """`DELETE /orders/{id}`: into the trash, or with `force` for good. Tells the order as it was."""
    order = order_of(store, call)
    told = _told(store, order)
    if call.flag("force"):
        store.delete(order.id)
    elif order.status == "trash":
        raise RestError("woocommerce_rest_already_trashed", f"The {KIND} has already been deleted.", 410)
    else:
        store.trash(order.id)
    return Reply(told)


def order_of(store: Store, call: RestCall, *, status: int = 404) -> Order:
    """Find the order of a call. Raises RestError with `status`."""
    try:
        return store.order(call.number)
    except UnknownError as error:
        raise unknown(KIND, status) from error


def _told(store: Store, order: Order) -> dict[str, Any]:
    return order_json(order, home_url=store.home_url)


ORDERS: Mapping[str, Act] = {
    "orders.list": list_orders,
    "orders.get": get_order,
    "orders.create": create_order,
    "orders.update": update_order,
    "orders.delete": delete_order,
}
