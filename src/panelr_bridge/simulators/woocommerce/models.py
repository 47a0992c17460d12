"""The shop's data: products, orders and their lines. Money is Decimal, times are aware and in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
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
# WC 10.5 omits these from every list unless they are requested by name.
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
    """Return the sales tax on `amount`, rounded per line (woocommerce_tax_round_at_subtotal is off)."""
    return round_cents(amount * TAX_PERCENT / 100)


def sum_amounts(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum of `amounts`; 0 without any."""
    return sum(amounts, ZERO)


@dataclass(slots=True)
class Product:
    """A simple product, a variable product, or a variation (with `parent_id`)."""

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
    """A product line of an order. `product` is None for a custom line, and after its product was deleted."""

    id: int
    product: Product | None
    name: str
    quantity: Decimal
    subtotal: Decimal
    total: Decimal
    meta: list[OrderMeta] = field(default_factory=list)

    @property
    def product_id(self) -> int:
        """Return the id of the product, or of the variable product for a variation; 0 without a product."""
        return (self.product.parent_id or self.product.id) if self.product else 0

    @property
    def variation_id(self) -> int:
        """Return the id of the variation, or 0."""
        return self.product.id if self.product and self.product.parent_id else 0


@dataclass(slots=True)
class ShippingLine:
    """The flat rate, with WooCommerce's text about the contents."""

    id: int
    total: Decimal
    contents: OrderMeta


@dataclass(slots=True)
class FeeLine:
    """A fee without tax, the default of `WC_Cart::add_fee`."""

    id: int
    name: str
    amount: Decimal


@dataclass(slots=True)
class CouponLine:
    """A percentage discount on every line."""

    id: int
    code: str
    percent: int
    discount: Decimal
    discount_tax: Decimal
    info: OrderMeta


@dataclass(slots=True)
class RefundedPart:
    """What a refund took of one line, of shipping or of a fee. `total` is without tax; both numbers are positive."""

    id: int
    of: OrderLine | ShippingLine | FeeLine
    quantity: Decimal
    total: Decimal

    @property
    def tax(self) -> Decimal:
        """Return the tax in this part."""
        return ZERO if isinstance(self.of, FeeLine) else tax_on(self.total)


@dataclass(slots=True)
class Refund:
    """A refund. Its id is from the same counter as the orders' ids.

    Without `parts`, nothing says what was refunded. `unsigned`: a plugin shows its amount without the sign.
    """

    id: int
    reason: str
    amount: Decimal
    parts: list[RefundedPart] = field(default_factory=list)
    unsigned: bool = False


@dataclass(slots=True)
class OrderNote:
    """A note on an order, private or for the customer."""

    id: int
    created: datetime
    text: str
    for_customer: bool = False
    author: str = "WooCommerce"


@dataclass(slots=True)
class Order:
    """An order. Its totals are computed from its lines."""

    id: int
    order_key: str
    created: datetime
    modified: datetime
    created_via: str
    parent_id: int = 0
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
    gift_card: Decimal = ZERO
    """What a gift card paid: it lowers the total, and leaves the lines as they are."""
    tax_line_id: int = 0
    stock_reduced: bool = False
    status_before_trash: str = ""

    @property
    def cart_tax(self) -> Decimal:
        """Return the tax on the lines."""
        return sum_amounts(tax_on(line.total) for line in self.lines)

    @property
    def shipping_total(self) -> Decimal:
        """Return the shipping costs without tax."""
        return sum_amounts(line.total for line in self.shipping_lines)

    @property
    def shipping_tax(self) -> Decimal:
        """Return the tax on the shipping costs."""
        return sum_amounts(tax_on(line.total) for line in self.shipping_lines)

    @property
    def discount_total(self) -> Decimal:
        """Return the difference of the lines' subtotals and totals, without tax."""
        return sum_amounts(line.subtotal - line.total for line in self.lines)

    @property
    def discount_tax(self) -> Decimal:
        """Return the tax on the discount."""
        return sum_amounts(tax_on(line.subtotal) - tax_on(line.total) for line in self.lines)

    @property
    def total(self) -> Decimal:
        """Return the order's total. Refunds do not reduce it."""
        goods = sum_amounts(line.total for line in self.lines) + sum_amounts(fee.amount for fee in self.fee_lines)
        price = round_cents(goods + self.cart_tax + self.shipping_total + self.shipping_tax)
        return price - min(price, self.gift_card)

    @property
    def refundable(self) -> Decimal:
        """Return the amount that can still be refunded."""
        return self.total - sum_amounts(refund.amount for refund in self.refunds)

    def part(self, line_id: int) -> OrderLine | ShippingLine | FeeLine | None:
        """Return the line, shipping line or fee with this id."""
        parts: list[OrderLine | ShippingLine | FeeLine] = [*self.lines, *self.shipping_lines, *self.fee_lines]
        return next((part for part in parts if part.id == line_id), None)

    @property
    def needs_payment(self) -> bool:
        """Return whether the customer can still pay the order."""
        return self.status in AWAITING_PAYMENT and self.total > 0

    @property
    def needs_processing(self) -> bool:
        """Return whether the order needs processing: any known product is not both virtual and downloadable."""
        products = (line.product for line in self.lines)
        return any(product and not (product.virtual and product.downloadable) for product in products)

    @property
    def searchable_text(self) -> str:
        """Return the text for a search: id, addresses and line names."""
        names = (line.name for line in self.lines)
        return "\n".join([str(self.id), *self.billing.values(), *self.shipping.values(), *names])


class Plugin(StrEnum):
    """The plugins whose subscriptions the shop knows: WooCommerce Subscriptions, its core library, YITH, WP Swings."""

    WCS = "wcs"
    CORE = "core"
    YITH = "yith"
    WPS = "wps"


@dataclass(slots=True)
class Subscription:
    """A subscription. `order` has its contents, `orders` are its orders, each with what it is to it.

    It has the id of `order`, whose `parent_id` is the first order; 0 for a subscription made by hand.
    """

    order: Order
    plugin: Plugin
    resubscribed_from: int = 0
    orders: list[tuple[int, str]] = field(default_factory=list)

    @property
    def id(self) -> int:
        """Return the subscription's id."""
        return self.order.id
