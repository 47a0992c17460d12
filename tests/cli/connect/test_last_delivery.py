"""The time of the last webhook; orders found by backfill do not count."""

from datetime import UTC, datetime, timedelta

from panelr_bridge.store import deliveries
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import SENT_BY, Delivery
from tests.support.bridge_kit import capture

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


async def test_the_newest_delivery_of_a_topic_that_a_webhook_sent(opened: Database) -> None:
    sent, asked = {SENT_BY: "7"}, {"source": "backfill"}
    came = [("order.updated", sent), ("order.updated", sent), ("order.updated", asked), ("order.deleted", asked)]
    for minutes, (topic, headers) in enumerate(came):
        delivery = Delivery(store="default", topic=topic, body=b"%d" % minutes, headers=headers, verdict="unreadable")
        await opened.write(deliveries.add, delivery, now=NOW + timedelta(minutes=minutes))
    assert await opened.read(deliveries.last_sent, store="default", topic="order.updated") == NOW + timedelta(minutes=1)
    assert await opened.read(deliveries.last_sent, store="default", topic="order.deleted") is None
    assert await opened.read(deliveries.last_sent, store="second", topic="order.updated") is None


def test_a_real_delivery_has_the_header() -> None:
    headers, _ = capture("007")
    assert SENT_BY in {name.lower() for name in headers}
