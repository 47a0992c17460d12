"""Priced work orders of the simulated Panelr, for its tests."""

from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr import Panel
from tests.support.panelr_caller import ABSENT, EMAIL, ITEM, NEW, PanelrTestClient


def build_item(product_id: int = 1, **fields: Any) -> dict[str, Any]:
    """Return an item of one unit."""
    return {**ITEM, "product_id": product_id, **fields}


def switch_fee_on(panel: Panel, *, direction: str = "fee", mode: str = "percent", value: str = "2.50") -> None:
    """Give payment method 2 a fee or a discount."""
    method = panel.payment_methods[2]
    method.adjustment_enabled = True
    method.adjustment_direction, method.adjustment_mode, method.adjustment_value = direction, mode, Decimal(value)


async def read_total(caller: PanelrTestClient, **changes: Any) -> Decimal:
    """Create a work order; return the order_total that the panel stores, after a look at the answer's."""
    answer = await caller.create(**changes)
    total = caller.panel.work_orders[answer["work_order_id"]].order_total
    assert Decimal(str(answer["order_total"])) == total
    return total


async def read_detail(caller: PanelrTestClient, made: dict[str, Any]) -> dict[str, Any]:
    """Return the data of get_work_order."""
    answer = await caller.get("get_work_order", ref=made["reference_code"], email=EMAIL)
    data: dict[str, Any] = answer.json()["data"]
    return data


def without_method(**changes: Any) -> dict[str, Any]:
    """Return a body of create_work_order that names no payment method."""
    return {name: each for name, each in {**NEW, "payment_method_id": ABSENT, **changes}.items() if each is not ABSENT}
