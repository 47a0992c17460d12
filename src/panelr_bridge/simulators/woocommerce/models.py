"""What a WooCommerce shop keeps: products, orders and their lines. Money is Decimal, times are aware and in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

SHOP_ZONE = timezone(timedelta(hours=-5))
TAX_PERCENT = Decimal("8.25")
CENT = Decimal("0.01")
ZERO = Decimal(0)

EDITABLE = frozenset({"pending", "on-hold", "auto-draft"})
AWAITING_PAYMENT = frozenset({"pending", "failed", "checkout-draft"})
STATUSES = frozenset(
    {
        *("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"),
        *("checkout-draft", "trash", "auto-draft"),
    }
)
# WC 10.5 leaves these out of every list that does not ask for them by name.
UNLISTED = frozenset({"trash", "auto-draft", "checkout-draft"})

BILLING_FIELDS = (
    *("first_name", "last_name", "company", "address_1", "address_2"),
    *("city", "state", "postcode", "country", "email", "phone"),
)
SHIPPING_FIELDS = tuple(name for name in BILLING_FIELDS if name != "email")


def round_cents(amount: Decimal) -> Decimal:
    """Round `amount` to two decimals, halves away from zero as PHP does (8.085 is 8.09)."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def tax_on(amount: Decimal) -> Decimal:
    """Give the sales tax on `amount`, rounded per line (woocommerce_tax_round_at_subtotal is off)."""
    return round_cents(amount * TAX_PERCENT / 100)


def sum_amounts(amounts: Iterable[Decimal]) -> Decimal:
    """Add up `amounts`; nothing makes zero."""
    return sum(amounts, ZERO)


@dataclass(slots=True)
class Product:
    """A simple product, a variable one, or a variation of one (then `parent_id` is set)."""

    id: int
    name: str
    price: Decimal
    sku: str = ""
    virtual: bool = False
    downloadable: bool = False
    parent_id: int = 0
    parent_name: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    stock: Decimal | None = None


@dataclass(slots=True)
class OrderMeta:
    """One entry of `meta_data`."""

    id: int
    key: str
    value: Any


@dataclass(slots=True)
class OrderLine:
    """A product in an order. `product` is None when the line was typed by hand or its product was deleted since."""

    id: int
    product: Product | None
    name: str
    quantity: Decimal
    subtotal: Decimal
    total: Decimal
    meta: list[OrderMeta] = field(default_factory=list)

    @property
    def product_id(self) -> int:
        """The product, the variable product for a variation, or 0."""
        return (self.product.parent_id or self.product.id) if self.product else 0

    @property
    def variation_id(self) -> int:
        """The variation, or 0."""
        return self.product.id if self.product and self.product.parent_id else 0


@dataclass(slots=True)
class ShippingLine:
    """The flat rate, with the text that WooCommerce keeps about what it ships."""

    id: int
    total: Decimal
    contents: OrderMeta


@dataclass(slots=True)
class FeeLine:
    """A fee that carries no tax, which is the default of `WC_Cart::add_fee`."""

    id: int
    name: str
    amount: Decimal


@dataclass(slots=True)
class CouponLine:
    """A percentage taken off every line."""

    id: int
    code: str
    percent: int
    discount: Decimal
    discount_tax: Decimal
    info: OrderMeta


@dataclass(slots=True)
class Refund:
    """Money given back; its id comes from the same counter as the orders'."""

    id: int
    reason: str
    amount: Decimal


@dataclass(slots=True)
class OrderNote:
    """A note on an order, for the shop alone or for the customer too."""

    id: int
    created: datetime
    text: str
    for_customer: bool = False
    author: str = "WooCommerce"


@dataclass(slots=True)
class Order:
    """An order. Its totals follow from its lines, so they are never out of step."""

    id: int
    order_key: str
    created: datetime
    modified: datetime
    created_via: str
    status: str = "pending"
    currency: str = "USD"
    customer_id: int = 0
    billing: dict[str, str] = field(default_factory=lambda: dict.fromkeys(BILLING_FIELDS, ""))
    shipping: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SHIPPING_FIELDS, ""))
    payment_method: str = ""
    payment_method_title: str = ""
    transaction_id: str = ""
    customer_ip_address: str = ""
    customer_note: str = ""
    cart_hash: str = ""
    paid: datetime | None = None
    completed: datetime | None = None
    meta: list[OrderMeta] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)
    shipping_lines: list[ShippingLine] = field(default_factory=list)
    fee_lines: list[FeeLine] = field(default_factory=list)
    coupon_lines: list[CouponLine] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    notes: list[OrderNote] = field(default_factory=list)
    tax_line_id: int = 0
    stock_reduced: bool = False
    status_before_trash: str = ""

    @property
    def cart_tax(self) -> Decimal:
        """The tax on the lines."""
        return sum_amounts(tax_on(line.total) for line in self.lines)

    @property
    def shipping_total(self) -> Decimal:
        """The shipping, without its tax."""
        return sum_amounts(line.total for line in self.shipping_lines)

    @property
    def shipping_tax(self) -> Decimal:
        """The tax on the shipping."""
        return sum_amounts(tax_on(line.total) for line in self.shipping_lines)

    @property
    def discount_total(self) -> Decimal:
        """What the lines lost between subtotal and total, without tax."""
        return sum_amounts(line.subtotal - line.total for line in self.lines)

    @property
    def discount_tax(self) -> Decimal:
        """The tax that the discount saves."""
        return sum_amounts(tax_on(line.subtotal) - tax_on(line.total) for line in self.lines)

    @property
    def total(self) -> Decimal:
        """What the customer owes. Refunds do not lower it."""
        goods = sum_amounts(line.total for line in self.lines) + sum_amounts(fee.amount for fee in self.fee_lines)
        return round_cents(goods + self.cart_tax + self.shipping_total + self.shipping_tax)

    @property
    def refundable(self) -> Decimal:
        """What has not been refunded yet."""
        return self.total - sum_amounts(refund.amount for refund in self.refunds)

    @property
    def needs_payment(self) -> bool:
        """Whether the customer can still be sent to a payment page."""
        return self.status in AWAITING_PAYMENT and self.total > 0

    @property
    def needs_processing(self) -> bool:
        """Whether somebody must act before it is complete: any known product not both virtual and downloadable."""
        products = (line.product for line in self.lines)
        return any(product and not (product.virtual and product.downloadable) for product in products)

    @property
    def searchable_text(self) -> str:
        """The text that a search looks through: id, addresses and line names."""
        names = (line.name for line in self.lines)
        return "\n".join([str(self.id), *self.billing.values(), *self.shipping.values(), *names])
