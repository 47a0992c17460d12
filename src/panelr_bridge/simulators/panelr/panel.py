"""The state of the simulated Panelr and what it remembers of its callers. No HTTP here, everything in memory.

Only the event loop touches it, and no method awaits: no locks are needed.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from panelr_bridge.simulators.panelr import catalogue
from panelr_bridge.simulators.panelr.faults import BODIES, KINDS, SUBJECTS, Faults, Repertoire
from panelr_bridge.simulators.panelr.gates import KeyGate, RateGate, busiest_window
from panelr_bridge.simulators.panelr.settings import Settings
from panelr_bridge.simulators.panelr.validation import NewItem, NewWorkOrder
from panelr_bridge.simulators.panelr.work_orders import CartItem, Payment, WorkOrder

JOURNAL_LENGTH = 1000


@dataclass
class Entry:
    """One request in the journal. `status` stays None while it is being worked on, and when no status was sent."""

    time: datetime
    address: str
    method: str
    action: str
    query: dict[str, str]
    body: bytes
    status: int | None = None
    fault: str | None = None


class Panel:
    """A Panelr installation: work orders, products, callers, faults. Tests read and change it as they like."""

    def __init__(
        self, settings: Settings, *, actions: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with no work orders. `actions` are the names that a fault may strike; `clock` serves the limits."""
        self.settings = settings
        self.clock = clock
        self.faults = Faults(Repertoire(actions, KINDS, SUBJECTS, BODIES))
        self.reset()

    def reset(self) -> None:
        """Start anew: everything but the settings is forgotten, and numbers begin at 1 again."""
        self.work_orders: dict[int, WorkOrder] = {}
        self.customers: dict[str, int] = {}
        self.products = catalogue.products()
        self.payment_methods = catalogue.payment_methods()
        self.arrivals: list[float] = []
        self.journal: deque[Entry] = deque(maxlen=JOURNAL_LENGTH)
        self.keys = KeyGate()
        self.rates = RateGate()
        self.faults.clear()
        self._last_id = 0

    def busiest_window(self, seconds: float = 60.0) -> int:
        """The largest number of requests, of any kind and outcome, that arrived within `seconds`."""
        return busiest_window(self.arrivals, seconds)

    def create(self, new: NewWorkOrder) -> WorkOrder:
        """Keep a new work order. There is no idempotency: the same request twice makes two."""
        self._last_id += 1
        now = datetime.now(UTC)
        work_order = WorkOrder(
            id=self._last_id,
            reference_code=f"WO-{now.year}-{self._last_id:05d}",
            confirmation_token=secrets.token_hex(32),
            status=new.status,
            source=new.texts.get("source", "woocommerce"),
            customer_id=self._customer_id(new.customer_email),
            customer_email=new.customer_email,
            customer_name=new.texts.get("customer_name", ""),
            customer_phone=new.texts.get("customer_phone", ""),
            payment_method_id=new.payment_method_id,
            cart=[_cart_item(item, new.texts.get("wc_order_id")) for item in new.items],
            adjustment=new.adjustment,
            created_at=now,
            updated_at=now,
            payments=_payments(new.payment_amount, now),
        )
        self.work_orders[work_order.id] = work_order
        return work_order

    def by_reference(self, reference: str) -> WorkOrder | None:
        """The work order with this reference code."""
        # The number in the code is the id: looking thousands of work orders through would slow a benchmark down.
        number = reference.rpartition("-")[2]
        found = self.work_orders.get(int(number)) if number.isdecimal() and len(number) < 20 else None
        return found if found is not None and found.reference_code == reference else None

    def of_customer(self, *, email: str | None = None, customer_id: int | None = None) -> list[WorkOrder]:
        """A customer's work orders, newest first; letter case in the e-mail address does not matter."""
        wanted = self.customers.get(email.casefold()) if email is not None else customer_id
        return [each for each in reversed(self.work_orders.values()) if each.customer_id == wanted]

    def of_wc_order(self, wc_order_id: str) -> list[WorkOrder]:
        """The work orders that were made for one order of the shop, oldest first: more than one is a duplicate."""
        return [each for each in self.work_orders.values() if each.wc_order_id == wc_order_id]

    def set_status(self, work_order_id: int, status: str) -> WorkOrder:
        """An admin's decision. Raises KeyError when there is no such work order."""
        work_order = self.work_orders[work_order_id]
        work_order.status = status
        work_order.updated_at = datetime.now(UTC)
        return work_order

    def _customer_id(self, email: str) -> int:
        return self.customers.setdefault(email.casefold(), len(self.customers) + 1)


def _cart_item(item: NewItem, wc_order_id: str | None) -> CartItem:
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


def _payments(amount: Decimal | None, at: datetime) -> list[Payment]:
    return [Payment(amount, at)] if amount else []
