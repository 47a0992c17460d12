"""Topics that the bridge does not use, though whole orders come under them."""

from datetime import timedelta
from typing import Any

import pytest

from panelr_bridge.application.delivery_checks import check_topics
from panelr_bridge.application.health_check import HealthCheck
from panelr_bridge.application.unused_topics import WINDOW
from tests.support.api_answers import BOTH_DATABASES
from tests.support.bridge_kit import Kit, order

WEBHOOK = {"X-WC-Webhook-ID": "8"}


async def look(kit: Kit, *, after: timedelta = timedelta(0)) -> HealthCheck:
    """Return the check."""
    return await kit.runtime.database.read(check_topics, now=kit.runtime.bridge.clock() + after)


@BOTH_DATABASES
async def test_a_webhook_that_sends_whole_orders_in_vain_is_reported_until_its_topic_is_changed(kit: Kit) -> None:
    assert (await look(kit)).ok
    await kit.post(order(id=7), topic="order.completed", headers=WEBHOOK)
    found = await look(kit)
    assert found.words == (
        "the webhook with topic order.completed sends whole orders, which the bridge does not use:"
        " set its topic to Order updated (webhook 8)"
    )
    assert (found.ok, found.vital) == (False, False)
    await kit.post(order(id=8), headers={"X-WC-Webhook-ID": "9"})
    assert not (await look(kit)).ok
    await kit.post(order(id=9), headers=WEBHOOK)
    assert (await look(kit)).ok


@BOTH_DATABASES
async def test_an_order_that_is_known_in_this_version_needs_no_other_topic(kit: Kit) -> None:
    await kit.post(order(id=7, date_modified_gmt="2026-11-21T20:00:00"))
    await kit.post(order(id=7, date_modified_gmt="2026-11-21T20:00:00"), topic="order.completed", headers=WEBHOOK)
    assert (await look(kit)).ok
    await kit.post(order(id=7, date_modified_gmt="2026-11-21T20:00:01"), topic="order.completed", headers=WEBHOOK)
    assert not (await look(kit)).ok


def without(name: str) -> dict[str, Any]:
    """Return an order that lacks a field."""
    content = order(id=7)
    del content[name]
    return content


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(
    ("topic", "content"),
    [
        ("product.updated", {"id": 7, "name": "Panel", "status": "publish", "price": "9.00"}),
        ("customer.updated", {"id": 7, "email": "ada@example.com", "billing": {}}),
        ("subscription.updated", order(id=7) | {"billing_period": "month"}),
        ("action.subscription_payment", order(id=7) | {"billing_period": "month"}),
        ("action.woocommerce_order_status_completed", {"action": "woocommerce_order_status_completed", "arg": 7}),
        ("order.completed", without("line_items")),
        ("order.completed", without("billing")),
        ("order.completed", order(id=None)),
        ("order.completed", []),
        ("order.completed", b"no json"),
        ("order.completed", b"[" * 60_000),
    ],
)
async def test_what_is_no_whole_order_is_not_reported(kit: Kit, topic: str, content: Any) -> None:
    await kit.post(content, topic=topic, headers=WEBHOOK)
    assert (await look(kit)).ok


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_many_topics_take_few_lines_and_old_ones_none(kit: Kit) -> None:
    for number in range(12):
        topic: Any = f"action.{number}\x9b{'hook' * 30}".encode("latin-1")
        await kit.post(order(id=number + 1), headers=WEBHOOK | {"X-WC-Webhook-Topic": topic})
    found = await look(kit)
    assert len(found.details) == 3
    assert all(len(each) < 250 and each.isprintable() for each in (found.words, *found.details))
    assert (await look(kit, after=WINDOW)).ok
