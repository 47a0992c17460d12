"""Many orders at once, each delivered many times under both topics."""

import asyncio
import random
import time

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of, order

ORDERS, TIMES = 25, 40


async def _storm(kit: Kit) -> list[tuple[int, float]]:
    """Deliver every order TIMES times, in several snapshots, all at once; return the status of each answer."""

    async def tell(number: int, time_no: int) -> tuple[int, float]:
        content = order(id=number, customer_note=str(time_no % 4), date_modified_gmt=f"2026-11-21T20:00:0{time_no % 4}")
        began = time.monotonic()
        answer = await kit.post(content, topic=("order.created", "order.updated")[time_no % 2])
        return answer.status_code, time.monotonic() - began

    told = [(number, time_no) for number in range(1, ORDERS + 1) for time_no in range(TIMES)]
    random.Random(7).shuffle(told)  # noqa: S311  no secret
    return await asyncio.gather(*(tell(*each) for each in told))


async def test_a_storm_makes_one_work_order_each(settings: Settings, panelr: tuple[str, Panel]) -> None:
    hurried = settings.model_copy(update={"sync_budget_seconds": 1.0})
    panelr[1].settings.latency_seconds = 0.3
    async with kit_of(hurried, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        answers = await _storm(kit)
        for number in range(1, ORDERS + 1):
            story = await kit.until(number, "created")
            assert story["woo_modified_at"] == "2026-11-21T20:00:03Z"
    assert {status for status, _ in answers} <= {200, 202}
    made = sorted(each.wc_order_id or "" for each in panelr[1].work_orders.values())
    assert made == sorted(str(number) for number in range(1, ORDERS + 1))
