"""State of the simulated Panelr and its journal of requests. No HTTP here; everything is in memory.

Only the event loop uses it, and no method awaits, so it needs no locks.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr import catalogue
from panelr_bridge.simulators.panelr.access_control import ApiKeyGuard, RateLimiter, busiest_window
from panelr_bridge.simulators.panelr.customer_lines import CustomerLine
from panelr_bridge.simulators.panelr.faults import BODIES, KINDS, SUBJECTS, FaultCatalogue, FaultQueue
from panelr_bridge.simulators.panelr.payment_input import NewPayment
from panelr_bridge.simulators.panelr.settings import PanelSettings
from panelr_bridge.simulators.panelr.work_order_input import NewItem, NewWorkOrder
from panelr_bridge.simulators.panelr.work_orders import CartItem, PaymentInstructions, RecordedPayment, WorkOrder

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

    def create(self, new: NewWorkOrder) -> WorkOrder:
        """Store a new work order. There is no idempotency: the same request twice creates two work orders."""
        self._last_id += 1
        now = datetime.now(UTC)
        work_order = WorkOrder(
            id=self._last_id,
            reference_code=f"WO-{now.year}-{self._last_id:05d}",
            confirmation_token=secrets.token_hex(32),
            status=new.status,
            source=new.texts.get("source", "woocommerce"),
            customer_id=self._customer(new.customer_email),
            customer_email=new.customer_email,
            customer_name=new.texts.get("customer_name", ""),
            customer_phone=new.texts.get("customer_phone", ""),
            payment_method_id=new.payment_method_id,
            cart=[_build_cart_item(item, new.texts.get("wc_order_id")) for item in new.items],
            adjustment=new.adjustment,
            created_at=now,
            updated_at=now,
            payments=_build_payments(new.payment_amount, now, new.transaction_id),
            extras=dict(new.extras),
        )
        self.work_orders[work_order.id] = work_order
        self._tokens[work_order.confirmation_token] = work_order.id
        return work_order

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
        work_order.payments += _build_payments(payment.amount, now, payment.transaction_id)
        work_order.payment_method_id = payment.payment_method_id or work_order.payment_method_id
        if payment.note is not None:
            work_order.notes.append(payment.note)
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


def _build_cart_item(item: NewItem, wc_order_id: str | None) -> CartItem:
    return CartItem(
        product_id=item.product.id,
        name=item.product.name,
        plugin_name=catalogue.PLUGINS[item.product.plugin_id],
        intent=item.intent,
        qty=item.qty,
        price=item.product.price_decimal,
        activation_id=item.activation_id,
        wc_order_id=wc_order_id,
    )


def _build_payments(amount: Decimal | None, at: datetime, transaction_id: str | None) -> list[RecordedPayment]:
    return [RecordedPayment(amount, at, transaction_id)] if amount else []
