"""Find webhooks that send whole orders under topics that the bridge does not use, such as a plugin's order.completed.

The newest delivery of each topic is read. It matters if the bridge does not know its order in that version.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge import json_codec
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.store import deliveries, orders
from panelr_bridge.store.deliveries import READ_VERDICTS, SENT_BY, DeliveryKind
from panelr_bridge.store.rows import DeliveryRow
from panelr_bridge.woocommerce import order_payload

VERDICT = "other_topic"
SUBSCRIPTIONS = "subscription."
"""The topics of subscriptions: their bodies look like orders."""
MOST_TOPICS = 10
"""How many topics' newest bodies are read."""
MOST_COMPARED = 100
"""How many of the newest deliveries of a kind are searched for one of a webhook."""
WINDOW = timedelta(days=30)
"""A topic without a delivery for longer is no longer of interest."""


@dataclass(frozen=True, slots=True)
class UnusedTopic:
    """A topic whose newest delivery holds a whole order. `webhook` is the id of the webhook that sent it."""

    store: str
    topic: str
    webhook: str | None


def find_unused_topics(connection: Connection, *, now: datetime) -> list[UnusedTopic]:
    """Return the topics whose newest delivery holds an order that the bridge does not know in this version."""
    kinds = deliveries.list_kinds(connection)
    candidates = [kind for kind in kinds if kind.verdict == VERDICT and not kind.topic.startswith(SUBSCRIPTIONS)]
    found = []
    for kind in candidates[:MOST_TOPICS]:
        row = deliveries.newest(connection, kind)
        if row is None or now - row["last_received_at"] > WINDOW:
            continue
        if _is_unknown_order(connection, row) and not _has_changed_topic(connection, row, kinds):
            found.append(UnusedTopic(row["store"], row["topic"], row["headers"].get(SENT_BY)))
    return found


def _is_unknown_order(connection: Connection, row: DeliveryRow) -> bool:
    """Return whether a delivery holds a whole order that is not stored, or is stored in an older version."""
    if not _holds_order(row["body"]):
        return False
    try:
        order = order_payload.read_order(row["body"])
    except UnreadableBody:
        return False
    known = orders.find(connection, store=row["store"], woo_order_id=order.id)
    if known is None:
        return True
    stored, received = known["woo_modified_at"], order.date_modified_gmt
    return stored is None or (received is not None and received > stored)


def _holds_order(body: bytes) -> bool:
    """Return whether a body has the parts of an order: products, customers and subscriptions lack one of them."""
    try:
        content = json_codec.read(body)
    except (ValueError, ArithmeticError, RecursionError):
        return False
    return (
        isinstance(content, dict)
        and {"id", "status", "billing", "payment_method", "total"} <= content.keys()
        and isinstance(content.get("line_items"), list)
        and "billing_period" not in content
    )


def _has_changed_topic(connection: Connection, row: DeliveryRow, kinds: list[DeliveryKind]) -> bool:
    """Return whether the same webhook has delivered under a topic that the bridge uses since."""
    webhook = row["headers"].get(SENT_BY)
    used = [kind for kind in kinds if kind.store == row["store"] and kind.verdict in READ_VERDICTS]
    return webhook is not None and any(
        each["received_at"] > row["last_received_at"] and each["headers"].get(SENT_BY) == webhook
        for kind in used
        for each in deliveries.list_newest(connection, kind, limit=MOST_COMPARED)
    )
