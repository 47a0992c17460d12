"""What an administrator of the simulated Panelr does with work orders, by the controls."""

import httpx
import pytest

from tests.support.panelr_caller import EMAIL, PanelrTestClient
from tests.support.panelr_payments import submit_payment
from tests.support.panelr_prices import build_item, read_detail

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def run(caller: PanelrTestClient, action: str, number: int = 1) -> httpx.Response:
    return await caller.client.post(f"/_sim/work-orders/{number}/{action}")


async def test_provisioning_sets_up_the_lines_of_new_activations(caller: PanelrTestClient) -> None:
    line = caller.panel.add_line(EMAIL, connections=2, usernames=["ada"])
    renewal = build_item(2, intent="renewal", activation_id=line.id)
    made = await caller.create(items=[renewal, build_item(3), build_item(5)])
    assert (await run(caller, "provision")).json()["status"] == "completed"
    cart = (await read_detail(caller, made))["cart"]
    assert [(each["activation_id"], each["linked_username"]) for each in cart] == [
        (1, "ada"),
        (2, "user1x2"),
        (3, "user1x3"),
    ]
    lines = (await caller.get("get_lines", customer_email=EMAIL)).json()["data"]
    assert [(each["product_name"], each["plugin_id"], each["status"]) for each in lines[1:]] == [
        ("Panel Credits 1000", 2, "active"),
        ("Trial 24h", 1, "trial_active"),
    ]
    await run(caller, "provision")
    assert len(caller.panel.lines) == 3


async def test_a_voided_work_order_is_canceled_and_its_lines_end(caller: PanelrTestClient) -> None:
    await caller.create()
    caller.panel.add_line(EMAIL)
    await run(caller, "provision")
    assert (await run(caller, "void")).json()["status"] == "canceled"
    assert [each.status for each in caller.panel.lines.values()] == ["active", "canceled"]


async def test_a_disputed_work_order_stays_completed_and_its_lines_are_suspended(caller: PanelrTestClient) -> None:
    made = await caller.create()
    caller.panel.add_line(EMAIL)
    await run(caller, "provision")
    assert (await read_detail(caller, made))["disputed"] is False
    await run(caller, "dispute")
    detail = await read_detail(caller, made)
    assert (detail["status"], detail["disputed"]) == ("completed", True)
    assert [each.status for each in caller.panel.lines.values()] == ["active", "suspended"]


async def test_a_partly_paid_work_order_is_set_back_to_pending_payment(caller: PanelrTestClient) -> None:
    await caller.create()
    await submit_payment(caller, amount=7.5)
    assert (await run(caller, "reset-payment")).json()["status"] == "pending_payment"
    assert (await submit_payment(caller, amount=12.5)).json()["data"]["fully_paid"] is True
    refused = await run(caller, "reset-payment")
    assert (refused.status_code, refused.json()["error"]) == (400, "The work order has no balance left")
    assert caller.panel.work_orders[1].status == "payment_submitted"


@pytest.mark.parametrize(
    ("action", "wanted"), [("reset-payment", "payment_submitted"), ("void", "completed"), ("dispute", "completed")]
)
async def test_an_admin_action_in_the_wrong_status_is_refused(
    caller: PanelrTestClient, action: str, wanted: str
) -> None:
    await caller.create()
    refused = await run(caller, action)
    assert refused.status_code == 400
    assert refused.json()["error"] == f"The work order is pending_payment; it must be {wanted}"
    assert (caller.panel.work_orders[1].status, caller.panel.work_orders[1].disputed) == ("pending_payment", False)


async def test_an_unknown_work_order_or_admin_action_is_not_found(caller: PanelrTestClient) -> None:
    await caller.create()
    missing = [await run(caller, "void", 9), await run(caller, "explode")]
    assert [each.status_code for each in missing] == [404, 404]


async def test_a_status_can_have_the_other_spelling(caller: PanelrTestClient) -> None:
    made = await caller.create()
    await caller.client.post("/_sim/work-orders/1/status", json={"status": "cancelled"})
    assert (await read_detail(caller, made))["status"] == "cancelled"
