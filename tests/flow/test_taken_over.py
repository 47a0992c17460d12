"""Orders that Panelr's plugin sent, free orders, and completed work orders: what the bridge still does for them."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.models import FreeOrders
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.work_order_input import NewItem, NewWorkOrder
from panelr_bridge.simulators.panelr.work_orders import WorkOrder
from tests.support.bridge_kit import Kit, kit_of, line
from tests.support.panelr_faults import order_of_customer
from tests.support.payments import (
    CHECK,
    COMPLETE,
    ON_HOLD,
    PAID,
    SUBMIT,
    amounts_paid,
    attention_codes,
    find_follow_up,
    is_settled,
    list_tries,
    map_bank_transfer,
    payment_is_reported,
    poll_status,
)

CALLS = (CHECK, SUBMIT, COMPLETE)


@pytest.fixture
async def kit(kit: Kit) -> Kit:
    """A bridge with mappings."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


def plugin_order(kit: Kit, *, price: str = "58.45", **meta: str) -> dict[str, Any]:
    """Return an order of 58.45 whose work order Panelr's plugin created."""
    content = order_of_customer(20) | PAID
    item = NewItem(kit.panel.products[3], "new_activation", None, 1, unit_price=Decimal(price))
    work_order = kit.panel.create(
        NewWorkOrder(
            customer_email=content["billing"]["email"],
            status="pending_payment",
            items=[item],
            texts={"wc_order_id": "20"},
            payment_method_id=1,
            payment_amount=None,
        )
    )
    return content | {"meta_data": plugin_meta(work_order, meta)}


def plugin_meta(work_order: WorkOrder, more: dict[str, str]) -> list[dict[str, Any]]:
    known = {
        "_panelr_work_order_id": str(work_order.id),
        "_panelr_reference_code": work_order.reference_code,
        "_panelr_confirmation_token": work_order.confirmation_token,
        "_panelr_state": "sent",
    }
    content = {key: value for key, value in (known | more).items() if value}
    return [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(content.items())]


@pytest.mark.parametrize("call", [SUBMIT, COMPLETE])
async def test_an_order_of_the_plugin_is_paid_once_after_a_look(kit: Kit, call: str) -> None:
    kit.panel.settings.accepts_repeated_payments = True
    await map_bank_transfer(kit, call)
    content = plugin_order(kit)
    await kit.post(content)
    await kit.until(20, payment_is_reported)
    await kit.post(content | {"status": "completed", "date_modified_gmt": "2026-11-21T21:00:00"})
    await poll_status(kit, 20)
    story = await kit.order(20)
    assert list_tries(story, *CALLS) == (f"{CHECK} done", f"{call} done")
    assert (amounts_paid(kit, 20), attention_codes(story)) == ([Decimal("58.45")], ())


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_order_of_the_plugin_without_a_token_is_paid_by_its_reference(kit: Kit) -> None:
    await map_bank_transfer(kit, SUBMIT)
    await kit.post(plugin_order(kit, _panelr_confirmation_token=""))
    await kit.until(20, payment_is_reported)
    assert amounts_paid(kit, 20) == [Decimal("58.45")]


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("status", ["payment_submitted", "queued", "completed"])
async def test_what_the_plugin_told_panelr_is_seen_there_and_not_told_twice(kit: Kit, status: str) -> None:
    kit.panel.settings.accepts_repeated_payments = True
    await map_bank_transfer(kit, SUBMIT)
    content = plugin_order(kit)
    kit.panel.set_status(1, status)
    await kit.post(content)
    story = await kit.until(20, payment_is_reported)
    assert (list_tries(story, *CALLS), amounts_paid(kit, 20)) == ((f"{CHECK} done",), [])
    assert story["panelr_status"] == status


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_the_shops_coupon_completes_a_work_order_of_the_plugin(kit: Kit) -> None:
    await map_bank_transfer(kit, COMPLETE)
    discounted = line(plugin_order(kit, price="70.00"), subtotal="60.55", total="49.00")
    await kit.post(discounted)
    story = await kit.until(20, payment_is_reported)
    assert (amounts_paid(kit, 20), attention_codes(story)) == ([Decimal("58.45")], ())
    assert kit.panel.work_orders[1].store_discount == Decimal("11.55")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_coupon_that_does_not_explain_the_difference_completes_nothing(kit: Kit) -> None:
    await map_bank_transfer(kit, COMPLETE)
    await kit.post(line(plugin_order(kit, price="70.00"), subtotal="59.00", total="49.00"))
    story = await kit.until(20, is_settled("payment"))
    assert (list_tries(story, *CALLS), attention_codes(story)) == ((f"{CHECK} done",), ("totals_differ",))
    assert amounts_paid(kit, 20) == []


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_proof_that_panelr_does_not_accept_concerns_that_order_alone(kit: Kit) -> None:
    await map_bank_transfer(kit, SUBMIT)
    await kit.post(plugin_order(kit, _panelr_confirmation_token="another"))
    story = await kit.until(20, is_settled("payment"))
    assert set(attention_codes(story)) == {"work_order_gone"}
    assert "its token or e-mail address does not fit" in story["attention"][0]["words"]
    await kit.post(order_of_customer(21) | ON_HOLD)
    assert (await kit.order(21))["state"] == "created"  # no gate was closed


async def test_a_free_order_is_set_up_if_the_operator_wants_it(settings: Settings, panelr: tuple[str, Panel]) -> None:
    free = settings.model_copy(update={"free_orders": FreeOrders.COMPLETE})
    async with kit_of(free, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        await kit.post(free_order())
        story = await kit.until(20, payment_is_reported)
        (made,) = kit.panel.of_wc_order("20")
        assert (made.status, made.extras["is_free"], made.payments) == ("queued", True, [])
        assert (list_tries(story, *CALLS), attention_codes(story)) == ((f"{COMPLETE} done",), ())


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_free_order_is_left_to_a_person_otherwise(kit: Kit) -> None:
    await kit.post(free_order())
    await poll_status(kit, 20)
    (made,) = kit.panel.of_wc_order("20")
    assert (made.status, find_follow_up(await kit.order(20), "payment")) == ("payment_submitted", None)


def free_order() -> dict[str, Any]:
    """Return an order that a coupon pays for."""
    content = order_of_customer(20) | PAID | {"payment_method": "", "total": "0.00", "total_tax": "0.00"}
    content |= {"shipping_total": "0.00", "shipping_lines": [], "discount_total": "49.00"}
    return line(content, subtotal="49.00", total="0.00", total_tax="0.00", subtotal_tax="0.00")


async def completed(kit: Kit) -> None:
    """Create an order whose work order is completed in Panelr, and let the bridge see it."""
    await map_bank_transfer(kit, SUBMIT)
    await kit.post(order_of_customer(20) | PAID)
    await kit.until(20, "created")
    kit.panel.set_status(1, "completed")
    story = await poll_status(kit, 20)
    assert story["panelr_status"] == "completed"
    assert find_follow_up(story, "status")["due_at"] is not None  # type: ignore[index]


async def test_a_completed_work_order_that_is_voided_raises_attention(kit: Kit) -> None:
    await completed(kit)
    kit.panel.set_status(1, "canceled")
    story = await poll_status(kit, 20)
    assert attention_codes(story) == ("work_order_canceled",)
    assert find_follow_up(story, "status")["done_at"] is not None  # type: ignore[index]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_dispute_raises_attention_once(kit: Kit) -> None:
    await completed(kit)
    kit.panel.work_orders[1].disputed = True
    story = await poll_status(kit, 20)
    assert attention_codes(story) == ("work_order_disputed",)
    attempts = len(story["attempt_log"])
    story = await poll_status(kit, 20)
    assert len(story["attempt_log"]) == attempts
