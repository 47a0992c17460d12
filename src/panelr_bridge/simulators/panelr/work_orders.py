"""A work order, and its JSON forms in the responses of the actions."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr.catalogue import CURRENCY

CREATE_STATUSES = (
    "pending",
    "pending_payment",
    "payment_submitted",
    "completed",
    "canceled",
    "payment_failed",
)
# get_work_order can also return these statuses; create_work_order does not accept them.
LATER_STATUSES = ("awaiting_webhook", "processing", "queued")
# The first of these in a mixed cart is the work order's type. The documentation says so of new_activation; the order
# of the other two is the order in the documentation.
INTENTS = ("new_activation", "renewal", "trial_upgrade")


@dataclass
class CartItem:
    """One item of the cart, with the price at creation."""

    product_id: int
    name: str
    plugin_name: str
    intent: str
    qty: int
    price: Decimal
    activation_id: int | None
    wc_order_id: str | None

    def as_json(self, *, with_wc_order_id: bool) -> dict[str, Any]:
        """Return the item in the form of get_work_order and get_work_orders, without the product's id."""
        item: dict[str, Any] = {
            "name": self.name,
            "qty": self.qty,
            "price": self.price,
            "intent": self.intent,
            "plugin_name": self.plugin_name,
        }
        return item | {"wc_order_id": self.wc_order_id} if with_wc_order_id else item


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
class PriceAdjustment:
    """A fee or a discount on the whole work order."""

    direction: str
    label: str
    amount: Decimal

    def as_json(self) -> dict[str, Any]:
        """Return the adjustment as a JSON object."""
        return {"direction": self.direction, "label": self.label, "amount": self.amount}


@dataclass
class WorkOrder:
    """A work order with everything that Panelr stores of it. Tests may read and change it."""

    id: int
    reference_code: str
    confirmation_token: str
    status: str
    source: str
    customer_id: int
    customer_email: str
    customer_name: str
    customer_phone: str
    payment_method_id: int | None
    cart: list[CartItem]
    adjustment: PriceAdjustment | None
    created_at: datetime
    updated_at: datetime
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
    def snap_total(self) -> Decimal:
        """Return the sum of prices times quantities, before the adjustment."""
        return sum((item.price * item.qty for item in self.cart), Decimal("0.00"))

    @property
    def order_total(self) -> Decimal:
        """Return the total with the adjustment. A discount never makes it negative."""
        if self.adjustment is None:
            return self.snap_total
        sign = 1 if self.adjustment.direction == "fee" else -1
        return max(self.snap_total + sign * self.adjustment.amount, Decimal("0.00"))

    @property
    def paid(self) -> Decimal:
        """Return the sum of all payments."""
        return sum((payment.amount for payment in self.payments), Decimal("0.00"))

    @property
    def balance_due(self) -> Decimal:
        """Return the amount still to pay."""
        return max(self.order_total - self.paid, Decimal("0.00"))

    def fault_subject(self) -> dict[str, str]:
        """Return the order and the customer, to match faults."""
        about = {"customer_email": self.customer_email}
        return about if self.wc_order_id is None else about | {"wc_order_id": self.wc_order_id}

    def created_json(self) -> dict[str, Any]:
        """Return the data of create_work_order, including the fields of version 2."""
        return {
            "work_order_id": self.id,
            "reference_code": self.reference_code,
            "confirmation_token": self.confirmation_token,
            "status": self.status,
            "type": self.type,
            "item_count": len(self.cart),
            "order_total": self.order_total,
            "credits_spent": 0,
        }

    def queued_json(self) -> dict[str, Any]:
        """Return the data of complete_order."""
        return {
            "work_order_id": self.id,
            "reference_code": self.reference_code,
            "status": self.status,
            "type": self.type,
            "item_count": len(self.cart),
        }

    def submitted_json(self, *, with_amount: bool) -> dict[str, Any]:
        """Return the data of submit_payment. Assumption: `amount_paid` is the sum of all payments."""
        answer = {
            "work_order_id": self.id,
            "reference_code": self.reference_code,
            "status": self.status,
            "fully_paid": not self.balance_due,
        }
        return answer | {"amount_paid": self.paid, "balance_due": self.balance_due} if with_amount else answer

    def detail_json(self, *, payment_method: str | None, with_wc_order_id: bool) -> dict[str, Any]:
        """Return the data of get_work_order."""
        return {
            "reference_code": self.reference_code,
            "status": self.status,
            "type": self.type,
            "source": self.source,
            "customer_email": self.customer_email,
            "customer_name": self.customer_name,
            "currency": CURRENCY,
            "cart": [item.as_json(with_wc_order_id=with_wc_order_id) for item in self.cart],
            "snap_total": self.snap_total,
            "order_total": self.order_total,
            "prev_paid": self.paid,
            "balance_due": self.balance_due,
            "has_partials": bool(self.paid and self.balance_due),
            "payment_history": [{"amount": each.amount, "at": format_time(each.at)} for each in self.payments],
            "adjustment": self.adjustment.as_json() if self.adjustment else None,
            "payment_method": payment_method,
            "created_at": format_time(self.created_at),
            "updated_at": format_time(self.updated_at),
        }

    def list_json(self, *, with_wc_order_id: bool) -> dict[str, Any]:
        """Return one entry of get_work_orders."""
        return {
            "reference_code": self.reference_code,
            "status": self.status,
            "currency": CURRENCY,
            "created_at": format_time(self.created_at),
            "items": [item.as_json(with_wc_order_id=with_wc_order_id) for item in self.cart],
            "order_total": self.order_total,
            "balance_due": self.balance_due,
            "activation_ids": [item.activation_id for item in self.cart if item.activation_id is not None],
            "adjustment": self.adjustment.as_json() if self.adjustment else None,
            "coupon": None,
        }

    def full_json(self) -> dict[str, Any]:
        """Return the complete work order for the controls. A real Panelr never sends this."""
        cart = [
            item.as_json(with_wc_order_id=True) | {"product_id": item.product_id, "activation_id": item.activation_id}
            for item in self.cart
        ]
        return (
            self.detail_json(payment_method=None, with_wc_order_id=True)
            | self.created_json()
            | {
                "cart": cart,
                "wc_order_id": self.wc_order_id,
                "customer_id": self.customer_id,
                "customer_phone": self.customer_phone,
                "payment_method": self.payment_method_id,
                "payments": [
                    {"amount": each.amount, "at": format_time(each.at), "transaction_id": each.transaction_id}
                    for each in self.payments
                ],
                "instructions": [
                    {"at": format_time(each.at), "confirm_url": each.confirm_url} for each in self.instructions
                ],
                "notes": self.notes,
                "extras": self.extras,
            }
        )


def format_time(moment: datetime) -> str:
    """Return a time in Panelr's format: UTC, whole seconds, no offset."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
