"""A shop with subscriptions, the bridge and Panelr, for the tests of what an order is to earlier ones."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from panelr_bridge.application.transactions.continuation import keep_activations
from panelr_bridge.domain.history import Activation
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.admin_actions import provision
from panelr_bridge.simulators.woocommerce import subscriptions
from panelr_bridge.simulators.woocommerce.checkout import Cart
from panelr_bridge.simulators.woocommerce.deliveries import SUBSCRIPTION_TOPICS
from panelr_bridge.simulators.woocommerce.models import Order, Subscription
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import SECRET
from tests.support.clockwork import due_now
from tests.support.fast_path_runs import Both, both_ways
from tests.support.payments import find_follow_up

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
        """Let Panelr set up the line of an order's work order, and the bridge read it; return the line's id."""
        kit = self.both.kit
        story = await kit.order(woo_order_id)
        if story["adopted"]:  # this Panelr does not know its work order
            line = self.panel.add_line(EMAIL).id
            await kit.runtime.bridge.write(_keep, woo_order_id, line)
            return line
        (work_order,) = self.panel.of_wc_order(str(woo_order_id))
        provision(self.panel, work_order)
        await kit.until(woo_order_id, lambda story: find_follow_up(story, "status") is not None)
        await due_now(kit.runtime, story["id"], "status")
        await kit.until(woo_order_id, lambda story: story["panelr_status"] == "completed")
        activation = work_order.cart[0].activation_id
        assert activation is not None
        return activation

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


def _keep(connection: Connection, _: datetime, woo_order_id: int, activation_id: int) -> None:
    of_order = select(orders.c.id).where(orders.c.woo_order_id == woo_order_id)
    order_id = connection.execute(of_order).scalar_one()
    brought = [Activation(activation_id, 1)]
    keep_activations(connection, brought, order_id=order_id, woo_order_id=woo_order_id, store="default")


@contextlib.asynccontextmanager
async def open_life(
    settings: Settings, panel: Panel, *, topics: tuple[str, ...] = SUBSCRIPTION_TOPICS, **changes: Any
) -> AsyncIterator[Life]:
    """Run a shop with subscriptions, and webhooks of these topics beside those of orders."""
    async with both_ways(settings, panel, **changes) as both:
        both.store.switches.subscriptions = True
        url = next(iter(both.store.webhooks.registered.values())).delivery_url
        for topic in topics:
            both.store.webhooks.register(topic=topic, delivery_url=url, secret=SECRET)
        await both.kit.map(woo_product_id=16, woo_variation_id=MONTH, panelr_product_id=1)
        await both.kit.map(woo_product_id=16, woo_variation_id=YEAR, panelr_product_id=2)
        yield Life(both)
