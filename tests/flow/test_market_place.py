"""A market place's order: it alone becomes a work order, and the write-back leaves its vendors' orders alone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce.checkout import Cart, place_order
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine
from panelr_bridge.woocommerce.rest.client import ShopClient
from tests.support.clockwork import due_now
from tests.support.fast_path_runs import PANEL_CREDITS, Both, both_ways
from tests.support.payments import attention_codes, find_follow_up


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite unless the test names a database: the shop does not depend on it."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def both(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Both]:
    """A market place with two vendors, and a bridge that writes back and completes orders."""
    async with both_ways(settings, panelr[1], complete_orders=True) as both:
        both.store.switches.market_place = True
        await both.kit.map(woo_product_id=13, panelr_product_id=4)
        yield both


def place(both: Both) -> tuple[int, list[int]]:
    """Place an order with goods of two vendors; return its number and those of its sub-orders."""
    lines = [NewOrderLine(both.store.products[number]) for number in (PANEL_CREDITS, 13)]
    order = place_order(both.store, Cart(lines, payment_method="stripe"))
    return order.id, [each.id for each in both.store.orders.values() if each.parent_id == order.id]


def noted(story: dict[str, Any]) -> bool:
    follow_up = find_follow_up(story, "write_back")
    return follow_up is not None and follow_up["done_at"] is not None


async def test_a_market_places_order_gets_the_note_alone(both: Both) -> None:
    number, children = place(both)
    await both.store.webhooks.wait_until_idle()
    story = await both.kit.until(number, noted)
    await both.quiet()
    assert both.notes(number) == [f"Panelr work order {story['reference_code']} belongs to this order."]
    assert (both.meta(number), both.writes()) == ({}, ["notes.create"])
    for child in children:
        assert (await both.kit.order(child))["state"] == "ignored"
    both.kit.panel.set_status(story["work_order_id"], "completed")
    await due_now(both.kit.runtime, story["id"], "status")
    story = await both.kit.until(number, lambda story: story["panelr_status"] == "completed")
    await both.kit.until(number, noted)
    await both.quiet()
    assert (both.writes(), both.store.orders[number].status) == (["notes.create"], "processing")
    assert [each.id for each in both.store.orders.values() if each.parent_id == number] == children
    assert (len(both.kit.panel.work_orders), attention_codes(story)) == (1, ())


async def test_every_other_write_makes_new_sub_orders(both: Both) -> None:
    """The simulated market place does what the bridge must avoid."""
    number, children = place(both)
    await both.store.webhooks.wait_until_idle()
    await both.kit.until(number, noted)
    async with ShopClient(url=both.url, key="ck_demo", secret="cs_demo") as client:
        await client.update_order(number, {"meta_data": [{"key": "any", "value": "1"}]})
    await both.quiet()
    again = [each.id for each in both.store.orders.values() if each.parent_id == number]
    assert len(again) == 2
    assert not {*again} & {*children}
    for child in again:
        assert (await both.kit.order(child))["state"] == "ignored"
    assert len(both.kit.panel.work_orders) == 1
