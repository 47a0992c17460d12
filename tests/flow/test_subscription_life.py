"""A subscription's whole life: the orders that four plugins make of it, and the lines that Panelr renews."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce import subscriptions
from panelr_bridge.simulators.woocommerce.models import Plugin
from tests.support.subscription_life import EMAIL, YEAR, Life, open_life


@pytest.fixture
async def life(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Life]:
    async with open_life(settings, panelr[1]) as life:
        yield life


async def test_the_life_of_a_subscription(life: Life) -> None:
    begun = await life.begin()
    first = begun.order.parent_id
    await life.settled(first)
    assert life.items(first) == [(1, "new_activation", None)]
    line = await life.set_up(first)
    life.panel.add_line(EMAIL)  # the customer has another one, which fits as well

    paid = subscriptions.renew(life.shop, begun.id)
    await life.settled(paid)
    assert life.items(paid) == [(1, "renewal", line)]

    declined = subscriptions.renew(life.shop, begun.id, result="declined")
    await life.settled(declined, "waiting")
    subscriptions.retry_payment(life.shop, declined.id, result="declined")
    await life.settled(declined, "waiting")
    subscriptions.retry_payment(life.shop, declined.id)
    await life.settled(declined)
    assert life.items(declined) == [(1, "renewal", line)]

    early = subscriptions.renew(life.shop, begun.id, early=True)
    await life.settled(early)
    assert life.items(early) == [(1, "renewal", line)]

    upgrade = subscriptions.switch(life.shop, begun.id, life.shop.products[YEAR], total=Decimal("16.50"))
    story = await life.settled(upgrade, "held")
    assert [each["code"] for each in story["reasons"]] == ["switch"]
    await life.both.kit.api("POST", f"/orders/{story['id']}/retry")
    await life.settled(upgrade)
    assert life.items(upgrade) == [(2, "renewal", line)]

    subscriptions.set_subscription_status(life.shop, begun.id, "cancelled")
    again = subscriptions.resubscribe(life.shop, begun.id)
    await life.settled(again.order.parent_id)
    assert life.items(again.order.parent_id) == [(2, "renewal", line)]
    later = subscriptions.renew(life.shop, again.id)
    await life.settled(later)
    assert life.items(later) == [(2, "renewal", line)]

    numbers = {each.id for each in life.shop.orders.values()}
    assert {each.wc_order_id for each in life.panel.work_orders.values()} == {str(number) for number in numbers}
    listed = (await life.both.kit.api("GET", "/orders?per_page=100")).json()["data"]
    assert {each["woo_order_id"] for each in listed} == numbers  # no subscription is an order


@pytest.mark.parametrize("plugin", list(Plugin))
async def test_each_plugins_renewals_go_on_with_the_line(life: Life, plugin: Plugin) -> None:
    begun = await life.begin(plugin=plugin)
    first = begun.order.parent_id
    await life.settled(first)
    line = await life.set_up(first)
    life.panel.add_line(EMAIL)
    for result in ("paid", "declined"):
        renewal = subscriptions.renew(life.shop, begun.id, result=result)
        await life.delivered()
        if result == "declined":
            subscriptions.retry_payment(life.shop, renewal.id)
        await life.settled(renewal)
        assert life.items(renewal) == [(1, "renewal", line)]
    assert len(life.panel.work_orders) == 3


async def test_the_first_payment_after_a_free_trial_is_a_renewal(life: Life) -> None:
    begun = await life.begin(trial=True)
    first = begun.order.parent_id
    assert life.shop.orders[first].total == 0
    await life.settled(first)
    line = await life.set_up(first)
    life.panel.edit_line(line, is_trial=True, status="trial_active")
    paid = subscriptions.renew(life.shop, begun.id)
    story = await life.settled(paid)
    assert life.items(paid) == [(1, "renewal", line)]
    assert Decimal(story["woo_total"]) > 0


async def test_a_renewal_waits_until_its_first_order_has_brought_the_line(life: Life) -> None:
    begun = await life.begin()
    first = begun.order.parent_id
    await life.settled(first)
    life.panel.add_line(EMAIL)  # of another subscription
    renewal = subscriptions.renew(life.shop, begun.id)
    story = await life.settled(renewal, "held")
    assert [each["code"] for each in story["reasons"]] == ["awaits_first_order"]
    line = await life.set_up(first)
    await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]


async def test_a_subscription_made_by_hand_renews_the_customers_line(life: Life) -> None:
    line = life.panel.add_line(EMAIL).id
    made = subscriptions.make_by_hand(life.shop, life.cart())
    first = subscriptions.renew(life.shop, made.id)
    await life.settled(first)
    assert life.items(first) == [(1, "renewal", line)]
    life.panel.add_line(EMAIL)
    second = subscriptions.renew(life.shop, made.id)
    await life.settled(second)
    assert life.items(second) == [(1, "renewal", line)]
    unread = (await life.both.kit.api("GET", "/deliveries?verdict=unreadable")).json()["data"]
    assert {each["topic"] for each in unread} == {"subscription.updated", "subscription.created"}


async def test_keys_that_a_plugin_copies_are_not_a_renewals_own(life: Life) -> None:
    begun = await life.begin(meta={"_panelr_work_order_id": "901", "_panelr_reference_code": "WO-2026-00901"})
    first = begun.order.parent_id
    story = await life.settled(first)
    assert (story["work_order_id"], len(life.panel.work_orders)) == (901, 0)
    line = await life.set_up(first)
    renewal = subscriptions.renew(life.shop, begun.id)
    await life.settled(renewal)
    assert life.items(renewal) == [(1, "renewal", line)]
    await life.both.until(lambda: "panelr_order_id" in life.both.meta(renewal.id))
    assert life.both.meta(renewal.id)["panelr_order_id"] == str(renewal.id)
    assert "panelr_order_id" not in life.both.meta(first)
