"""Frozen values that Panelr's answers hold: work orders, customers' lines, catalogue, quotes. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from panelr_bridge.domain.history import Activation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MethodAdjustment:
    """What Panelr adds to a work order with a payment method: a fee, or with a negative value a discount."""

    value: Decimal
    percent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrFacts:
    """What the bridge found out about this Panelr; None for what is not known yet."""

    honours_unit_price: bool | None = None
    """Whether it reckons with the shop's price of an item; otherwise with its own list price."""
    adds_method_adjustment: bool | None = None
    """Whether it adds a payment method's own fee or discount."""
    knows_quotes: bool | None = None
    """Whether it knows the action quote_cart."""


NOTHING_KNOWN = PanelrFacts()
"""The facts before any call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """A work order as far as the bridge knows it: an adopted one may lack its id or its token."""

    reference_code: str | None
    work_order_id: int | None = None
    confirmation_token: str | None = None
    status: str | None = None
    order_total: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CartQuote:
    """Panelr's reckoning of a cart (quote_cart): positive discounts, and the payment method's signed adjustment."""

    bundle_discount: Decimal = Decimal(0)
    coupon_discount: Decimal = Decimal(0)
    coupon_valid: bool | None = None
    adjustment: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorkOrder:
    """A work order in Panelr's list for one customer; None for fields that the installation does not show.

    `activation_ids` are the lines of all its items.
    """

    work_order: WorkOrder
    created_at: datetime | None
    items: tuple["ListedItem", ...]
    activation_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item of a listed work order; None for missing and unknown values.

    `shows_wc_order_id` distinguishes an empty `wc_order_id` from a missing one.
    """

    name: str
    qty: int | None
    intent: str | None
    product_id: int | None
    wc_order_id: str | None
    shows_wc_order_id: bool
    plugin_name: str | None = None


ProductNames = Mapping[tuple[str, str | None], frozenset[int]]
"""The ids of Panelr's products by name and service (`plugin_name`), and by name and None whatever the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderProof:
    """The proof of access to a work order: its token, or its reference code with the customer's e-mail address.

    The token takes precedence. Raises ValueError if both proofs are missing.
    """

    confirmation_token: str | None = field(default=None, repr=False)
    reference_code: str | None = None
    customer_email: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.confirmation_token and not (self.reference_code and self.customer_email):
            raise ValueError("a confirmation token is needed, or a reference code with an e-mail address")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPayment:
    """A payment recorded by Panelr for a work order; `at` is None if its time is not shown."""

    amount: Decimal
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderDetails:
    """A work order as get_work_order shows it; None for unreadable amounts. The payment history is complete.

    `activations` are the lines of its items; there are none if an item shows no line.
    """

    status: str
    order_total: Decimal | None
    prev_paid: Decimal | None
    balance_due: Decimal | None
    payment_history: tuple[RecordedPayment, ...]
    currency: str | None
    disputed: bool = False
    activations: tuple[Activation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReceipt:
    """What Panelr shows after a payment: the status, and money; None for what it does not show."""

    status: str | None
    order_total: Decimal | None = None
    balance_due: Decimal | None = None
    is_fully_paid: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLine:
    """One of a customer's lines as get_lines shows it; None for fields not shown.

    `expiration_date` and the first few `usernames` are for an operator who chooses a line.
    """

    activation_id: int
    status: str | None
    is_trial: bool | None
    plugin_id: int | None
    plugin_name: str | None
    product_name: str | None
    connections: int | None = None
    expiration_date: str | None = None
    usernames: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CustomerLines:
    """All lines of the customer with this e-mail address."""

    email: str = field(repr=False)
    lines: tuple[CustomerLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrProduct:
    """A product in Panelr's list; None for fields not shown."""

    id: int
    name: str
    alternate_name: str | None
    price: Decimal | None
    currency: str | None
    duration_months: int | None
    connections: int | None
    plugin_id: int | None
    is_trial: bool | None
    plugin_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrPaymentMethod:
    """A payment method in Panelr's list; `mode` is manual or automated. None for fields not shown."""

    id: int
    name: str
    display_label: str | None
    mode: str | None
    processor: str | None
    adjustment_direction: str | None = None
    adjustment_mode: str | None = None
    adjustment_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CatalogueList(Generic[T]):
    """One of Panelr's lists, read at `seen_at`."""

    items: tuple[T, ...]
    seen_at: datetime
