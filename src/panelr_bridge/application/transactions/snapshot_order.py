"""Whether a snapshot of a known order brings news: the newest one counts, and a shop's clock may be wrong."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import latest_snapshot
from panelr_bridge.application.transactions.known_orders import is_known
from panelr_bridge.domain.decision import FIXED
from panelr_bridge.domain.models import OrderPolicy, OrderState, Reason
from panelr_bridge.domain.order_age import OLDER
from panelr_bridge.domain.snapshot_time import contradiction, is_ahead, is_older, moves_on
from panelr_bridge.store import deliveries
from panelr_bridge.store.deliveries import Delivery, StoredDelivery
from panelr_bridge.store.rows import OrderRow
from panelr_bridge.woocommerce.order_payload import Order

RESTORED = "order.restored"


@dataclass(frozen=True, slots=True)
class BackfillContext:
    """Marks a snapshot that a backfill run read from the store's API; the run began at `since`.

    The worker makes its call from `due` on, so that orders of new deliveries go first. Orders made from `orders_since`
    on count in this run, however old they are; None if no operator named a date.
    """

    since: datetime
    due: datetime
    orders_since: datetime | None = None

    def includes(self, order: Order) -> bool:
        """Return whether an operator named a date that includes this order."""
        return is_included(order, self.orders_since)


def is_included(order: Order, orders_since: datetime | None) -> bool:
    """Return whether an order was made at the date that an operator named, or later."""
    created = order.date_created_gmt
    return orders_since is not None and created is not None and created >= orders_since


def find_news(
    connection: Connection,
    delivery: Delivery,
    order: Order,
    row: OrderRow,
    stored: StoredDelivery,
    *,
    policy: OrderPolicy,
    now: datetime,
) -> bool | Reason:
    """Return whether this snapshot is the order's newest, or the reason for attention if an older one contradicts it.

    An older one counts as the newest if it brings the order nearer to its work order or its payment.
    """
    known, received = row["woo_modified_at"], order.date_modified_gmt
    # WooCommerce sends one event under two topics, with the same bytes
    if row["snapshot_sha256"] == stored.sha256 and row["woo_status"] == order.status:
        return False
    if received == known and row["woo_status"] == "trash":  # a deletion is newer than any snapshot of its second
        return received is None or delivery.topic == RESTORED
    if is_ahead(received, now=now) and not is_ahead(known, now=now):  # by its time it would be new forever
        return not deliveries.has_same_body(
            connection, stored.id, store=delivery.store, woo_order_id=order.id, sha256=stored.sha256
        )
    if not is_older(received=received, known=known, now=now):
        return True
    if order.status == row["woo_status"] and not order.refunds:
        return False
    newest = latest_snapshot(connection, row)
    is_fixed = row["state"] in FIXED
    if newest is None or moves_on(order, newest, policy, is_created=is_fixed):
        return True
    return contradiction(order, newest, policy, is_created=is_fixed) or False


def is_known_to_backfill(
    connection: Connection,
    order: Order,
    row: OrderRow,
    stored: StoredDelivery,
    backfill: BackfillContext,
    *,
    now: datetime,
) -> bool:
    """Return whether the row holds a newer snapshot than the API's answer, which may be a while old."""
    if is_ignored_for_age(row) and backfill.includes(order):
        return False
    if is_known(row, order, sha256=stored.sha256, now=now):
        return True
    if row["woo_status"] == "trash":  # deleted after the backfill run began?
        return bool(row["updated_at"] >= backfill.since)
    known, received = row["woo_modified_at"], order.date_modified_gmt
    if known is None or received is None or received > known or row["delivery_id"] is None:
        return False
    if not order.order_key and not is_ahead(known, now=now) and _holds_more(connection, row):
        return True
    # two changes within one second: the later delivery wins
    return deliveries.received_at(connection, row["delivery_id"]) >= backfill.since


def is_ignored_for_age(row: OrderRow) -> bool:
    """Return whether the order gets no work order because of its age."""
    return row["state"] == OrderState.IGNORED and any(reason["code"] == OLDER for reason in row["reasons"])


def _holds_more(connection: Connection, row: OrderRow) -> bool:
    """Return whether the row's snapshot has fields that an Orders resource does not show: fees, refunds, meta."""
    stored = latest_snapshot(connection, row)
    return stored is not None and bool(stored.order_key)
