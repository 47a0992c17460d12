"""A subscription's whole life: the orders that four plugins make of it, and the lines that Panelr renews."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from panelr_bridge.application.transactions.continuation import keep_activations
from panelr_bridge.domain.history import Activation
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce import subscriptions
from panelr_bridge.simulators.woocommerce.checkout import Cart
from panelr_bridge.simulators.woocommerce.deliveries import SUBSCRIPTION_TOPICS
from panelr_bridge.simulators.woocommerce.models import Order, Plugin, Subscription
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import SECRET
from tests.support.fast_path_runs import Both, both_ways

MONTH, YEAR = 17, 18
"""The shop's variations; both are mapped as new activations, as before the first renewal."""
EMAIL = "ada@example.test"


@dataclass
class Life:
    """A shop with subscriptions, the bridge and Panelr."""

    both: Both

    @property
    def shop(self) -> Any:
        return self.both.store

    @property
    def panel(self) -> Panel:
        return self.both.kit.panel

    def cart(self, product_id: int = MONTH) -> Cart:
        return Cart([NewOrderLine(self.shop.products[product_id])])

    async def begin(self, **more: Any) -> Subscription:
        """Place a first order, deliver it, and let Panelr set its line up."""
        subscription = subscriptions.subscribe(self.shop, self.cart(), **more)
        await self.delivered()
        return subscription

    async def set_up(self, woo_order_id: int) -> int:
        """Let Panelr set up the line of an order's work order, and the bridge know it; return the line's id."""
        line = self.panel.add_line(EMAIL)
        await self.both.kit.runtime.bridge.write(_keep, woo_order_id, line.id)
        return line.id

    async def delivered(self) -> None:
        await self.shop.webhooks.wait_until_idle()

    async def settled(self, order: Order | int, state: str = "created") -> dict[str, Any]:
        """Deliver what is queued; return an order's story when it is in `state`."""
        await self.delivered()
        return await self.both.kit.until(order if isinstance(order, int) else order.id, state)

    def items(self, order: Order | int) -> list[tuple[int, str, int | None]]:
        """Return the items of the one work order of an order: product, intent and activation."""
        (work_order,) = self.panel.of_wc_order(str(order if isinstance(order, int) else order.id))
        return [(item.product_id, item.intent, item.activation_id) for item in work_order.cart]


def _keep(connection: Connection, now: datetime, woo_order_id: int, activation_id: int) -> None:
    of_order = select(orders.c.id).where(orders.c.woo_order_id == woo_order_id)
    order_id = connection.execute(of_order).scalar_one()
    brought = [Activation(activation_id, 1)]
    keep_activations(connection, brought, order_id=order_id, woo_order_id=woo_order_id, store="default")


@pytest.fixture
async def life(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Life]:
    async with both_ways(settings, panelr[1]) as both:
        both.store.switches.subscriptions = True
        for topic in SUBSCRIPTION_TOPICS:
            url = next(iter(both.store.webhooks.registered.values())).delivery_url
            both.store.webhooks.register(topic=topic, delivery_url=url, secret=SECRET)
        await both.kit.map(woo_product_id=16, woo_variation_id=MONTH, panelr_product_id=1)
        await both.kit.map(woo_product_id=16, woo_variation_id=YEAR, panelr_product_id=2)
        yield Life(both)


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
    assert {int(work_order.wc_order_id) for work_order in life.panel.work_orders.values()} == numbers
    listed = (await life.both.kit.api("GET", "/orders?per_page=100")).json()["data"]
    assert {each["woo_order_id"] for each in listed} == numbers  # no subscription is an order
