"""Controls for products and orders: the actions of shoppers, payment gateways and shop managers."""

from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.checkout import Cart, open_checkout, place_order
from panelr_bridge.simulators.woocommerce.control.request import ControlAction, ControlRequest
from panelr_bridge.simulators.woocommerce.models import BILLING_FIELDS, FeeLine, Order, Product
from panelr_bridge.simulators.woocommerce.payload import format_money, order_json
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, NewRefundedPart, OrderChanges, ShopError

CART_FIELDS = (
    *("items", "payment_method", "coupon", "fee", "gift_card", "note", "customer_id", "order_id"),
    *BILLING_FIELDS,
)
ITEM_FIELDS = ("product_id", "sku", "quantity", "meta", "name", "price")


async def place_shop_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Place an order; with `order_id`, complete the draft of an opened checkout."""
    draft = shop.order(call.integer("order_id", 0)) if "order_id" in call.body else None
    return _order_json(shop, place_order(shop, read_cart(shop, call), draft))


async def open_checkout_page(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Open the checkout page without placing the order."""
    return _order_json(shop, open_checkout(shop, read_cart(shop, call)))


async def list_orders(shop: SimulatedShop, _: ControlRequest) -> Any:
    """List the orders, newest first."""
    return [
        {"id": order.id, "status": order.status, "total": format_money(order.total), "email": order.billing["email"]}
        for order in reversed(shop.orders.values())
    ]


async def show_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Return an order in the form of a webhook's body."""
    return _order_json(shop, shop.order(call.number))


async def set_status(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Set a status. An unknown status is added to the shop's statuses, as a plugin can do."""
    call.check_fields("status")
    status = call.text("status").removeprefix("wc-")
    if not status:
        raise ShopError("status is missing")
    shop.statuses.add(status)
    return _order_json(shop, shop.update(call.number, OrderChanges(status=status)))


async def pay_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Report the payment of an order."""
    call.check_fields("transaction_id")
    return _order_json(shop, shop.pay(call.number, call.text("transaction_id")))


async def refund_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Refund an order."""
    call.check_fields("amount", "reason", "parts", "unsigned")
    parts = call.body.get("parts", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ShopError("parts must be a list of objects")
    read = [_read_part(ControlRequest(0, {}, part)) for part in parts]
    refunded = shop.refund(
        call.number, call.amount("amount"), call.text("reason"), parts=read, unsigned=call.flag("unsigned")
    )
    return _order_json(shop, refunded)


def _read_part(part: ControlRequest) -> NewRefundedPart:
    part.check_fields("line_id", "quantity", "total")
    return NewRefundedPart(part.integer("line_id", 0), part.amount("quantity"), part.amount("total"))


async def trash_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Move an order to the trash."""
    return _order_json(shop, shop.trash(call.number))


async def restore_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Restore an order from the trash."""
    return _order_json(shop, shop.restore(call.number))


async def touch_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Save an order without changes."""
    return _order_json(shop, shop.touch(call.number))


async def set_meta(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Set order meta, including protected keys, as a plugin can do."""
    return _order_json(shop, shop.update(call.number, OrderChanges(meta=call.body)))


async def delete_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Delete an order permanently."""
    shop.delete(call.number)
    return {"deleted": call.number}


async def break_order(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Make PHP break down whenever it shows the order, or mend it."""
    call.check_fields("broken")
    order = shop.order(call.number)
    (shop.broken_orders.add if call.flag("broken", True) else shop.broken_orders.discard)(order.id)
    return {"broken": sorted(shop.broken_orders)}


async def list_products(shop: SimulatedShop, _: ControlRequest) -> Any:
    """List the products."""
    return [_product_json(product) for product in shop.products.values()]


async def add_product(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Add a simple product, or a variation of `parent_id` with its `attributes`."""
    call.check_fields("name", "price", "sku", "virtual", "downloadable", "parent_id", "attributes", "stock")
    parent_id = call.integer("parent_id", 0)
    parent = shop.product(product_id=parent_id) if parent_id else None
    attributes = call.object("attributes")
    product = Product(
        shop.next_id("post"),
        call.text("name", "Product"),
        call.amount("price") or Decimal(0),
        call.text("sku"),
        virtual=call.flag("virtual"),
        downloadable=call.flag("downloadable"),
        parent_id=parent_id,
        parent_name=parent.name if parent else None,
        attributes={key: str(value) for key, value in attributes.body.items()} if attributes else {},
        stock=call.amount("stock"),
    )
    shop.products[product.id] = product
    return _product_json(product)


async def delete_product(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Delete a product, even if orders contain it."""
    shop.delete_product(call.number)
    return {"deleted": call.number}


def read_cart(shop: SimulatedShop, call: ControlRequest, *more_fields: str) -> Cart:
    """Return the cart in a request, which may have `more_fields`. Raises ShopError."""
    call.check_fields(*CART_FIELDS, *more_fields)
    items = call.body.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ShopError("items must be a list of objects")
    fee = call.object("fee")
    return Cart(
        items=[_read_item(shop, ControlRequest(0, {}, item)) for item in items],
        payment_method=call.text("payment_method", "bacs"),
        shopper={name: call.text(name) for name in BILLING_FIELDS if name in call.body},
        coupon=call.text("coupon") or None,
        fee=FeeLine(0, fee.text("name", "Fee"), fee.amount("amount") or Decimal(0)) if fee else None,
        note=call.text("note"),
        customer_id=call.integer("customer_id", 0),
        gift_card=max(call.amount("gift_card") or Decimal(0), Decimal(0)),
    )


def _read_item(shop: SimulatedShop, item: ControlRequest) -> NewOrderLine:
    item.check_fields(*ITEM_FIELDS)
    quantity = item.amount("quantity")
    quantity = Decimal(1) if quantity is None else quantity
    if quantity <= 0:
        raise ShopError("quantity must be above 0")
    meta_object = item.object("meta")
    meta = meta_object.body if meta_object else {}
    if item.body.get("product_id") == 0:
        price = item.amount("price") or Decimal(0)
        return NewOrderLine(None, quantity, price * quantity, meta=meta, name=item.text("name", "Custom line"))
    product_id = item.integer("product_id", 0) if "product_id" in item.body else None
    return NewOrderLine(shop.product(product_id=product_id, sku=item.text("sku")), quantity, meta=meta)


def _order_json(shop: SimulatedShop, order: Order) -> dict[str, Any]:
    return order_json(order, home_url=shop.home_url)


def _product_json(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "parent_id": product.parent_id,
        "name": product.name,
        "sku": product.sku,
        "price": format_money(product.price),
        "virtual": product.virtual,
        "downloadable": product.downloadable,
        "attributes": product.attributes,
        "stock": None if product.stock is None else str(product.stock),
    }


CART = (
    '{"items": [{"sku": "IPTV-12M", "quantity": 1, "meta": {"panelr_intent": "new"}}], "payment_method": "stripe",'
    ' "coupon": "rig10", "fee": {"name": "Gift wrap", "amount": "2.50"}, "email": "ada@example.test", "note": "Hi"}'
)
ORDER = "/_sim/orders/{number:int}"
ORDER_CONTROLS = [
    ControlAction(
        "POST", "/_sim/checkout", CART, "place an order; with order_id, complete an opened checkout", place_shop_order
    ),
    ControlAction(
        "POST", "/_sim/checkout/open", CART, "open the checkout page: creates a checkout-draft", open_checkout_page
    ),
    ControlAction("GET", "/_sim/orders", "", "the orders, newest first", list_orders),
    ControlAction("GET", ORDER, "", "an order in the form of a webhook's body", show_order),
    ControlAction(
        "POST", f"{ORDER}/status", '{"status": "completed"}', "set a status, also an unknown one", set_status
    ),
    ControlAction(
        "POST", f"{ORDER}/pay", '{"transaction_id": "TXN-1"}', "report the payment, as a gateway does", pay_order
    ),
    ControlAction(
        "POST",
        f"{ORDER}/refund",
        '{"amount": "10.00", "reason": "late", "parts": [{"line_id": 1}], "unsigned": true}',
        "refund an amount, or parts of lines, shipping and fees, by default the rest",
        refund_order,
    ),
    ControlAction("POST", f"{ORDER}/trash", "", "move an order to the trash", trash_order),
    ControlAction("POST", f"{ORDER}/restore", "", "restore an order from the trash", restore_order),
    ControlAction("POST", f"{ORDER}/touch", "", "save an order without changes", touch_order),
    ControlAction("POST", f"{ORDER}/meta", '{"_panelr_ref": "abc"}', "set order meta; null deletes a key", set_meta),
    ControlAction(
        "POST",
        f"{ORDER}/break",
        '{"broken": true}',
        "answer 500 wherever the order is shown; false ends it",
        break_order,
    ),
    ControlAction("DELETE", ORDER, "", "delete an order permanently, without a webhook", delete_order),
    ControlAction("GET", "/_sim/products", "", "the products", list_products),
    ControlAction(
        "POST",
        "/_sim/products",
        '{"name": "Plan", "price": "9.00", "sku": "P-1", "virtual": true}',
        "add a product; with parent_id and attributes, a variation; stock is reduced by orders",
        add_product,
    ),
    ControlAction(
        "DELETE", "/_sim/products/{number:int}", "", "delete a product, even if orders contain it", delete_product
    ),
]
