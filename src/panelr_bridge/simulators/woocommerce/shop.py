"""A WooCommerce shop in memory: what happens to its orders, and which webhooks that fires. No HTTP.

Each method that changes an order is one request of the real shop: it saves once and fires what
reference/woocommerce-webhooks.md, section 6, saw it fire.
"""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from panelr_bridge.simulators.faults import FaultQueue
from panelr_bridge.simulators.woocommerce.catalogue import seed_products
from panelr_bridge.simulators.woocommerce.faults import FAULT_CATALOGUE, REQUESTS_KEPT, RecordedRequest, ShopSwitches
from panelr_bridge.simulators.woocommerce.models import Order, Refund
from panelr_bridge.simulators.woocommerce.payload import HOME_URL
from panelr_bridge.simulators.woocommerce.shop_data import LineItemsLockedError, OrderChanges, ShopData, ShopError
from panelr_bridge.simulators.woocommerce.webhooks import WebhookDispatcher

# WC_Webhook::is_valid_resource
SILENT = frozenset({"auto-draft", "draft", "new"})
SAVED = frozenset({"order.created", "order.updated"})


Write = Callable[[Order], None]


def write_nothing(_: Order) -> None:
    """Write nothing."""


def utc_now() -> datetime:
    """Tell the real time."""
    return datetime.now(UTC)


class SimulatedShop(ShopData):
    """One shop. `clock` gives aware UTC times; the other arguments are as in `create_app`.

    `faults` wait for requests to its REST API, `requests` is the journal of those, `switches` say how it is set up.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        home_url: str = HOME_URL,
        delivery_delay_seconds: float = 0.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        super().__init__(clock)
        self.home_url = home_url
        self.switches = ShopSwitches()
        self.faults = FaultQueue(FAULT_CATALOGUE)
        self.requests: deque[RecordedRequest] = deque(maxlen=REQUESTS_KEPT)
        self._pending_saves: set[int] = set()
        self.webhooks = WebhookDispatcher(
            find_order=self.orders.get,
            home_url=home_url,
            clock=clock,
            on_delivered=self._save_for_plugin,
            delivery_delay_seconds=delivery_delay_seconds,
            timeout_seconds=timeout_seconds,
        )

    def reset(self, *, keep_webhooks: bool = False) -> None:
        """Start again with the seed catalogue and no orders. The counters go on: no id is ever used twice."""
        self.products = seed_products()
        self.orders.clear()
        self.faults.clear()
        self.requests.clear()
        self._pending_saves.clear()
        self.webhooks.clear(keep_webhooks=keep_webhooks)

    def create(
        self, changes: OrderChanges, *, created_via: str = "rest-api", write_first: Write = write_nothing
    ) -> Order:
        """Make an order as the REST API does: order.created, then order.updated; `first` writes before `changes`."""
        order = self.new_order(created_via)
        write_first(order)
        self.apply(order, changes)
        if changes.set_paid:
            self.payment_complete(order)
        self.save(order, "order.created", "order.updated")
        return order

    def update(self, order_id: int, changes: OrderChanges, *, write_first: Write = write_nothing) -> Order:
        """Change an order; `first` writes before `changes`. Raises UnknownError, LineItemsLockedError."""
        order = self.order(order_id)
        if changes.lines is not None and order.stock_reduced:
            raise LineItemsLockedError("Line items cannot be modified on an order that has already reduced stock.")
        write_first(order)
        self.apply(order, changes)
        if changes.set_paid and order.needs_payment:
            self.payment_complete(order)
        self.save(order, "order.updated")
        return order

    def touch(self, order_id: int) -> Order:
        """Save an order with nothing changed, as the button "Update" does. Raises UnknownError."""
        return self.update(order_id, OrderChanges())

    def pay(self, order_id: int, transaction_id: str = "") -> Order:
        """Let a gateway report the payment. Raises UnknownError."""
        order = self.order(order_id)
        self.payment_complete(order, transaction_id)
        self.save(order, "order.updated")
        return order

    def refund(self, order_id: int, amount: Decimal | None = None, reason: str = "") -> Order:
        """Give money back, all that is left by default; the whole makes the order refunded.

        Raises UnknownError, StoreError when the amount is not above 0 or more than is left.
        """
        order = self.order(order_id)
        amount = order.refundable if amount is None else amount
        if not 0 < amount <= order.refundable:
            raise ShopError(f"the amount must be above 0 and at most {order.refundable}")
        order.refunds.insert(0, Refund(self.next_id("post"), reason, amount))
        if order.refundable == 0:
            self.set_status(order, "refunded")
        self.save(order, "order.updated")
        return order

    def trash(self, order_id: int) -> Order:
        """Put an order into the trash: order.deleted alone. Raises UnknownError."""
        order = self.order(order_id)
        if order.status != "trash":
            order.status_before_trash, order.status = order.status, "trash"
            self.save(order, "order.deleted")
        return order

    def restore(self, order_id: int) -> Order:
        """Take an order out of the trash: order.restored alone. Raises UnknownError, or StoreError if not in there."""
        order = self.order(order_id)
        if order.status != "trash":
            raise ShopError(f"order {order_id} is not in the trash")
        order.status = order.status_before_trash
        self.save(order, "order.restored")
        return order

    def delete(self, order_id: int) -> None:
        """Delete an order for good. No webhook tells of it. Raises UnknownError."""
        del self.orders[self.order(order_id).id]

    def save(self, order: Order, *topics: str) -> None:
        """Move date_modified, which every save does, and fire `topics` in this order."""
        order.modified = self.now()
        if order.status not in SILENT:
            for topic in topics:
                self.webhooks.enqueue(topic, order.id)
            if self.switches.resave and SAVED.intersection(topics):
                self._pending_saves.add(order.id)

    def _save_for_plugin(self, order_id: int) -> None:
        """Save an order once more for a plugin that does so after every update, when its deliveries are out.

        Before that, the extra order.updated would fall together with the one that still waits.
        """
        if order_id not in self._pending_saves or any(order_id == waiting for _, waiting in self.webhooks.pending):
            return
        self._pending_saves.discard(order_id)
        if order_id in self.orders:
            self.orders[order_id].modified = self.now()
            self.webhooks.enqueue("order.updated", order_id)
