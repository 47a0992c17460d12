"""An order after several deliveries: repeated, reordered, changed, deleted, restored."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.bridge_kit import Kit, capture, line, order

UNPAID = {"status": "pending", "date_paid_gmt": None}


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


def later(content: dict[str, Any], moment: str = "2026-11-21T20:00:00", **changes: Any) -> dict[str, Any]:
    """Return the same order, modified later."""
    return content | {"date_modified_gmt": moment} | changes


async def test_one_event_delivered_twice_makes_one_work_order(mapped: Kit) -> None:
    assert (await mapped.post(order(), topic="order.updated")).json()["state"] == "created"
    assert (await mapped.post(order(), topic="order.created")).json()["state"] == "created"
    assert len(mapped.panel.work_orders) == 1
    told = (await mapped.order(20))["deliveries"]
    assert [(each["topic"], each["times"]) for each in told] == [("order.updated", 1), ("order.created", 1)]


async def test_the_same_bytes_again_are_counted_and_change_nothing(mapped: Kit) -> None:
    first = await mapped.post(order())
    before = await mapped.order(20)
    second = await mapped.post(order())
    after = await mapped.order(20)
    assert second.json() == first.json()
    assert after["deliveries"][0]["times"] == 2
    assert after["updated_at"] == before["updated_at"]
    assert len(mapped.panel.work_orders) == 1


async def test_forty_deliveries_at_once_make_one_work_order(mapped: Kit) -> None:
    topics = ["order.updated", "order.created"] * 20
    answers = await asyncio.gather(*(mapped.post(order(), topic=topic) for topic in topics))
    assert {answer.status_code for answer in answers} <= {200, 202}
    await mapped.until(20, "created")
    assert len(mapped.panel.work_orders) == 1


async def test_an_older_snapshot_never_overwrites_a_newer_one(mapped: Kit) -> None:
    await mapped.post(later(order(status="on-hold", date_paid_gmt=None)))
    answer = await mapped.post(order(**UNPAID))
    assert answer.json()["state"] == "created"
    assert (await mapped.order(20))["woo_status"] == "on-hold"


async def test_of_two_snapshots_in_one_second_the_one_that_came_later_counts(mapped: Kit) -> None:
    await mapped.post(order(**UNPAID))
    await mapped.post(order())
    assert (await mapped.order(20))["state"] == "created"


async def test_an_order_that_waits_goes_on_with_its_payment(mapped: Kit) -> None:
    await mapped.post_capture("005")
    assert (await mapped.order(20))["state"] == "waiting"
    await mapped.post_capture("007")
    assert (await mapped.order(20))["state"] == "created"


async def test_a_later_snapshot_of_a_created_order_never_creates_again(mapped: Kit) -> None:
    await mapped.post(order())
    await mapped.post(later(line(order(), quantity=5)))
    story = await mapped.order(20)
    assert story["state"] == "created"
    assert [each["code"] for each in story["attention"]] == ["items_changed"]
    assert len(mapped.panel.work_orders) == 1


async def test_what_changes_back_needs_no_attention_any_more(mapped: Kit) -> None:
    await mapped.post(order())
    await mapped.post(later(line(order(), quantity=5)))
    await mapped.post(later(order(), "2026-11-21T21:00:00"))
    assert (await mapped.order(20))["attention"] == []


@pytest.mark.parametrize("status", ["cancelled", "refunded", "failed"])
async def test_an_order_that_ends_after_its_creation_needs_a_person(mapped: Kit, status: str) -> None:
    await mapped.post(order())
    await mapped.post(later(order(status=status)))
    story = await mapped.order(20)
    assert story["state"] == "created"
    assert [each["code"] for each in story["attention"]] == ["ended_after_creation"]


async def test_a_partial_refund_after_creation_needs_a_person(mapped: Kit) -> None:
    await mapped.post_capture("007")
    await mapped.post_capture("022")
    story = await mapped.order(20)
    assert story["attention"] == [
        {"code": "refunded_after_creation", "words": "10.00 USD was refunded after the work order was created"}
    ]


async def test_an_order_cancelled_before_it_was_sent_is_ignored(mapped: Kit) -> None:
    await mapped.post(line(order(), sku="OTHER", product_id=99))
    assert (await mapped.order(20))["state"] == "held"
    answer = await mapped.post(later(order(status="cancelled")))
    assert answer.json()["state"] == "ignored"
    assert mapped.panel.work_orders == {}


async def test_deleted_before_creation_nothing_is_owed_until_it_is_restored(mapped: Kit) -> None:
    await mapped.post(order(id=32, **UNPAID))
    deleted = await mapped.post(b'{"id":32}', topic="order.deleted")
    assert deleted.json()["state"] == "ignored"
    same_second = await mapped.post(order(id=32, customer_note="of the same second", **UNPAID))
    assert same_second.json()["state"] == "ignored"
    restored = await mapped.post(later(order(id=32)), topic="order.restored")
    assert restored.json()["state"] == "created"


async def test_deleted_after_creation_needs_a_person_and_restoring_settles_it(mapped: Kit) -> None:
    await mapped.post_capture("031")
    await mapped.post_capture("033")
    story = await mapped.order(31)
    assert (story["state"], story["woo_status"]) == ("created", "trash")
    assert story["attention"][0]["words"] == "the order is deleted in WooCommerce: check its work order in Panelr"
    await mapped.post_capture("034")
    story = await mapped.order(31)
    assert (story["woo_status"], story["attention"]) == ("processing", [])
    assert len(mapped.panel.work_orders) == 1


async def test_deleted_twice_is_deleted_once(mapped: Kit) -> None:
    first = await mapped.post_capture("033")
    second = await mapped.post_capture("033")
    assert first.json() == second.json()
    assert (await mapped.order(31))["deliveries"][0]["times"] == 2


async def test_two_orders_of_one_second_share_the_delivery_id_and_are_both_created(mapped: Kit) -> None:
    headers, body = capture("007")
    for order_id in (501, 502):
        content = json.dumps(json.loads(body) | {"id": order_id}).encode()
        answer = await mapped.post(content)
        assert answer.json()["state"] == "created"
    assert headers["X-WC-Webhook-Delivery-ID"]
    assert len(mapped.panel.work_orders) == 2


async def test_two_stores_may_have_the_same_order_id(mapped: Kit) -> None:
    await mapped.post(order())
    assert (await mapped.post(order(), store="elsewhere")).status_code == 404
    assert len(mapped.panel.work_orders) == 1


async def test_an_order_that_panelrs_plugin_sent_is_adopted_and_never_sent(mapped: Kit) -> None:
    meta = [
        {"id": 1, "key": "_panelr_work_order_id", "value": "77"},
        {"id": 2, "key": "_panelr_reference_code", "value": "WO-2026-00077"},
        {"id": 3, "key": "_panelr_confirmation_token", "value": "their-token"},
    ]
    answer = await mapped.post(order(meta_data=meta))
    assert (answer.json()["state"], answer.json()["work_order_id"]) == ("created", 77)
    assert mapped.panel.work_orders == {}
    story = await mapped.order(20)
    token = await mapped.api("GET", f"/orders/{story['id']}/confirmation-token")
    assert token.json()["data"] == {"confirmation_token": "their-token"}


async def test_a_renewal_that_copies_its_parents_meta_is_held(mapped: Kit) -> None:
    meta = [{"id": 2, "key": "_panelr_reference_code", "value": "WO-2026-00077"}]
    await mapped.post(order(id=600, meta_data=meta))
    answer = await mapped.post(order(id=601, meta_data=meta))
    assert answer.json()["state"] == "held"
    assert (await mapped.order(601))["reasons"][0]["code"] == "work_order_taken"
