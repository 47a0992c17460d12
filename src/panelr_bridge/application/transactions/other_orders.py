"""Deliveries of another shop than that of the stored order with the same id: they change nothing but its attention."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.acknowledgements import settled_columns
from panelr_bridge.application.transactions.evaluate_order import latest_snapshot
from panelr_bridge.domain.models import KnownStore, OrderPolicy, OrderState, Reason
from panelr_bridge.domain.order_identity import (
    ANOTHER_ORDER,
    OTHER_SOURCE,
    another_order_reason,
    describe_sources,
    is_other_key,
    is_other_source,
    other_source_attention,
)
from panelr_bridge.domain.snapshot_time import OLDER_SNAPSHOT
from panelr_bridge.store import deliveries, orders
from panelr_bridge.store.deliveries import StoredDelivery
from panelr_bridge.store.rows import Json, OrderRow, with_columns
from panelr_bridge.store.tables import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent a delivery: the host of the shop, the order's key and status in it, and what the store's shop is."""

    source: str
    order_key: str
    status: str
    store: KnownStore
    policy: OrderPolicy

    @property
    def is_other(self) -> bool:
        """Whether another shop than the store's sent it."""
        return is_other_source(self.source, self.store, self.policy)


def takes_over(row: OrderRow, sender: Sender) -> bool:
    """Return whether the store's own order takes the place of another shop's, which was never sent to Panelr."""
    may_be_sent = row["first_sent_at"] is not None or row["state"] in {OrderState.CREATED, OrderState.UNCONFIRMED}
    return not may_be_sent and not sender.is_other and is_other_source(row["woo_source"], sender.store, sender.policy)


def emptied(row: OrderRow) -> tuple[OrderRow, Columns]:
    """Return another shop's order as a new one, and the columns that make it one."""
    names = (
        "attention",
        "acknowledged",
        "overridden",
        "customer_lines",
        "shop_refunds",
        "woo_modified_at",
        "snapshot_sha256",
    )
    columns: Columns = dict.fromkeys(names)
    columns |= {"woo_order_key": ""}
    if row["state"] == OrderState.CLOSED:
        columns |= {"state": OrderState.HELD}
    return with_columns(row, columns), columns


def find_other_order(
    connection: Connection, row: OrderRow, sender: Sender, *, delivery_id: int, is_deletion: bool = False
) -> Reason | None:
    """Return the reason that the delivery is about another order than `row`'s; None if it is about this one.

    A deletion shows no key: while two orders have the id, it may mean either.
    """
    source = sender.source if sender.source != row["woo_source"] else ""
    another = another_order_reason(delivery_id=delivery_id, number=row["woo_order_number"], source=source)
    if is_deletion and _has(row, ANOTHER_ORDER):
        return another
    if sender.order_key and is_other_key(_read_key(connection, row), sender.order_key):
        return another
    if not sender.is_other or sender.source == row["woo_source"]:
        return None
    return _other_source(sender, delivery_id)


def _other_source(sender: Sender, delivery_id: int) -> Reason:
    own = describe_sources(sender.store, sender.policy)
    return other_source_attention(delivery_id=delivery_id, status=sender.status, source=sender.source, own=own)


def set_aside(
    connection: Connection, row: OrderRow, sender: Sender, stored: StoredDelivery, reason: Reason, *, now: datetime
) -> str:
    """Store that the delivery is about another order; return the verdict on it.

    The order gets attention, unless another shop only repeats the status that it has.
    """
    is_another = reason.code == ANOTHER_ORDER
    verdict = deliveries.ANOTHER_ORDER if is_another else deliveries.OTHER_SOURCE
    deliveries.set_verdict(connection, stored.id, verdict=verdict, words=reason.words)
    if is_another or sender.status != row["woo_status"]:
        add_attention_once(connection, row, reason, now=now)
    return verdict


def set_aside_unknown(connection: Connection, sender: Sender, stored: StoredDelivery) -> tuple[str, str]:
    """Store that another shop deleted an order that is not stored; return the verdict on the delivery and its words."""
    words = _other_source(sender, stored.id).words
    deliveries.set_verdict(connection, stored.id, verdict=deliveries.OTHER_SOURCE, words=words)
    return deliveries.OTHER_SOURCE, words


def settled_by_news(row: OrderRow) -> Columns:
    """Return the columns of an order whose shop sent its state again: what others said of it is settled."""
    codes = {OTHER_SOURCE, OLDER_SNAPSHOT}
    return settled_columns(row, codes) if any(reason["code"] in codes for reason in row["attention"] or []) else {}


def add_attention_once(connection: Connection, row: OrderRow, reason: Reason, *, now: datetime) -> None:
    """Add attention to an order, unless it has some with this code, or a person acknowledged that of another order."""
    if not _has(row, reason.code, acknowledged=reason.code == ANOTHER_ORDER):
        attention: list[Json] = [*(row["attention"] or []), reason.as_json()]
        orders.change(connection, row["id"], {"attention": attention}, now=now)


def _has(row: OrderRow, code: str, *, acknowledged: bool = True) -> bool:
    reasons = [*(row["attention"] or []), *((row["acknowledged"] or []) if acknowledged else [])]
    return any(reason["code"] == code for reason in reasons)


def _read_key(connection: Connection, row: OrderRow) -> str:
    """Return the key of a stored order; a row of an older version has it in its latest snapshot only."""
    if row["woo_order_key"]:
        return row["woo_order_key"]
    newest = latest_snapshot(connection, row)
    return newest.order_key if newest is not None else ""
