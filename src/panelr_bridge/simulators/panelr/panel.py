"""State of the simulated Panelr and its journal of requests. No HTTP here; everything is in memory.

Only the event loop uses it, and no method awaits, so it needs no locks.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr import catalogue
from panelr_bridge.simulators.panelr.access_control import ApiKeyGuard, RateLimiter, busiest_window
from panelr_bridge.simulators.panelr.bundles_and_coupons import BundleRule, Coupon, apply_coupon, find_bundles
from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.customer_lines import CustomerLine
from panelr_bridge.simulators.panelr.faults import BODIES, KINDS, SUBJECTS, FaultCatalogue, FaultQueue
from panelr_bridge.simulators.panelr.money import NOTHING
from panelr_bridge.simulators.panelr.payment_input import NewPayment
from panelr_bridge.simulators.panelr.pricing import OrderCharges, PriceAdjustment, adjust_for_method, sum_items
from panelr_bridge.simulators.panelr.settings import PanelSettings
from panelr_bridge.simulators.panelr.work_order_input import NewItem, NewWorkOrder
from panelr_bridge.simulators.panelr.work_orders import PaymentInstructions, RecordedPayment, WorkOrder

JOURNAL_LENGTH = 1000


@dataclass
class JournalEntry:
    """One request in the journal. `status` is None until a status has been sent."""

    time: datetime
    address: str
    method: str
    action: str
    query: dict[str, str]
    body: bytes
    status: int | None = None
    fault: str | None = None


class Panel:
    """A Panelr installation: work orders, products, callers, faults. Tests may read and change all of it."""

    def __init__(
        self, settings: PanelSettings, *, actions: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create an empty panel. `actions` are the names for faults; `clock` is the time for the limits."""
        self.settings = settings
        self.clock = clock
        self.faults = FaultQueue(FaultCatalogue(actions, KINDS, SUBJECTS, BODIES))
        self.reset()

    def reset(self) -> None:
        """Reset everything except the settings. Ids begin at 1 again."""
        self.work_orders: dict[int, WorkOrder] = {}
        self.customers: dict[str, int] = {}
        self.lines: dict[int, CustomerLine] = {}
        self.products = catalogue.seed_products()
        self.payment_methods = catalogue.seed_payment_methods()
        self.bundle_rules: list[BundleRule] = []
        self.coupons: dict[str, Coupon] = {}
        self.arrivals: list[float] = []
        self.journal: deque[JournalEntry] = deque(maxlen=JOURNAL_LENGTH)
        self.key_guard = ApiKeyGuard()
        self.rate_limiter = RateLimiter()
        self.faults.clear()
        self._last_id = 0
        self._tokens: dict[str, int] = {}

    def busiest_window(self, seconds: float = 60.0) -> int:
        """Return the largest number of requests, with any outcome, that arrived within `seconds`."""
        return busiest_window(self.arrivals, seconds)

    @property
    def rules(self) -> PanelSettings:
        """Return the settings as the panel's generation applies them."""
        return self.settings.effective

    def create(self, new: NewWorkOrder) -> WorkOrder:
        """Store a new work order. There is no idempotency: the same request twice creates two work orders."""
        return self.add(self.draft(new))

    def draft(self, new: NewWorkOrder) -> WorkOrder:
        """Return a new work order with its price, without storing it."""
        now, number, texts = datetime.now(UTC), self._last_id + 1, new.texts
        cart = self.build_cart(new.items, wc_order_id=texts.get("wc_order_id"))
        charges = self.price_cart(
            cart,
            customer_email=new.customer_email,
            coupon_code=texts.get("coupon_code"),
            payment_method_id=new.payment_method_id,
            adjustment=new.adjustment,
        )
        return WorkOrder(
            id=number,
            reference_code=f"WO-{now.year}-{number:05d}",
            confirmation_token=secrets.token_hex(32),
            status=new.status,
            source=texts.get("source", "woocommerce"),
            customer_id=self.find_customer_id(new.customer_email) or 0,
            customer_email=new.customer_email,
            customer_name=texts.get("customer_name", ""),
            customer_phone=texts.get("customer_phone", ""),
            currency=self.settings.currency,
            payment_method_id=new.payment_method_id,
            cart=cart,
            charges=charges,
            created_at=now,
            updated_at=now,
            referral_code=texts.get("referral_code") if self.rules.honours_codes else None,
            store_discount=self._honoured_discount(new.store_discount),
            payments=_build_payments(new.payment_amount, now, new.transaction_id),
            extras={**new.extras, **_note_coupon(charges)},
        )

    def add(self, work_order: WorkOrder) -> WorkOrder:
        """Store a draft, and its customer."""
        self._last_id = work_order.id
        work_order.customer_id = self._customer(work_order.customer_email)
        self.work_orders[work_order.id] = work_order
        self._tokens[work_order.confirmation_token] = work_order.id
        return work_order

    def build_cart(self, items: Iterable[NewItem], *, wc_order_id: str | None = None) -> list[CartItem]:
        """Return the items of a cart with their prices."""
        return [self._build_cart_item(item, wc_order_id) for item in items]

    def price_cart(
        self,
        cart: Sequence[CartItem],
        *,
        customer_email: str,
        coupon_code: str | None,
        payment_method_id: int | None,
        adjustment: PriceAdjustment | None = None,
    ) -> OrderCharges:
        """Return the charges of a cart, as far as the panel's generation knows them."""
        bundle_rules = self.bundle_rules if self.rules.adds_bundle_discounts else ()
        charges = OrderCharges(sum_items(cart), bundles=find_bundles(bundle_rules, cart), adjustment=adjustment)
        charges = self._with_coupon(charges, coupon_code, customer_email)
        return self._with_method(charges, payment_method_id)

    def price_completion(self, work_order: WorkOrder, payment: NewPayment) -> OrderCharges:
        """Return the charges of a work order with the coupon and the payment method of a completion."""
        charges = self._with_coupon(work_order.charges, payment.coupon_code, work_order.customer_email)
        method_id = payment.payment_method_id or work_order.payment_method_id
        if charges == work_order.charges and method_id == work_order.payment_method_id:
            return charges
        return self._with_method(charges, method_id)

    def add_coupon(self, coupon: Coupon) -> None:
        """Add a coupon code, or replace it."""
        self.coupons[coupon.code.casefold()] = coupon

    def find_by_reference(self, reference: str) -> WorkOrder | None:
        """Return the work order with this reference code, or None."""
        # The number in the code is the id. A search through thousands of work orders would slow the benchmark.
        number = reference.rpartition("-")[2]
        work_order = self.work_orders.get(int(number)) if number.isdecimal() and len(number) < 20 else None
        return work_order if work_order is not None and work_order.reference_code == reference else None

    def find_by_token(self, token: str) -> WorkOrder | None:
        """Return the work order with this confirmation token, or None."""
        return self.work_orders.get(self._tokens.get(token, 0))

    def find_named(self, fields: Mapping[str, object]) -> WorkOrder | None:
        """Return the work order that a request names by any field, without checking its rights."""
        token, number = fields.get("confirmation_token"), fields.get("work_order_id")
        work_order = self.find_by_token(token) if isinstance(token, str) else None
        if work_order is None and isinstance(number, int):
            work_order = self.work_orders.get(number)
        return work_order or self.find_by_reference(str(fields.get("ref", fields.get("reference_code", ""))))

    def find_customer_id(self, email: str) -> int | None:
        """Return the id of the customer with this e-mail address, ignoring letter case; None if there is none."""
        return self.customers.get(email.casefold())

    def list_by_customer(self, customer_id: int | None) -> list[WorkOrder]:
        """Return a customer's work orders, newest first."""
        return [each for each in reversed(self.work_orders.values()) if each.customer_id == customer_id]

    def of_wc_order(self, wc_order_id: str) -> list[WorkOrder]:
        """Return the work orders of one shop order, oldest first. More than one is a duplicate."""
        return [each for each in self.work_orders.values() if each.wc_order_id == wc_order_id]

    def set_status(self, work_order_id: int, status: str) -> WorkOrder:
        """Set the status of a work order, as an admin does. Raises KeyError if it does not exist."""
        work_order = self.work_orders[work_order_id]
        work_order.status = status
        work_order.updated_at = datetime.now(UTC)
        return work_order

    def pay(self, work_order: WorkOrder, payment: NewPayment, *, status: str) -> None:
        """Add a payment and set the status. The same payment twice counts twice."""
        now = datetime.now(UTC)
        work_order.charges = self.price_completion(work_order, payment)
        work_order.payments += _build_payments(payment.amount, now, payment.transaction_id)
        work_order.payment_method_id = payment.payment_method_id or work_order.payment_method_id
        if payment.store_discount is not None:
            work_order.store_discount = self._honoured_discount(payment.store_discount)
        if payment.referral_code is not None and self.rules.honours_codes:
            work_order.referral_code = payment.referral_code
        if payment.is_free is not None:
            work_order.extras["is_free"] = payment.is_free
        if payment.note is not None:
            work_order.notes.append(payment.note)
        work_order.extras |= _note_coupon(work_order.charges)
        work_order.status = status
        work_order.updated_at = now

    def send_instructions(self, work_order: WorkOrder, confirm_url: str) -> None:
        """Record an e-mail with payment instructions."""
        work_order.instructions.append(PaymentInstructions(datetime.now(UTC), confirm_url))

    def add_line(self, customer_email: str, **fields: Any) -> CustomerLine:
        """Add a line for a customer; `id` defaults to the next number. Raises ValueError for an invalid value."""
        line = CustomerLine(customer_email=customer_email, **{"id": max(self.lines, default=0) + 1, **fields})
        if line.id in self.lines:
            raise ValueError(f"There is a line {line.id} already")
        self._customer(customer_email)
        self.lines[line.id] = line
        return line

    def edit_line(self, line_id: int, **changes: Any) -> CustomerLine:
        """Change a line. Raises KeyError if it does not exist, ValueError for an invalid value."""
        line = replace(self.lines[line_id], **changes)
        self._customer(line.customer_email)
        self.lines[line_id] = line
        return line

    def remove_line(self, line_id: int) -> None:
        """Delete a line. Raises KeyError if it does not exist."""
        del self.lines[line_id]

    def _customer(self, email: str) -> int:
        return self.customers.setdefault(email.casefold(), len(self.customers) + 1)

    def _honoured_discount(self, store_discount: Decimal | None) -> Decimal:
        return NOTHING if store_discount is None or not self.rules.honours_store_discount else store_discount

    def _with_coupon(self, charges: OrderCharges, code: str | None, customer_email: str) -> OrderCharges:
        if not code or not self.rules.honours_codes:
            return charges
        base = replace(charges, coupon=None).discounted_total
        return replace(charges, coupon=apply_coupon(code, self.coupons, customer_email=customer_email, base=base))

    def _with_method(self, charges: OrderCharges, method_id: int | None) -> OrderCharges:
        method = self.payment_methods.get(method_id or 0) if self.rules.adds_method_fee else None
        return replace(charges, method_adjustment=adjust_for_method(method, charges.discounted_total))

    def _build_cart_item(self, item: NewItem, wc_order_id: str | None) -> CartItem:
        product, rules = item.product, self.rules
        unit_price = item.unit_price if rules.honours_unit_price else None
        pay_with_points = item.pay_with_points and rules.honours_points
        line = self.lines.get(item.activation_id or 0)
        return CartItem(
            product_id=product.id,
            name=product.name,
            plugin_id=product.plugin_id,
            plugin_name=product.plugin_name,
            intent=item.intent,
            qty=item.qty,
            price=product.price_decimal if unit_price is None else unit_price,
            activation_id=item.activation_id,
            wc_order_id=wc_order_id,
            linked_username=line.usernames[0] if line and line.usernames else None,
            pay_with_points=pay_with_points,
            points_paid=product.referral_cost_points * item.qty if pay_with_points else 0,
        )


def _build_payments(amount: Decimal | None, at: datetime, transaction_id: str | None) -> list[RecordedPayment]:
    return [RecordedPayment(amount, at, transaction_id)] if amount else []


def _note_coupon(charges: OrderCharges) -> dict[str, Any]:
    """Return the note about an invalid coupon, which the total ignores."""
    coupon = charges.coupon
    if coupon is None or coupon.reason is None:
        return {}
    return {"invalid_coupon": {"code": coupon.code, "reason": coupon.reason}}
