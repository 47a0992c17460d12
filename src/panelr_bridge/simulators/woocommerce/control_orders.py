"""Controls by hand over the catalogue and the orders: what shoppers, gateways and the shop's people do."""

from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.checkout import Cart, open_checkout, place_order
from panelr_bridge.simulators.woocommerce.control_call import Call, Control
from panelr_bridge.simulators.woocommerce.ledger import Changes, NewLine, StoreError
from panelr_bridge.simulators.woocommerce.payload import money, order_json
from panelr_bridge.simulators.woocommerce.store import Store
from panelr_bridge.simulators.woocommerce.values import BILLING_FIELDS, FeeLine, Order, Product

CART_FIELDS = ("items", "payment_method", "coupon", "fee", "note", "customer_id", "order_id", *BILLING_FIELDS)
ITEM_FIELDS = ("product_id", "sku", "quantity", "meta", "name", "price")


async def checkout(store: Store, call: Call) -> Any:
    """Place an order; with `order_id`, the draft of an opened checkout."""
    draft = store.order(call.integer("order_id", 0)) if "order_id" in call.body else None
    return _told(store, place_order(store, _cart(store, call), draft))


async def look(store: Store, call: Call) -> Any:
    """Open the checkout page and go no further."""
    return _told(store, open_checkout(store, _cart(store, call)))


async def orders(store: Store, _: Call) -> Any:
    """List the orders, newest first."""
    return [
        {"id": order.id, "status": order.status, "total": money(order.total), "email": order.billing["email"]}
        for order in reversed(store.orders.values())
    ]


async def order(store: Store, call: Call) -> Any:
    """Show an order as a webhook would tell it now."""
    return _told(store, store.order(call.number))


async def status(store: Store, call: Call) -> Any:
    """Set a status; an unknown one becomes a status of this shop, as if a plugin had brought it."""
    call.known("status")
    wanted = call.text("status").removeprefix("wc-")
    if not wanted:
        raise StoreError("status is missing")
    store.statuses.add(wanted)
    return _told(store, store.update(call.number, Changes(status=wanted)))


async def pay(store: Store, call: Call) -> Any:
    """Report the payment."""
    call.known("transaction_id")
    return _told(store, store.pay(call.number, call.text("transaction_id")))


async def refund(store: Store, call: Call) -> Any:
    """Give money back."""
    call.known("amount", "reason")
    return _told(store, store.refund(call.number, call.amount("amount"), call.text("reason")))


async def trash(store: Store, call: Call) -> Any:
    """Put it into the trash."""
    return _told(store, store.trash(call.number))


async def restore(store: Store, call: Call) -> Any:
    """Take it out of the trash."""
    return _told(store, store.restore(call.number))


async def touch(store: Store, call: Call) -> Any:
    """Save it with nothing changed."""
    return _told(store, store.touch(call.number))


async def meta(store: Store, call: Call) -> Any:
    """Set order meta, protected keys too, as a plugin may."""
    return _told(store, store.update(call.number, Changes(meta=call.body)))


async def delete(store: Store, call: Call) -> Any:
    """Delete it for good."""
    store.delete(call.number)
    return {"deleted": call.number}


async def products(store: Store, _: Call) -> Any:
    """List the catalogue."""
    return [_product_json(product) for product in store.products.values()]


async def add_product(store: Store, call: Call) -> Any:
    """Add a simple product, or a variation of `parent_id` with its `attributes`."""
    call.known("name", "price", "sku", "virtual", "downloadable", "parent_id", "attributes", "stock")
    parent_id = call.integer("parent_id", 0)
    parent = store.product(product_id=parent_id) if parent_id else None
    attributes = call.part("attributes")
    product = Product(
        store.next_id("post"),
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
    store.products[product.id] = product
    return _product_json(product)


async def delete_product(store: Store, call: Call) -> Any:
    """Delete a product that orders may still hold."""
    store.delete_product(call.number)
    return {"deleted": call.number}


def _cart(store: Store, call: Call) -> Cart:
    call.known(*CART_FIELDS)
    items = call.body.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise StoreError("items must be a list of objects")
    fee = call.part("fee")
    return Cart(
        items=[_item(store, Call(0, {}, item)) for item in items],
        payment_method=call.text("payment_method", "bacs"),
        shopper={name: call.text(name) for name in BILLING_FIELDS if name in call.body},
        coupon=call.text("coupon") or None,
        fee=FeeLine(0, fee.text("name", "Fee"), fee.amount("amount") or Decimal(0)) if fee else None,
        note=call.text("note"),
        customer_id=call.integer("customer_id", 0),
    )


def _item(store: Store, item: Call) -> NewLine:
    item.known(*ITEM_FIELDS)
    quantity = item.amount("quantity")
    quantity = Decimal(1) if quantity is None else quantity
    if quantity <= 0:
        raise StoreError("quantity must be above 0")
    extra = item.part("meta")
    given = extra.body if extra else {}
    if item.body.get("product_id") == 0:
        price = item.amount("price") or Decimal(0)
        return NewLine(None, quantity, price * quantity, meta=given, name=item.text("name", "Custom line"))
    wanted = item.integer("product_id", 0) if "product_id" in item.body else None
    return NewLine(store.product(product_id=wanted, sku=item.text("sku")), quantity, meta=given)


def _told(store: Store, order: Order) -> dict[str, Any]:
    return order_json(order, home_url=store.home_url)


def _product_json(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "parent_id": product.parent_id,
        "name": product.name,
        "sku": product.sku,
        "price": money(product.price),
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
    Control("POST", "/_sim/checkout", CART, "a shopper orders; order_id: by an opened checkout", checkout),
    Control("POST", "/_sim/checkout/open", CART, "a shopper opens the checkout page: a checkout-draft", look),
    Control("GET", "/_sim/orders", "", "the orders, newest first", orders),
    Control("GET", ORDER, "", "an order as a webhook would tell it now", order),
    Control("POST", f"{ORDER}/status", '{"status": "completed"}', "set any status, a new one too", status),
    Control("POST", f"{ORDER}/pay", '{"transaction_id": "TXN-1"}', "the gateway reports the payment", pay),
    Control("POST", f"{ORDER}/refund", '{"amount": "10.00", "reason": "late"}', "no amount: the rest", refund),
    Control("POST", f"{ORDER}/trash", "", "put it into the trash", trash),
    Control("POST", f"{ORDER}/restore", "", "take it out of the trash", restore),
    Control("POST", f"{ORDER}/touch", "", "save it with nothing changed", touch),
    Control("POST", f"{ORDER}/meta", '{"_panelr_ref": "abc"}', "set order meta; null deletes a key", meta),
    Control("DELETE", ORDER, "", "delete it for good: no webhook tells of it", delete),
    Control("GET", "/_sim/products", "", "the catalogue", products),
    Control(
        "POST",
        "/_sim/products",
        '{"name": "Plan", "price": "9.00", "sku": "P-1", "virtual": true}',
        "add a product; parent_id and attributes make it a variation, stock counts down",
        add_product,
    ),
    Control("DELETE", "/_sim/products/{number:int}", "", "delete a product that orders may hold", delete_product),
]
