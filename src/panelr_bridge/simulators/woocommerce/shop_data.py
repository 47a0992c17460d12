"""Products and orders of a shop, with WooCommerce's rules. No HTTP, no webhooks."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.catalogue import FIRST_FREE_ID, seed_products
from panelr_bridge.simulators.woocommerce.models import (
    STATUSES,
    FeeLine,
    Order,
    OrderLine,
    OrderMeta,
    OrderNote,
    Product,
    RefundedPart,
    Subscription,
    round_cents,
)

# WC_Order::payment_complete changes only these.
PAYABLE = frozenset({"pending", "on-hold", "failed", "cancelled", "checkout-draft"})
STOCK_TAKING = frozenset({"processing", "completed", "on-hold"})
STOCK_GIVING = frozenset({"pending", "cancelled"})
KEY_CHARACTERS = string.ascii_letters + string.digits


class ShopError(Exception):
    """The shop cannot do the request; the text says why."""


class NotFoundError(ShopError):
    """The order, product or coupon does not exist."""


class BrokenOrderError(ShopError):
    """PHP breaks down when it shows the order."""


class LineItemsLockedError(ShopError):
    """The lines of an order cannot be replaced after its stock was reduced."""


@dataclass(frozen=True, slots=True)
class NewOrderLine:
    """A line to add to an order. Name, subtotal and total default to the product's."""

    product: Product | None
    quantity: Decimal = Decimal(1)
    subtotal: Decimal | None = None
    total: Decimal | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    name: str = "Custom line"


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """The changes of a request to an order. None changes nothing; a meta value of None deletes the key."""

    status: str | None = None
    customer_id: int | None = None
    currency: str | None = None
    payment_method: str | None = None
    payment_method_title: str | None = None
    customer_note: str | None = None
    billing: dict[str, str] = field(default_factory=dict)
    shipping: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    lines: list[NewOrderLine] | None = None
    set_paid: bool = False


@dataclass(slots=True)
class NewRefundedPart:
    """A part of a refund, by the id of the line, shipping line or fee.

    By default all of it. A `total` (without tax) alone leaves the quantity at 0, as the form in wp-admin does.
    """

    line_id: int
    quantity: Decimal | None = None
    total: Decimal | None = None


class ShopData:
    """Products, orders and counters. `clock` returns aware UTC times. Its methods fire no webhooks."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.products: dict[int, Product] = seed_products()
        self.orders: dict[int, Order] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self.broken_orders: set[int] = set()
        self.statuses: set[str] = set(STATUSES)
        self._clock = clock
        self.ahead = timedelta(0)
        self.reset_counters()

    def reset_counters(self) -> None:
        """Number everything from the beginning.

        WordPress numbers products, coupons, orders and refunds together; lines, meta and notes have their own counters.
        """
        self._last = {"post": FIRST_FREE_ID - 1, "item": 0, "meta": 0, "item_meta": 0, "note": 0}

    def now(self) -> datetime:
        """Return the shop's time in whole seconds, as WooCommerce stores it; its clock may be `ahead`."""
        return self._clock().replace(microsecond=0) + self.ahead

    def next_id(self, counter: str) -> int:
        """Return the next number of the counter "post", "item", "meta", "item_meta" or "note"."""
        self._last[counter] += 1
        return self._last[counter]

    def order(self, order_id: int) -> Order:
        """Return an order, also a trashed one. Raises NotFoundError."""
        if order_id not in self.orders:
            raise NotFoundError(f"there is no order {order_id}")
        return self.orders[order_id]

    def subscription(self, subscription_id: int) -> Subscription:
        """Return a subscription. Raises NotFoundError."""
        if subscription_id not in self.subscriptions:
            raise NotFoundError(f"there is no subscription {subscription_id}")
        return self.subscriptions[subscription_id]

    def check_readable(self, order: Order) -> None:
        """Raise BrokenOrderError for one of the `broken_orders`."""
        if order.id in self.broken_orders:
            raise BrokenOrderError("There has been a critical error on this website.")

    def product(self, *, product_id: int | None = None, sku: str | None = None) -> Product:
        """Return a product by its id, otherwise by its SKU. Raises NotFoundError."""
        for product in self.products.values():
            if product.id == product_id or (product_id is None and sku and product.sku == sku):
                return product
        raise NotFoundError(f"there is no product {product_id if product_id is not None else sku}")

    def delete_product(self, product_id: int) -> None:
        """Delete a product. Its order lines keep the name and get product_id 0. Raises NotFoundError."""
        product = self.product(product_id=product_id)
        del self.products[product.id]
        for line in (line for order in self.orders.values() for line in order.lines):
            line.product = None if line.product is product else line.product

    def new_order(self, created_via: str) -> Order:
        """Create an empty order with status pending."""
        now = self.now()
        key = "wc_order_" + "".join(secrets.choice(KEY_CHARACTERS) for _ in range(13))
        order = Order(self.next_id("post"), key, now, now, created_via)
        self.orders[order.id] = order
        return order

    def apply(self, order: Order, changes: OrderChanges) -> None:
        """Write `changes` to `order`, the status last, as the REST APIs do. `set_paid` is not applied here."""
        fields = ("customer_id", "currency", "payment_method", "payment_method_title", "customer_note")
        for name in fields:
            value = getattr(changes, name)
            if value is not None:
                setattr(order, name, value)
        order.billing.update({k: v for k, v in changes.billing.items() if k in order.billing})
        order.shipping.update({k: v for k, v in changes.shipping.items() if k in order.shipping})
        self.write_meta(order.meta, changes.meta, "meta")
        if changes.lines is not None:
            order.lines = [self.make_line(line) for line in changes.lines]
            order.tax_line_id = order.tax_line_id or self.next_id("item")
        if changes.status is not None:
            self.set_status(order, changes.status)

    def make_line(self, new: NewOrderLine) -> OrderLine:
        """Return a new line. A variation's attributes become meta, as in the captures."""
        subtotal = new.subtotal
        if subtotal is None:
            subtotal = new.product.price * new.quantity if new.product else Decimal(0)
        total = subtotal if new.total is None else new.total
        name = new.product.name if new.product else new.name
        line = OrderLine(self.next_id("item"), new.product, name, new.quantity, max(subtotal, total), total)
        self.write_meta(line.meta, (new.product.attributes if new.product else {}) | new.meta, "item_meta")
        return line

    def make_refunded_part(self, order: Order, new: NewRefundedPart) -> RefundedPart:
        """Return a part of a refund. Raises NotFoundError."""
        part = order.part(new.line_id)
        if part is None:
            raise NotFoundError(f"order {order.id} has no line {new.line_id}")
        bought = part.quantity if isinstance(part, OrderLine) else Decimal(1)
        price = part.amount if isinstance(part, FeeLine) else part.total
        quantity = new.quantity if new.quantity is not None else bought if new.total is None else Decimal(0)
        total = new.total if new.total is not None else price * quantity / bought
        return RefundedPart(self.next_id("item"), part, quantity, round_cents(total))

    def write_meta(self, meta: list[OrderMeta], entries: dict[str, Any], counter: str) -> None:
        """Set known keys in place, add new keys, delete keys with the value None."""
        for key, value in entries.items():
            existing = next((entry for entry in meta if entry.key == key), None)
            if value is None:
                meta[:] = [entry for entry in meta if entry.key != key]
            elif existing:
                existing.value = as_stored_meta(value)
            else:
                meta.append(OrderMeta(self.next_id(counter), key, as_stored_meta(value)))

    def add_note(self, order_id: int, text: str, *, for_customer: bool = False) -> OrderNote:
        """Add a note to an order. date_modified does not change and no webhook fires. Raises NotFoundError."""
        order = self.order(order_id)
        note = OrderNote(self.next_id("note"), self.now(), text, for_customer)
        order.notes.append(note)
        return note

    def payment_complete(self, order: Order, transaction_id: str = "") -> None:
        """Do what `WC_Order::payment_complete` does; an order in processing or later does not change."""
        if order.status in PAYABLE:
            order.transaction_id = transaction_id or order.transaction_id
            order.paid = order.paid or self.now()
            self.set_status(order, status_when_paid(order))

    def set_status(self, order: Order, status: str) -> None:
        """Set the status, the dates of payment and completion, and the stock.

        An unknown status becomes pending, as in `WC_Abstract_Order::set_status`.
        """
        status = status.removeprefix("wc-")
        status = status if status in self.statuses else "pending"
        if status == order.status:
            return
        order.status = status
        if status == "completed":
            order.completed = self.now()
        counts_as_paid = {status_when_paid(order), "completed"}
        if status in counts_as_paid and not order.paid:
            order.paid = self.now()
        if status in STOCK_TAKING and not order.stock_reduced:
            self._move_stock(order, -1)
        elif status in STOCK_GIVING and order.stock_reduced:
            self._move_stock(order, 1)

    def _move_stock(self, order: Order, direction: int) -> None:
        order.stock_reduced = direction < 0
        for line in order.lines:
            if line.product and line.product.stock is not None:
                line.product.stock += direction * line.quantity


def status_when_paid(order: Order) -> str:
    """Return the status of `order` after its payment. As in WooCommerce, the gateway "cod" completes it."""
    return "processing" if order.needs_processing and order.payment_method != "cod" else "completed"


def as_stored_meta(value: Any) -> Any:
    """Return a meta value as the database's text column returns it: numbers and booleans become strings."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value
