"""Rows as older versions wrote them: without the columns that later migrations add."""

from datetime import datetime

from sqlalchemy import JSON, Connection, bindparam, text

from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.tables import Columns

_DELIVERY = text(
    "INSERT INTO deliveries (store, topic, body, body_sha256, headers, verdict, times, repeated, received_at,"
    " last_received_at) VALUES (:store, :topic, :body, :body_sha256, :headers, :verdict, 1, FALSE, :now, :now)"
).bindparams(bindparam("now", type_=UtcDateTime), bindparam("headers", type_=JSON))


def add_delivery(connection: Connection, delivery: Delivery, *, now: datetime) -> None:
    """Store a delivery as the first version did, with its body as it is."""
    values: Columns = {
        "store": delivery.store,
        "topic": delivery.topic,
        "body": delivery.body,
        "headers": delivery.headers,
    }
    values |= {"body_sha256": delivery.sha256, "verdict": delivery.verdict, "now": now}
    connection.execute(_DELIVERY, values)
