"""What the bridge cannot do waits for an operator, until it can be done or is no longer needed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.plan import plan
from panelr_bridge.simulators.panelr.work_orders import RecordedPayment
from panelr_bridge.store import orders
from tests.support.bridge_kit import Kit
from tests.support.panelr_faults import order_of_customer
from tests.support.payments import (
    EVEN_LATER,
    LOOK_UP,
    ON_HOLD,
    PAID,
    SUBMIT,
    amounts_paid,
    attention_codes,
    find_follow_up,
    is_settled,
    list_tries,
    map_bank_transfer,
)

COMPLETED = PAID | {"status": "completed", "date_modified_gmt": EVEN_LATER}


@pytest.fixture
async def kit(kit: Kit) -> Kit:
    """A bridge with mappings but without the shop's address, so it cannot send payment instructions."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await map_bank_transfer(kit, "submit_payment")
    return kit


async def held_back(kit: Kit) -> dict[str, Any]:
    """Post an order whose payment instructions cannot be sent; return its story."""
    await kit.post(order_of_customer(20) | ON_HOLD)
    story = await kit.until(20, is_settled("instructions"))
    assert attention_codes(story) == ("instructions_not_sent",)
    return story


async def test_instructions_that_could_not_be_sent_trouble_nobody_once_the_order_is_paid(kit: Kit) -> None:
    await held_back(kit)
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(
        20, lambda story: (find_follow_up(story, "payment") or {"done_at": None})["done_at"] is not None
    )
    assert (attention_codes(story), find_follow_up(story, "instructions")) == ((), None)
    assert (amounts_paid(kit, 20), list_tries(story)) == ([Decimal("58.45")], ("submit_payment done",))


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_a_person_has_dealt_with_is_not_told_again(kit: Kit) -> None:
    story = await held_back(kit)

    def settle(connection: Connection, now: datetime) -> None:
        orders.lock_by_id(connection, story["id"])
        orders.change(connection, story["id"], {"attention": None}, now=now)

    await kit.runtime.bridge.write(settle)
    await kit.post(order_of_customer(20) | ON_HOLD | {"status": "pending", "date_modified_gmt": EVEN_LATER})
    await kit.runtime.bridge.write(plan, story["id"], policy=kit.runtime.bridge.policy, stores={})
    story = await kit.order(20)
    assert attention_codes(story) == ()
    assert find_follow_up(story, "instructions") is not None


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("seen_to", [True, False])
async def test_a_payment_that_could_not_be_sent_is_looked_up_before_it_is(kit: Kit, seen_to: bool) -> None:
    kit.panel.settings.accepts_repeated_payments = True
    await held_back(kit)
    (mapping,) = (await kit.api("GET", "/product-mappings")).json()["data"]
    await kit.api("DELETE", f"/product-mappings/{mapping['id']}")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert attention_codes(story) == ("payment_not_told",)
    if seen_to:
        work_order = kit.panel.set_status(1, "payment_submitted")
        work_order.payments.append(RecordedPayment(Decimal("58.45"), datetime.now(UTC)))
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order_of_customer(20) | COMPLETED)
    story = await kit.until(
        20, lambda story: (find_follow_up(story, "payment") or {"done_at": None})["done_at"] is not None
    )
    looked_up = f"{LOOK_UP} done"
    assert list_tries(story) == ((looked_up,) if seen_to else (looked_up, looked_up, f"{SUBMIT} done"))
    assert (amounts_paid(kit, 20), attention_codes(story)) == ([Decimal("58.45")], ())
