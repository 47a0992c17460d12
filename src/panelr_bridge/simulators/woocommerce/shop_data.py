"""The books of a shop: its products, its orders and WooCommerce's rules about them. No HTTP, no webhooks."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.woocommerce.catalogue import FIRST_FREE_ID, seed_products
from panelr_bridge.simulators.woocommerce.models import STATUSES, Order, OrderLine, OrderMeta, OrderNote, Product

# WC_Order::payment_complete acts on these alone.
PAYABLE = frozenset({"pending", "on-hold", "failed", "cancelled", "checkout-draft"})
STOCK_TAKING = frozenset({"processing", "completed", "on-hold"})
STOCK_GIVING = frozenset({"pending", "cancelled"})
KEY_CHARACTERS = string.ascii_letters + string.digits


class ShopError(Exception):
    """The shop cannot do what was asked; the text says why."""


class NotFoundError(ShopError):
    """There is no such order, product or coupon."""


class LineItemsLockedError(ShopError):
    """The lines of an order whose stock was already reduced are to be replaced."""


@dataclass(frozen=True, slots=True)
class NewOrderLine:
    """A line to add to an order. Left out: the name, the subtotal and the total come from the product."""

    product: Product | None
    quantity: Decimal = Decimal(1)
    subtotal: Decimal | None = None
    total: Decimal | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    name: str = "Custom line"


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """What a request writes to an order. None leaves a thing as it is; a meta value of None deletes the key."""

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


class ShopData:
    """Products, orders and counters. `clock` gives aware UTC times. Its methods change orders and tell nobody."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.products: dict[int, Product] = seed_products()
        self.orders: dict[int, Order] = {}
        self.statuses: set[str] = set(STATUSES)
        self._clock = clock
        # WordPress numbers products, coupons, orders and refunds together; lines, meta and notes have their own.
        self._last = {"post": FIRST_FREE_ID - 1, "item": 0, "meta": 0, "item_meta": 0, "note": 0}

    def now(self) -> datetime:
        """Tell the shop's time in whole seconds, which is all that WooCommerce stores."""
        return self._clock().replace(microsecond=0)

    def next_id(self, counter: str) -> int:
        """Take the next number of the counter "post", "item", "meta", "item_meta" or "note"."""
        self._last[counter] += 1
        return self._last[counter]

    def order(self, order_id: int) -> Order:
        """Give an order, also a trashed one. Raises UnknownError."""
        if order_id not in self.orders:
            raise NotFoundError(f"there is no order {order_id}")
        return self.orders[order_id]

    def product(self, *, product_id: int | None = None, sku: str | None = None) -> Product:
        """Give a product by its id or else by its SKU. Raises UnknownError."""
        for product in self.products.values():
            if product.id == product_id or (product_id is None and sku and product.sku == sku):
                return product
        raise NotFoundError(f"there is no product {product_id if product_id is not None else sku}")

    def delete_product(self, product_id: int) -> None:
        """Delete a product: lines that hold it keep its name and show product_id 0. Raises UnknownError."""
        gone = self.product(product_id=product_id)
        del self.products[gone.id]
        for line in (line for order in self.orders.values() for line in order.lines):
            line.product = None if line.product is gone else line.product

    def new_order(self, created_via: str) -> Order:
        """Open an empty order with status pending."""
        now = self.now()
        key = "wc_order_" + "".join(secrets.choice(KEY_CHARACTERS) for _ in range(13))
        order = Order(self.next_id("post"), key, now, now, created_via)
        self.orders[order.id] = order
        return order

    def apply(self, order: Order, changes: OrderChanges) -> None:
        """Write `changes` to `order`, the status last, as the REST APIs do; `set_paid` is left to the caller."""
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
        """Make a line out of what was asked for. A variation's attributes become meta, as in the captures."""
        subtotal = new.subtotal
        if subtotal is None:
            subtotal = new.product.price * new.quantity if new.product else Decimal(0)
        total = subtotal if new.total is None else new.total
        name = new.product.name if new.product else new.name
        line = OrderLine(self.next_id("item"), new.product, name, new.quantity, max(subtotal, total), total)
        self.write_meta(line.meta, (new.product.attributes if new.product else {}) | new.meta, "item_meta")
        return line

    def write_meta(self, meta: list[OrderMeta], entries: dict[str, Any], counter: str) -> None:
        """Set keys in place, add new ones, delete those whose new value is None."""
        for key, value in entries.items():
            known = next((entry for entry in meta if entry.key == key), None)
            if value is None:
                meta[:] = [entry for entry in meta if entry.key != key]
            elif known:
                known.value = as_stored_meta(value)
            else:
                meta.append(OrderMeta(self.next_id(counter), key, as_stored_meta(value)))

    def add_note(self, order_id: int, text: str, *, for_customer: bool = False) -> OrderNote:
        """Add a note to an order: date_modified stays, and no webhook tells of it. Raises UnknownError."""
        order = self.order(order_id)
        note = OrderNote(self.next_id("note"), self.now(), text, for_customer)
        order.notes.append(note)
        return note

    def payment_complete(self, order: Order, transaction_id: str = "") -> None:
        """Do what `WC_Order::payment_complete` does: nothing for an order that is already processing or later."""
        if order.status in PAYABLE:
            order.transaction_id = transaction_id or order.transaction_id
            order.paid = order.paid or self.now()
            self.set_status(order, status_when_paid(order))

    def set_status(self, order: Order, status: str) -> None:
        """Change the status, with what hangs on it: the dates of payment and completion, the stock.

        An unknown status becomes pending, as `WC_Abstract_Order::set_status` has it.
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
    """Give the status of `order` once it is paid. The gateway "cod" hooks in: cash in hand completes it."""
    return "processing" if order.needs_processing and order.payment_method != "cod" else "completed"


def as_stored_meta(value: Any) -> Any:
    """Give a meta value as it comes back from the database's text column: numbers and truth become strings."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value
