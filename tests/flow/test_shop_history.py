"""A shop with a past, on real sockets: old orders, another clock, a rebuilt shop, a staging copy, gift cards."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce import OrderChanges
from panelr_bridge.simulators.woocommerce.checkout import Cart, place_order
from panelr_bridge.simulators.woocommerce.models import Order
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine
from tests.support.fast_path_runs import PANEL_CREDITS, Both, both_ways


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite: the shop does not depend on the database."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def both(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Both]:
    """A shop that sends webhooks, and a bridge."""
    async with both_ways(settings, panelr[1]) as both:
        yield both


def place(both: Both, **cart: Any) -> Order:
    """Place a paid order."""
    lines = [NewOrderLine(both.store.products[PANEL_CREDITS])]
    return place_order(both.store, Cart(lines, payment_method="stripe", **cart))


async def delivered(both: Both, number: int, state: str = "created") -> dict[str, Any]:
    """Wait for the webhooks, and for an order's state."""
    await both.store.webhooks.wait_until_idle()
    return await both.kit.until(number, state)


def codes(story: dict[str, Any], of: str) -> list[str]:
    return [each["code"] for each in story[of]]


async def test_a_bulk_edit_of_old_orders_sends_none(both: Both) -> None:
    both.store.webhooks.hold()
    old = [place(both).id for _ in range(20)]
    both.store.webhooks.clear(keep_webhooks=True)
    both.store.webhooks.release()
    for number in old:
        both.store.make_older(number, 2500)
        both.store.touch(number)
    for number in old:
        assert codes(await delivered(both, number, "ignored"), "reasons") == ["older_than_bridge"]
    await delivered(both, place(both).id)
    assert len(both.kit.panel.work_orders) == 1


async def test_a_shop_whose_clock_ran_ahead_loses_no_order(both: Both) -> None:
    both.store.ahead = timedelta(hours=9)
    order = place_order(both.store, Cart([NewOrderLine(both.store.products[PANEL_CREDITS])], payment_method="bacs"))
    both.store.update(order.id, OrderChanges(status="pending"))
    await both.store.webhooks.wait_until_idle()
    both.store.ahead = timedelta(0)
    both.store.pay(order.id, "ch_1")
    story = await delivered(both, order.id)
    assert story["woo_status"] == "processing"


async def test_a_rebuilt_shops_order_is_never_merged_with_the_old_one(both: Both) -> None:
    first = place(both)
    before = await delivered(both, first.id)
    both.store.rebuild()
    again = place(both)
    assert again.id == first.id
    await both.store.webhooks.wait_until_idle()
    story = await both.kit.order(first.id)
    assert codes(story, "attention") == ["another_order_same_id"]
    assert (story["reference_code"], story["woo_total"]) == (before["reference_code"], before["woo_total"])


async def test_a_staging_copys_orders_are_held(both: Both) -> None:
    await delivered(both, place(both).id)
    both.store.move("https://staging.example.test")
    copied = place(both)
    story = await delivered(both, copied.id, "held")
    assert codes(story, "reasons") == ["other_source"]
    assert len(both.kit.panel.work_orders) == 1


@pytest.mark.parametrize("amount", ["5.00", "1000.00"])
async def test_a_gift_cards_books_balance(both: Both, amount: str) -> None:
    order = place(both, gift_card=Decimal(amount))
    story = await delivered(both, order.id)
    (made,) = both.kit.panel.of_wc_order(str(order.id))
    assert str(made.order_total) == story["woo_total"]
    assert codes(story, "attention") == []
