"""The block checkout (the Store API), WooCommerce's default checkout."""

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from decimal import Decimal

from panelr_bridge.simulators.woocommerce.catalogue import COUPONS
from panelr_bridge.simulators.woocommerce.market_place import divide
from panelr_bridge.simulators.woocommerce.models import (
    CouponLine,
    FeeLine,
    Order,
    OrderLine,
    OrderMeta,
    ShippingLine,
    round_cents,
    sum_amounts,
    tax_on,
)
from panelr_bridge.simulators.woocommerce.payload import coupon_info_text
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, NotFoundError, OrderChanges, ShopError

GATEWAYS = {"bacs": "Direct bank transfer", "cod": "Cash on delivery", "stripe": "Card"}
FLAT_RATE = Decimal("5.00")
SHOPPER = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address_1": "1 Market St",
    "city": "San Francisco",
    "state": "CA",
    "postcode": "94103",
    "country": "US",
    "email": "ada@example.test",
    "phone": "4155550100",
}


@dataclass(frozen=True, slots=True)
class Cart:
    """A shopper's order: items, customer and payment method. Missing customer fields are Ada Lovelace's."""

    items: list[NewOrderLine]
    payment_method: str = "bacs"
    shopper: dict[str, str] = field(default_factory=dict)
    coupon: str | None = None
    fee: FeeLine | None = None
    note: str = ""
    customer_id: int = 0
    gift_card: Decimal = Decimal(0)


def open_checkout(shop: SimulatedShop, cart: Cart) -> Order:
    """Open the checkout page: store a checkout-draft without customer data, fire order.updated (captures 054-056)."""
    order = shop.new_order("store-api")
    order.status = "checkout-draft"
    order.customer_ip_address = "127.0.0.1"
    order.payment_method = cart.payment_method
    where = {"state": "CA", "country": "US"}
    _fill_order(shop, order, cart, where)
    shop.save(order, "order.updated")
    return order


def place_order(shop: SimulatedShop, cart: Cart, draft: Order | None = None) -> Order:
    """Place an order, or complete `draft` if the page was opened before: order.updated, then order.created.

    With bacs the order is on-hold, with cod processing and unpaid, with stripe paid at once. An order of 0.00 needs no
    gateway. Raises NotFoundError for an unknown coupon or gateway, ShopError for a draft that was already placed.
    """
    if cart.payment_method not in GATEWAYS:
        raise NotFoundError(f"payment_method must be one of {', '.join(GATEWAYS)}")
    if cart.coupon is not None and cart.coupon not in COUPONS:
        raise NotFoundError(f"there is no coupon {cart.coupon}")
    if draft is not None and draft.status != "checkout-draft":
        raise ShopError(f"order {draft.id} is not a checkout-draft")
    order = draft or shop.new_order("store-api")
    order.status = "pending"
    order.customer_ip_address = "127.0.0.1"
    order.customer_note = cart.note
    _fill_order(shop, order, cart, SHOPPER | cart.shopper)
    _take_payment(shop, order, cart.payment_method)
    shop.write_meta(
        order.meta,
        {"_debug_log_source_pending_deletion": f"place-order-debug-{secrets.token_hex(4)}"},
        "meta",
    )
    shop.save(order, "order.updated", "order.created")
    if shop.switches.market_place:
        divide(shop, order)
    return order


def _fill_order(shop: SimulatedShop, order: Order, cart: Cart, address: dict[str, str]) -> None:
    order.tax_line_id = order.tax_line_id or shop.next_id("item")
    items = [_apply_discount(item, COUPONS.get(cart.coupon or "", 0)) for item in cart.items]
    changes = OrderChanges(customer_id=cart.customer_id, billing=address, shipping=address, lines=items)
    shop.apply(order, changes)
    order.shipping_lines = _build_shipping_lines(shop, order.lines)
    order.coupon_lines = _build_coupon_lines(shop, order, cart.coupon) if cart.coupon else []
    order.fee_lines = [replace(cart.fee, id=shop.next_id("item"))] if cart.fee else []
    order.gift_card = cart.gift_card
    order.cart_hash = _hash("cart", *(f"{line.product_id}x{line.quantity}" for line in order.lines))
    hashes = {
        "_shipping_hash": _hash("shipping", str(order.shipping_total)),
        "_coupons_hash": _hash("coupons", cart.coupon) if cart.coupon else _hash("[]"),
        "_fees_hash": _hash("fees", str(cart.fee)) if cart.fee else _hash("[]"),
        "_taxes_hash": _hash("taxes", str(order.cart_tax)),
        "is_vat_exempt": "no",
    }
    shop.write_meta(order.meta, hashes, "meta")


def _take_payment(shop: SimulatedShop, order: Order, gateway: str) -> None:
    if order.total == 0:
        order.payment_method, order.payment_method_title = "", ""
        shop.payment_complete(order)
        return
    order.payment_method, order.payment_method_title = gateway, GATEWAYS[gateway]
    if gateway == "stripe":
        shop.payment_complete(order, f"ch_{secrets.token_hex(12)}")
    else:
        shop.set_status(order, "on-hold" if gateway == "bacs" else "processing")


def _apply_discount(item: NewOrderLine, percent: int) -> NewOrderLine:
    price = item.product.price * item.quantity if item.product else Decimal(0)
    subtotal = price if item.subtotal is None else item.subtotal
    return replace(item, subtotal=subtotal, total=subtotal - round_cents(subtotal * percent / 100))


def _build_shipping_lines(shop: SimulatedShop, lines: list[OrderLine]) -> list[ShippingLine]:
    shipped_lines = [line for line in lines if line.product and not line.product.virtual]
    if not shipped_lines:
        return []
    contents = ", ".join(f"{line.name} &times; {line.quantity.normalize():f}" for line in shipped_lines)
    meta = OrderMeta(shop.next_id("item_meta"), "Items", contents)
    return [ShippingLine(shop.next_id("item"), FLAT_RATE, meta)]


def _build_coupon_lines(shop: SimulatedShop, order: Order, code: str) -> list[CouponLine]:
    percent = COUPONS[code]
    saved_tax = sum_amounts(tax_on(line.subtotal) - tax_on(line.total) for line in order.lines)
    coupon_info = OrderMeta(shop.next_id("item_meta"), "coupon_info", coupon_info_text(code, percent))
    return [CouponLine(shop.next_id("item"), code, percent, order.discount_total, saved_tax, coupon_info)]


def _hash(*parts: str) -> str:
    return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest()
