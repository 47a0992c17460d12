"""Every reason to hold an order: its cause, and every way to release the order that docs/states.md lists."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.domain.decision import OVERRIDABLE
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store.panelr_tables import rate_limits
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import Kit, kit_of, order
from tests.support.files import ROOT
from tests.support.held_table import HOLDS, PANEL_1000, Hold, Way, meta

STATES = (ROOT / "docs/states.md").read_text()
FOLLOW_A_CALL = {"blocked", "gave_up"}
OF_RELATIONS = {
    "awaits_first_order",
    "first_order_unknown",
    "switch",
    "second_payment",
    "continues_order",
    "relation_hidden",
}
LATER = "2026-11-21T20:00:00"
ANOTHER = order(id=21, line_items=[order()["line_items"][0] | {"product_id": 98, "sku": "YET-ANOTHER"}])
ON_BOTH_DATABASES = {"its SKU is mapped", "the order is corrected", "the meta is removed"}
ON_BOTH_DATABASES |= {"the currency in Panelr is corrected", "Panelr is asked for its products"}
CASES = [(f"{hold.code}-{way.name}", hold, way) for hold in HOLDS for way in hold.ways]
CLOSED = [pytest.param(hold, way, id=name) for name, hold, way in CASES if way.settings or way is hold.ways[0]]
MENDED = [
    pytest.param(dialect, hold, way, id=f"{dialect}-{name}")
    for dialect in ("sqlite", "postgresql")
    for name, hold, way in CASES
    if dialect == "sqlite" or way.name in ON_BOTH_DATABASES
]


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite, and PostgreSQL for a few: the reasons do not depend on the database."""
    return str(getattr(request, "param", "sqlite"))


def test_every_held_code_of_the_documents_is_covered() -> None:
    (section,) = re.findall(r"^## held\n(.*?)^## ", STATES, re.MULTILINE | re.DOTALL)
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(documented) == sorted({hold.code for hold in HOLDS} | FOLLOW_A_CALL | OF_RELATIONS)


async def held(kit: Kit, hold: Hold) -> dict[str, Any]:
    """Post order 20, which is held; order 19 has Panelr's work order 1 already."""
    change_product(kit, hold.product)
    if not hold.tells:
        kit.panel.faults.add("reset", action="get_products", times=None)
    if hold.lines is None:
        kit.panel.faults.add("reset", action="get_lines", times=None)
    for _ in range(hold.lines or 0):
        kit.panel.add_line(str(hold.content["billing"]["email"]), status="active", plugin_id=2)
    if hold.mapping is not None:
        await kit.map(**hold.mapping)
    for mapping in hold.further:
        await kit.map(**mapping)
    taken = order(id=19, **meta(_panelr_work_order_id="1", _panelr_reference_code="WO-2026-00001"))
    assert (await kit.post(taken)).json()["state"] == "created"
    answer = await kit.post(hold.content | {"id": 20}, headers=hold.headers)
    assert (answer.status_code, answer.json()["state"]) == (200, "held")
    return await kit.until(20, lambda story: {each["code"] for each in story["reasons"]} == {hold.code})


def change_product(kit: Kit, changes: dict[str, Any]) -> None:
    """Change the mapped product at Panelr."""
    for name, value in changes.items():
        setattr(kit.panel.products[3], name, value)


async def mend(kit: Kit, hold: Hold, way: Way) -> None:
    """Do what releases the order, in WooCommerce or in the bridge."""
    if way.snapshot:
        changed = hold.content | way.snapshot | {"id": 20, "date_modified_gmt": LATER}
        assert (await kit.post(changed)).status_code in {200, 202}
    if way.refresh:
        change_product(kit, way.refresh)
        kit.panel.faults.clear()
        assert (await kit.api("GET", "/panelr/products?refresh=true")).status_code == 200
    if way.add:
        await kit.map(**way.add)
    if way.edit:
        assert (await kit.api("PATCH", "/product-mappings/1", json=way.edit)).status_code == 200
    if way.add_payment:
        answer = await kit.api("POST", "/payment-method-mappings", json=way.add_payment)
        assert answer.status_code == 201


async def press(kit: Kit, action: str) -> str:
    """Post an operator's action for order 20; return the order's state from the answer."""
    answer = await kit.api("POST", f"/orders/{(await kit.order(20))['id']}/{action}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["state"])


async def ended(kit: Kit, way: Way) -> None:
    """Wait for the expected end: one work order with the right items, or none."""
    story = await kit.until(20, way.state)
    made = kit.panel.of_wc_order("20")
    assert [[(item.product_id, item.qty) for item in each.cart] for each in made] == [list(way.items)] * bool(way.items)
    assert [each.reference_code for each in made] == [story["reference_code"]] * bool(way.items)
    assert story["owed_calls"] == []
    assert len(kit.panel.work_orders) == len(made)


@pytest.mark.parametrize(("dialect", "hold", "way"), MENDED, indirect=["dialect"])
async def test_a_held_order_goes_on_once_its_cause_is_removed(
    settings: Settings, panelr: tuple[str, Panel], hold: Hold, way: Way
) -> None:
    """An earlier retry changes nothing, unless it is a person's decision; only a changed setting needs a retry."""
    before = settings.model_copy(update=hold.settings)
    async with kit_of(before, panelr[1]) as kit:
        await held(kit, hold)
        if hold.code not in OVERRIDABLE:
            assert await press(kit, "retry") == "held"
        await kit.until(20, lambda story: {each["code"] for each in story["reasons"]} == {hold.code})
        if not way.settings:
            await mend(kit, hold, way)
            await ended(kit, way)
            return
    async with kit_of(before.model_copy(update=way.settings), panelr[1]) as again:
        assert (await again.order(20))["state"] == "held"
        await press(again, "retry")
        await ended(again, way)


@pytest.mark.parametrize(("hold", "way"), CLOSED)
async def test_a_closed_order_stays_closed_whatever_is_mended_and_is_opened_by_retry(
    settings: Settings, panelr: tuple[str, Panel], hold: Hold, way: Way
) -> None:
    before = settings.model_copy(update=hold.settings)
    async with kit_of(before, panelr[1]) as kit:
        await held(kit, hold)
        assert await press(kit, "close") == "closed"
        assert (await kit.post(ANOTHER)).json()["state"] == "held"
        await mend(kit, hold, way)
        await kit.map(sku="YET-ANOTHER", panelr_product_id=None)
        await kit.until(21, "ignored")  # the worker has decided the waiting orders again
    async with kit_of(before.model_copy(update=way.settings), panelr[1]) as again:
        story = await again.order(20)
        assert (story["state"], story["owed_calls"], again.panel.work_orders) == ("closed", [], {})
        await press(again, "retry")
        await ended(again, way)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("closed", [False, True])
async def test_an_order_that_was_given_up_goes_on_by_retry(
    settings: Settings, panelr: tuple[str, Panel], closed: bool
) -> None:
    week = settings.model_copy(update={"retry_schedule_seconds": (0.05, 600.0)})
    async with kit_of(week, panelr[1]) as kit:
        await kit.map(**PANEL_1000)
        fault = kit.panel.faults.add("throttle", action="create_work_order", times=None)
        await kit.post(order())
        await kit.until(20, lambda story: story["attempts"] == 2 and story["state"] == "queued")
        await kit.runtime.bridge.write(_pass_the_time)
        kit.wake_worker()
        story = await kit.until(20, "held")
        assert ([each["code"] for each in story["reasons"]], story["owed_calls"]) == (["gave_up"], [])
        if closed:
            assert await press(kit, "close") == "closed"
        kit.panel.faults.pending.remove(fault)
        await press(kit, "retry")
        await kit.runtime.bridge.write(_pass_the_time)
        kit.wake_worker()
        await ended(kit, Way("retry"))


def _pass_the_time(connection: Connection, now: datetime) -> None:
    connection.execute(
        orders.update()
        .where(orders.c.owes.is_not(None))
        .values(next_attempt_at=now, owes_since=now - timedelta(days=8))
    )
    connection.execute(rate_limits.update().values(closed_until=now))
