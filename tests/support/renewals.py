"""First orders, their renewals, and the lines at Panelr that they are about."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from panelr_bridge.application.transactions.continuation import note_orders
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.admin_actions import provision
from panelr_bridge.store.subscriptions import SubscriptionOrder
from tests.support.bridge_kit import Kit, kit_of, order
from tests.support.held_table import meta

FIRST, RENEWAL, SUBSCRIPTION, OTHER_SUBSCRIPTION = 20, 30, 459, 460
EMAIL = order()["billing"]["email"]
LINE = order()["line_items"][0]
MONTH = LINE | {"id": 2, "sku": "MONTH", "product_id": 99, "name": "Another plan"}


@contextlib.asynccontextmanager
async def kit_of_plans(settings: Settings, panel: Panel) -> AsyncIterator[Kit]:
    """Run a bridge with mappings of two products. Neither it nor Panelr lacks calls."""
    panel.settings.rate_per_minute = 0
    async with kit_of(settings.model_copy(update={"panelr_rate_per_minute": 1200}), panel) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.map(sku="MONTH", panelr_product_id=1)
        yield kit


def renewal(number: int = RENEWAL, *, of: int = SUBSCRIPTION, **changes: Any) -> dict[str, Any]:
    """Return a paid renewal order of a subscription."""
    return order(id=number, number=str(number), **meta(_subscription_renewal=str(of))) | changes


async def note_first(kit: Kit, *of: int) -> None:
    """Note that the first order began the subscriptions, as the shop's API or its subscription.* deliveries say."""
    entries = [SubscriptionOrder(each, FIRST, RelationKind.FIRST) for each in of or (SUBSCRIPTION,)]
    await kit.runtime.database.write(note_orders, entries, store="default")


def set_up(kit: Kit, number: int = FIRST) -> list[int]:
    """Complete a work order in Panelr; return its lines."""
    (work_order,) = kit.panel.of_wc_order(str(number))
    provision(kit.panel, work_order)
    return [item.activation_id for item in work_order.cart if item.activation_id is not None]


async def begin(kit: Kit, **changes: Any) -> None:
    """Have a first order with its subscription, for a customer with further lines that a renewal would fit."""
    for status in ("active", "expired"):
        kit.panel.add_line(EMAIL, plugin_id=2, status=status)
    assert (await kit.post(order(**changes))).json()["state"] == "created"
    await note_first(kit)


def named(kit: Kit, number: int = RENEWAL) -> list[int | None]:
    """Return the lines that an order's one work order names."""
    (work_order,) = kit.panel.of_wc_order(str(number))
    return [item.activation_id for item in work_order.cart]


def calls(kit: Kit, *actions: str) -> list[str]:
    return [entry.action for entry in kit.panel.journal if entry.action in actions]


def codes(story: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in story["reasons"]]


def kept(story: dict[str, Any]) -> list[tuple[int, int | None]]:
    return [(each["activation_id"], each["panelr_product_id"]) for each in story["activations"]]
