"""Orders of shops whose clocks are wrong, and deliveries that overtake each other: nothing is lost."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.bridge_kit import Kit, line, order
from tests.support.payments import map_bank_transfer

UNPAID = {"status": "pending", "date_paid_gmt": None}
BEFORE, AFTER = {"date_modified_gmt": "2026-11-21T19:00:00"}, {"date_modified_gmt": "2026-11-21T20:00:00"}


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


def modified(kit: Kit, **shift: float) -> dict[str, str]:
    """Return a modification that is `shift` away from now."""
    return {"date_modified_gmt": (kit.runtime.bridge.clock() + timedelta(**shift)).isoformat()[:19]}


def held(**changes: Any) -> dict[str, Any]:
    return line(order(**changes), product_id=99, sku="UNMAPPED")


def codes(story: dict[str, Any]) -> list[str]:
    return [each["code"] for each in story["attention"]]


@pytest.mark.parametrize("ahead", [{"minutes": 6}, {"hours": 9}, {"days": 400}], ids=str)
async def test_a_clock_that_ran_ahead_hides_no_later_change(mapped: Kit, ahead: dict[str, float]) -> None:
    await mapped.post(order(**UNPAID, **modified(mapped, **ahead)))
    assert (await mapped.post(order(**modified(mapped, seconds=-5)))).json()["state"] == "created"
    await mapped.post(order(status="cancelled", **modified(mapped, seconds=-4)))
    story = await mapped.order(20)
    assert (story["woo_status"], codes(story)) == ("cancelled", ["ended_after_creation"])


async def test_a_held_order_with_a_time_in_the_future_is_cancelled(mapped: Kit) -> None:
    await mapped.post(held(**modified(mapped, hours=9)))
    assert (await mapped.post(held(status="cancelled", **modified(mapped)))).json()["state"] == "ignored"


async def test_a_cancelled_order_with_a_time_in_the_future_is_paid_after_all(mapped: Kit) -> None:
    await mapped.post(order(status="cancelled", **modified(mapped, hours=9)))
    assert (await mapped.post(order(**modified(mapped)))).json()["state"] == "created"


async def test_a_snapshot_from_the_future_comes_back_under_its_other_topic_and_changes_nothing(mapped: Kit) -> None:
    ahead = order(**UNPAID, **modified(mapped, hours=9))
    await mapped.post(ahead, topic="order.created")
    await mapped.post(held(**modified(mapped)))
    assert (await mapped.order(20))["state"] == "held"
    await mapped.post(ahead, topic="order.updated")
    assert (await mapped.order(20))["state"] == "held"


async def test_what_comes_from_the_future_counts_when_it_comes(mapped: Kit) -> None:
    await mapped.post(held())
    assert (await mapped.post(held(status="cancelled", **modified(mapped, hours=9)))).json()["state"] == "ignored"
    await mapped.post(order(id=21))
    await mapped.post(order(id=21, status="refunded", **modified(mapped, hours=9)))
    assert (await mapped.order(21))["woo_status"] == "refunded"


async def test_of_two_snapshots_by_one_clock_that_is_ahead_the_later_counts(mapped: Kit) -> None:
    await mapped.post(held(**modified(mapped, hours=9, seconds=5)))
    await mapped.post(held(**UNPAID, **modified(mapped, hours=9)))
    assert (await mapped.order(20))["state"] == "held"


@pytest.mark.parametrize("newest", [UNPAID, {"status": "on-hold", "date_paid_gmt": None}], ids=["pending", "on-hold"])
async def test_an_older_snapshot_that_is_paid_counts(mapped: Kit, newest: dict[str, Any]) -> None:
    await map_bank_transfer(mapped, "submit_payment")
    content = order(payment_method="bacs")
    await mapped.post(content | newest | AFTER)
    await mapped.post(content | BEFORE)
    await mapped.until(20, "created")
    (made,) = mapped.panel.work_orders.values()
    story = await mapped.until(20, lambda _: bool(made.payments))
    assert story["woo_status"] == "processing"


async def test_a_late_pending_stops_no_queued_order(mapped: Kit) -> None:
    mapped.panel.faults.add("throttle", action="create_work_order", retry_after=1)
    await mapped.post(order(**AFTER))
    assert (await mapped.post(order(**UNPAID, **BEFORE))).json()["state"] == "queued"
    story = await mapped.until(20, "created")
    assert (story["woo_status"], story["attention"]) == ("processing", [])


@pytest.mark.parametrize("ended", ["cancelled", "refunded", "failed"])
async def test_a_late_snapshot_brings_no_ended_order_back_but_it_is_said(mapped: Kit, ended: str) -> None:
    await mapped.post(order(status=ended, **AFTER))
    assert (await mapped.post(order(**BEFORE))).json()["state"] == "ignored"
    story = await mapped.order(20)
    assert (story["woo_status"], codes(story)) == (ended, ["older_snapshot"])
    assert mapped.panel.work_orders == {}
    assert (await mapped.post(order(date_modified_gmt="2026-11-21T21:00:00"))).json()["state"] == "created"
    assert (await mapped.order(20))["attention"] == []


@pytest.mark.parametrize("ended", ["cancelled", "refunded"])
@pytest.mark.parametrize("newest", [order, held], ids=["created", "held"])
async def test_a_late_end_of_an_order_is_said(mapped: Kit, ended: str, newest: Any) -> None:
    await mapped.post(newest(**AFTER))
    await mapped.post(newest(status=ended, **BEFORE))
    story = await mapped.order(20)
    assert (story["woo_status"], codes(story)) == ("processing", ["older_snapshot"])


async def test_a_late_refund_is_said(mapped: Kit) -> None:
    await mapped.post(order(**AFTER))
    await mapped.post(order(refunds=[{"id": 5, "total": "-4.00"}], **BEFORE))
    assert codes(await mapped.order(20)) == ["older_snapshot"]


async def test_a_late_failure_before_the_payment_is_no_news(mapped: Kit) -> None:
    await mapped.post(order(**AFTER))
    await mapped.post(order(status="failed", date_paid_gmt=None, **BEFORE))
    story = await mapped.order(20)
    assert (story["woo_status"], story["attention"]) == ("processing", [])


async def test_what_a_late_delivery_said_of_a_queued_order_lasts_beyond_its_creation(mapped: Kit) -> None:
    mapped.panel.faults.add("throttle", action="create_work_order", retry_after=1)
    await mapped.post(order(**AFTER))
    await mapped.post(order(status="cancelled", **BEFORE))
    assert codes(await mapped.until(20, "created")) == ["older_snapshot"]
