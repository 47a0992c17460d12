"""A repeat of an order's latest snapshot is counted; other repeats are stored."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import deliveries, fast_path, orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from tests.support.bridge_kit import capture

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_, BODY = capture("005")


def told(topic: str = "order.created") -> Delivery:
    return Delivery(store="default", topic=topic, body=BODY, headers={}, verdict="order", woo_order_id=20)


@pytest.fixture
async def place(opened: Database) -> int:
    """Return the delivery of the order's snapshot."""
    stored = await opened.write(deliveries.add, told(), now=NOW)
    row = orders.empty_row(store="default", woo_order_id=20, now=NOW) | {
        "state": OrderState.HELD,
        "woo_status": "pending",
        "delivery_id": stored.id,
        "snapshot_sha256": stored.sha256,
    }
    await opened.write(orders.add, row)
    return stored.id


async def tell(opened: Database, place: int | None, *, topic: str = "order.created", status: str = "pending") -> object:
    found = await fast_path.store_repeat(opened, told(topic), woo_status=status, stored_id=place, clock=lambda: NOW)
    return found and (found.delivery_id, found.times)


async def test_it_is_counted_wherever_it_is_thought_to_be(opened: Database, place: int) -> None:
    assert await tell(opened, place) == (place, 2)
    assert await tell(opened, None) == (place, 3)
    assert await tell(opened, place + 1000) == (place, 4)  # no row has this number


async def test_another_delivery_that_is_there_is_not_counted_for_it(opened: Database, place: int) -> None:
    assert await tell(opened, place, topic="order.updated") == (place + 1, 1)
    assert await tell(opened, place) == (place, 2)
    assert await opened.read(_bodies) == [BODY, BODY]


@pytest.mark.parametrize("known", [True, False])
async def test_nothing_is_written_where_the_order_has_changed(opened: Database, place: int, *, known: bool) -> None:
    assert await tell(opened, place if known else None, status="processing") is None
    assert await tell(opened, place) == (place, 2)


def _bodies(connection: Connection) -> list[bytes]:
    ids = connection.execute(text("SELECT id FROM deliveries ORDER BY id")).scalars()
    return [deliveries.body(connection, each) for each in ids]
