"""A WooCommerce shop in memory: changes of orders, and the webhooks they fire. No HTTP.

Each method that changes an order is one request of a real shop: it saves once and fires the webhooks of
deliveries recorded from WooCommerce 10.5.0.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from panelr_bridge.simulators.faults import FaultQueue
from panelr_bridge.simulators.woocommerce.catalogue import seed_products
from panelr_bridge.simulators.woocommerce.faults import FAULT_CATALOGUE, REQUESTS_KEPT, RecordedRequest, ShopSwitches
from panelr_bridge.simulators.woocommerce.models import Order, Refund, sum_amounts
from panelr_bridge.simulators.woocommerce.payload import HOME_URL
from panelr_bridge.simulators.woocommerce.shop_data import (
    LineItemsLockedError,
    NewRefundedPart,
    OrderChanges,
    ShopData,
    ShopError,
)
from panelr_bridge.simulators.woocommerce.webhooks import WebhookDispatcher

# WC_Webhook::is_valid_resource
SILENT = frozenset({"auto-draft", "draft", "new"})
SAVED = frozenset({"order.created", "order.updated"})


Write = Callable[[Order], None]


def write_nothing(_: Order) -> None:
    """Write nothing."""


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class SimulatedShop(ShopData):
    """One shop. `clock` returns aware UTC times; `create_app` describes the other arguments.

    `faults` are the pending faults of its REST API, `requests` is the journal of REST requests, `switches` is its
    setup.
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
            find_subscription=self.subscriptions.get,
            home_url=home_url,
            clock=clock,
            on_delivered=self._save_for_plugin,
            delivery_delay_seconds=delivery_delay_seconds,
            timeout_seconds=timeout_seconds,
        )

    def reset(self, *, keep_webhooks: bool = False) -> None:
        """Reset to the seed catalogue without orders. The counters continue, so no id is used twice."""
        self.products = seed_products()
        self.orders.clear()
        self.subscriptions.clear()
        self.broken_orders.clear()
        self.faults.clear()
        self.requests.clear()
        self._pending_saves.clear()
        self.webhooks.clear(keep_webhooks=keep_webhooks)

    def rebuild(self) -> None:
        """Lose all orders and number them from the beginning, as a shop that is set up again; order keys are new."""
        self.reset(keep_webhooks=True)
        self.reset_counters()

    def move(self, home_url: str) -> None:
        """Give the shop another address, as of a staging copy; its deliveries say so."""
        self.home_url = home_url
        self.webhooks.home_url = home_url

    def make_older(self, order_id: int, days: int) -> Order:
        """Move an order's times into the past, without a save. Raises NotFoundError."""
        order, by = self.order(order_id), timedelta(days=days)
        order.created, order.modified = order.created - by, order.modified - by
        order.paid = order.paid and order.paid - by
        order.completed = order.completed and order.completed - by
        return order

    def create(
        self, changes: OrderChanges, *, created_via: str = "rest-api", write_first: Write = write_nothing
    ) -> Order:
        """Create an order as the REST API does: order.created, order.updated. `write_first` runs before `changes`."""
        order = self.new_order(created_via)
        write_first(order)
        self.apply(order, changes)
        if changes.set_paid:
            self.payment_complete(order)
        self.save(order, "order.created", "order.updated")
        return order

    def update(self, order_id: int, changes: OrderChanges, *, write_first: Write = write_nothing) -> Order:
        """Change an order; `write_first` runs before `changes`. Raises NotFoundError, LineItemsLockedError."""
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
        """Save an order without changes, as the button "Update" does. Raises NotFoundError."""
        return self.update(order_id, OrderChanges())

    def pay(self, order_id: int, transaction_id: str = "") -> Order:
        """Record the payment that a gateway reports. Raises NotFoundError."""
        order = self.order(order_id)
        self.payment_complete(order, transaction_id)
        self.save(order, "order.updated")
        return order

    def refund(
        self,
        order_id: int,
        amount: Decimal | None = None,
        reason: str = "",
        *,
        parts: Sequence[NewRefundedPart] = (),
        unsigned: bool = False,
    ) -> Order:
        """Refund `amount`, by default that of `parts`, or the rest; a full refund sets the status refunded.

        Raises NotFoundError, and ShopError if the amount is not above 0 or is more than the rest.
        """
        order = self.order(order_id)
        made = [self.make_refunded_part(order, part) for part in parts]
        if amount is None:
            amount = sum_amounts(part.total + part.tax for part in made) if made else order.refundable
        if not 0 < amount <= order.refundable:
            raise ShopError(f"the amount must be above 0 and at most {order.refundable}")
        order.refunds.insert(0, Refund(self.next_id("post"), reason, amount, made, unsigned))
        if order.refundable == 0:
            self.set_status(order, "refunded")
        self.save(order, "order.updated")
        return order

    def trash(self, order_id: int) -> Order:
        """Move an order to the trash: only order.deleted. Raises NotFoundError."""
        order = self.order(order_id)
        if order.status != "trash":
            order.status_before_trash, order.status = order.status, "trash"
            self.save(order, "order.deleted")
        return order

    def restore(self, order_id: int) -> Order:
        """Restore a trashed order: only order.restored. Raises NotFoundError, or ShopError if it is not trashed."""
        order = self.order(order_id)
        if order.status != "trash":
            raise ShopError(f"order {order_id} is not in the trash")
        order.status = order.status_before_trash
        self.save(order, "order.restored")
        return order

    def delete(self, order_id: int) -> None:
        """Delete an order permanently, without a webhook. Raises NotFoundError."""
        del self.orders[self.order(order_id).id]

    def save(self, order: Order, *topics: str) -> None:
        """Set date_modified, as every save does, and fire `topics` in this order."""
        order.modified = self.now()
        if order.status not in SILENT:
            for topic in topics:
                self.webhooks.enqueue(topic, order.id)
            if self.switches.resave and SAVED.intersection(topics):
                self._pending_saves.add(order.id)

    def _save_for_plugin(self, order_id: int) -> None:
        """Save an order again for a plugin, after the webhooks of the previous save were delivered.

        Earlier, the queue would merge the extra order.updated with the pending one.
        """
        if order_id not in self._pending_saves or any(order_id == queued_id for _, queued_id in self.webhooks.pending):
            return
        self._pending_saves.discard(order_id)
        if order_id in self.orders:
            self.orders[order_id].modified = self.now()
            self.webhooks.enqueue("order.updated", order_id)
