"""A work order."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.money import NOTHING
from panelr_bridge.simulators.panelr.pricing import OrderCharges, PriceAdjustment

CREATE_STATUSES = (
    "pending",
    "pending_payment",
    "payment_submitted",
    "completed",
    "canceled",
    "payment_failed",
)
# get_work_order can also return these statuses; create_work_order does not accept them. "cancelled" is an older
# spelling that an admin may set.
LATER_STATUSES = ("awaiting_webhook", "processing", "queued", "cancelled")
# The first of these in a mixed cart is the work order's type. The documentation says so of new_activation; the order
# of the other two is the order in the documentation.
INTENTS = ("new_activation", "renewal", "trial_upgrade")


@dataclass
class RecordedPayment:
    """A payment."""

    amount: Decimal
    at: datetime
    transaction_id: str | None = None


@dataclass
class PaymentInstructions:
    """An e-mail with payment instructions, and the URL to return to."""

    at: datetime
    confirm_url: str


@dataclass
class WorkOrder:
    """A work order with everything that Panelr stores of it. Tests may read and change it.

    `store_discount` is the sum of the shop's own coupons: it lowers what is left to pay, not the total.
    """

    id: int
    reference_code: str
    confirmation_token: str
    status: str
    source: str
    customer_id: int
    customer_email: str
    customer_name: str
    customer_phone: str
    currency: str
    payment_method_id: int | None
    cart: list[CartItem]
    charges: OrderCharges
    created_at: datetime
    updated_at: datetime
    referral_code: str | None = None
    store_discount: Decimal = NOTHING
    disputed: bool = False
    payments: list[RecordedPayment] = field(default_factory=list)
    instructions: list[PaymentInstructions] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Return the type of the work order, derived from the intents of its items."""
        return min((item.intent for item in self.cart), key=INTENTS.index)

    @property
    def wc_order_id(self) -> str | None:
        """Return the shop's order id; Panelr stores it on each cart item."""
        return self.cart[0].wc_order_id

    @property
    def adjustment(self) -> PriceAdjustment | None:
        """Return the caller's adjustment."""
        return self.charges.adjustment

    @property
    def snap_total(self) -> Decimal:
        """Return the sum of prices times quantities, before discounts and adjustments."""
        return self.charges.snap_total

    @property
    def order_total(self) -> Decimal:
        """Return what the work order costs."""
        return self.charges.order_total

    @property
    def credits_spent(self) -> int:
        """Return the sum of the points that paid for items."""
        return sum(item.points_paid for item in self.cart)

    @property
    def paid(self) -> Decimal:
        """Return the sum of all payments."""
        return sum((payment.amount for payment in self.payments), NOTHING)

    @property
    def balance_due(self) -> Decimal:
        """Return the amount still to pay."""
        return max(self.order_total - self.store_discount - self.paid, NOTHING)

    def fault_subject(self) -> dict[str, str]:
        """Return the order and the customer, to match faults."""
        about = {"customer_email": self.customer_email}
        return about if self.wc_order_id is None else about | {"wc_order_id": self.wc_order_id}
