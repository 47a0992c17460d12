"""Orders that are older than the bridge: saved again by a bulk edit, they make no work order and no alarm."""

from datetime import timedelta
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of, line, order

ANCIENT = {"date_created_gmt": "2019-03-01T10:00:00", "date_paid_gmt": "2019-03-01T10:05:00", "status": "completed"}
LATER = "2026-11-21T20:00:00"


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.journal.clear()
    return kit


def codes(story: dict[str, Any], of: str = "reasons") -> list[str]:
    return [each["code"] for each in story[of]]


async def test_a_bulk_edit_of_old_orders_makes_no_work_order_no_call_and_no_alarm(mapped: Kit) -> None:
    odd: list[dict[str, Any]] = [
        *({}, {"status": "refunded"}, {"status": "pending"}, {"total": "NAN"}, {"line_items": []}),
        line(order(), product_id=99, sku="UNMAPPED") | ANCIENT,
        {"billing": order()["billing"] | {"email": "deleted@site.invalid"}},
    ]
    for number in range(100, 130):
        content = order() | ANCIENT | odd[number % len(odd)] | {"id": number, "order_key": f"wc_order_{number}"}
        answer = await mapped.post(content | {"date_modified_gmt": LATER})
        assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    assert mapped.panel.work_orders == {}
    assert list(mapped.panel.journal) == []
    stories = (await mapped.api("GET", "/orders?per_page=100")).json()["data"]
    assert {tuple(codes(each)) for each in stories} == {("older_than_bridge",), ("erased",)}
    assert (await mapped.api("GET", "/orders?attention=true")).json()["data"] == []


async def test_a_retry_sends_an_old_order_and_its_later_changes_count(mapped: Kit) -> None:
    await mapped.post(order(**ANCIENT))
    story = await mapped.order(20)
    assert (story["state"], codes(story)) == ("ignored", ["older_than_bridge"])
    await mapped.post(order(**ANCIENT, date_modified_gmt=LATER))
    assert (await mapped.order(20))["state"] == "ignored"
    await mapped.api("POST", f"/orders/{story['id']}/retry")
    story = await mapped.until(20, "created")
    assert len(mapped.panel.work_orders) == 1
    await mapped.post(order(**ANCIENT | {"status": "refunded"}, date_modified_gmt="2026-11-21T21:00:00"))
    assert codes(await mapped.order(20), "attention") == ["ended_after_creation"]


async def test_a_change_of_mappings_sends_no_old_order(mapped: Kit) -> None:
    await mapped.post(line(order(**ANCIENT), product_id=99, sku="LATER"))
    await mapped.post(line(order(id=21), product_id=99, sku="LATER"))
    await mapped.map(sku="LATER", panelr_product_id=3)
    await mapped.until(21, "created")
    assert (await mapped.order(20))["state"] == "ignored"


async def test_the_first_delivery_of_a_store_says_since_when_its_orders_count(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    async with kit_of(settings.model_copy(update={"orders_since": None}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        now = kit.runtime.bridge.clock()
        for number, days in ((1, 31), (2, 29), (3, 0), (4, 400)):
            created = (now - timedelta(days=days)).isoformat()[:19]
            await kit.post(order(id=number, date_created_gmt=created))
        states = [(await kit.order(number))["state"] for number in (1, 2, 3, 4)]
    assert states == ["ignored", "created", "created", "ignored"]


async def test_an_order_that_was_created_goes_on_when_the_date_becomes_later(
    settings: Settings, panelr: tuple[str, Panel]
) -> None:
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.post(order())
        late = settings.model_copy(update={"orders_since": kit.runtime.bridge.clock() + timedelta(days=1)})
    async with kit_of(late, panelr[1]) as kit:
        await kit.post(order(status="cancelled", date_modified_gmt=LATER))
        story = await kit.order(20)
        assert (story["state"], story["woo_status"]) == ("created", "cancelled")
        assert codes(story, "attention") == ["ended_after_creation"]
        assert (await kit.post(order(id=21))).json()["state"] == "ignored"


async def test_an_order_that_is_erased_before_it_was_sent_is_never_sent(mapped: Kit) -> None:
    await mapped.post(line(order(), product_id=99, sku="UNMAPPED"))
    assert (await mapped.order(20))["state"] == "held"
    erased = order()["billing"] | {"email": "deleted@site.invalid", "first_name": "[deleted]"}
    await mapped.post(order(billing=erased, date_modified_gmt=LATER))
    story = await mapped.order(20)
    assert (story["state"], codes(story)) == ("ignored", ["erased"])
    await mapped.api("POST", f"/orders/{story['id']}/retry")
    assert (await mapped.order(20))["state"] == "ignored"
    assert mapped.panel.work_orders == {}


async def test_an_order_that_is_erased_after_its_creation_raises_nothing(mapped: Kit) -> None:
    await mapped.post(order())
    erased = order()["billing"] | {"email": "deleted@site.invalid", "first_name": "[deleted]"}
    await mapped.post(order(billing=erased, date_modified_gmt=LATER))
    story = await mapped.order(20)
    assert (story["state"], story["attention"]) == ("created", [])
