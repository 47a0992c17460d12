"""submit_payment and payment instructions of the simulated Panelr, over its real socket."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.support.panelr_caller import ABSENT, EMAIL, PanelrTestClient, read_error, with_field
from tests.support.panelr_payments import (
    INSTRUCTIONS,
    PAYMENT,
    REFERENCE,
    submit_payment,
)

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

YEAR = datetime.now(UTC).year


async def test_a_payment_is_added_and_changes_the_status(caller: PanelrTestClient) -> None:
    await caller.create()
    response = await caller.post("submit_payment", PAYMENT)
    assert response.status_code == 200
    assert response.json()["data"] == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "payment_submitted",
        "fully_paid": False,
        "amount_paid": 7.5,
        "balance_due": 12.5,
    }
    work_order = caller.panel.work_orders[1]
    assert work_order.updated_at > work_order.created_at
    assert work_order.notes == ["Paid."]
    assert [(each.amount, each.transaction_id) for each in work_order.payments] == [(Decimal("7.5"), "ch_1")]


async def test_a_token_identifies_the_work_order(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    response = await caller.post("submit_payment", {"confirmation_token": token, "amount": 20})
    assert (response.json()["data"]["fully_paid"], response.json()["data"]["balance_due"]) == (True, 0)


async def test_a_token_is_unknown_after_a_reset(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    caller.panel.reset()
    await caller.create()
    answer = await caller.post("submit_payment", {"confirmation_token": token})
    assert read_error(answer) == (404, "Work order not found")


async def test_without_an_amount_nothing_is_recorded(caller: PanelrTestClient) -> None:
    await caller.create()
    data = (await submit_payment(caller)).json()["data"]
    assert data == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "payment_submitted",
        "fully_paid": False,
    }
    assert caller.panel.work_orders[1].payments == []


async def test_a_payment_counts_twice_when_it_is_sent_twice(caller: PanelrTestClient) -> None:
    await caller.create(payment_amount=2)
    assert (await submit_payment(caller, amount=7.5)).json()["data"]["amount_paid"] == 9.5
    words = "The work order is payment_submitted; it must be pending_payment"
    assert read_error(await submit_payment(caller, amount=7.5)) == (409, words)
    assert caller.panel.work_orders[1].paid == Decimal("9.5")
    await caller.client.post("/_sim/work-orders/1/status", json={"status": "pending_payment"})
    assert (await submit_payment(caller, amount=7.5)).json()["data"]["amount_paid"] == 17
    shown = (await caller.get("get_work_order", ref=REFERENCE, email=EMAIL)).json()["data"]
    assert [each["amount"] for each in shown["payment_history"]] == [2, 7.5, 7.5]
    assert (shown["prev_paid"], shown["balance_due"], shown["has_partials"]) == (17, 3, True)


async def test_repeated_payments_can_be_accepted(caller: PanelrTestClient) -> None:
    await caller.create()
    caller.panel.settings.accepts_repeated_payments = True
    assert [(await submit_payment(caller, amount=7.5)).json()["data"]["amount_paid"] for _ in range(2)] == [7.5, 15]
    caller.panel.set_status(1, "completed")
    words = "The work order is completed; it must be pending_payment or payment_submitted"
    assert read_error(await submit_payment(caller, amount=7.5)) == (409, words)


@pytest.mark.parametrize("status", ["pending", "completed", "canceled", "payment_failed", "queued", "processing"])
async def test_a_payment_needs_a_work_order_with_pending_payment(caller: PanelrTestClient, status: str) -> None:
    await caller.create()
    await caller.client.post("/_sim/work-orders/1/status", json={"status": status})
    assert read_error(await submit_payment(caller, amount=1)) == (
        409,
        f"The work order is {status}; it must be pending_payment",
    )
    assert caller.panel.work_orders[1].payments == []


NO_PROOF = "confirmation_token is required, or reference_code with customer_email"


@pytest.mark.parametrize(
    ("field", "value", "status", "text"),
    [
        ("reference_code", ABSENT, 422, NO_PROOF),
        ("customer_email", ABSENT, 422, NO_PROOF),
        ("reference_code", "", 422, "reference_code is required"),
        ("reference_code", 1, 422, "reference_code must be a string"),
        ("reference_code", f"WO-{YEAR}-00002", 404, "Work order not found"),
        ("customer_email", "eve@example.test", 404, "Work order not found"),
        ("customer_email", "eve", 422, "customer_email must be a valid e-mail address"),
        ("confirmation_token", "wrong", 404, "Work order not found"),
        ("confirmation_token", None, 422, "confirmation_token is required"),
        ("amount", "7.5", 422, "amount must be a number"),
        ("amount", -1, 422, "amount must lie between 0 and 99999999.99"),
        ("amount", None, 422, "amount must be a number"),
        ("payment_transaction_id", 1, 422, "payment_transaction_id must be a string"),
        ("customer_note", None, 422, "customer_note must be a string"),
        ("payment_amount", 1, 422, "Unknown field payment_amount; known are confirmation_token, reference_code,"),
    ],
)
async def test_a_bad_payment_is_refused_and_changes_nothing(
    caller: PanelrTestClient, field: str, value: object, status: int, text: str
) -> None:
    await caller.create()
    answered, error = read_error(await caller.post("submit_payment", with_field(PAYMENT, field, value)))
    assert (answered, error[: len(text)]) == (status, text)
    work_order = caller.panel.work_orders[1]
    assert (work_order.status, work_order.payments, work_order.notes) == ("pending_payment", [], [])


async def test_all_sent_instructions_are_recorded(caller: PanelrTestClient) -> None:
    await caller.create()
    for _ in range(2):
        response = await caller.post("send_payment_instructions", INSTRUCTIONS)
        assert response.json()["data"] == {"sent": True, "reference_code": REFERENCE}
    work_order = caller.panel.work_orders[1]
    assert [each.confirm_url for each in work_order.instructions] == [INSTRUCTIONS["confirm_url"]] * 2
    assert work_order.instructions[0].at >= work_order.created_at
    await submit_payment(caller)
    words = "The work order is payment_submitted; it must be pending_payment"
    assert read_error(await caller.post("send_payment_instructions", INSTRUCTIONS)) == (409, words)
    assert len(work_order.instructions) == 2


@pytest.mark.parametrize(
    ("field", "value", "status", "text"),
    [
        ("work_order_id", ABSENT, 422, "work_order_id must be an integer of at least 1"),
        ("work_order_id", "1", 422, "work_order_id must be an integer of at least 1"),
        ("work_order_id", 2, 404, "Work order not found"),
        ("confirm_url", ABSENT, 422, "confirm_url is required"),
        ("confirm_url", "", 422, "confirm_url is required"),
        ("confirm_url", 7, 422, "confirm_url must be a string"),
        ("confirm_url", "/checkout/", 422, "confirm_url must be an http or https address"),
        ("confirm_url", "ftp://shop.test/", 422, "confirm_url must be an http or https address"),
        ("confirm_url", "http://[::1", 422, "confirm_url must be an http or https address"),
        ("email", EMAIL, 422, "Unknown field email; known are work_order_id, confirm_url"),
    ],
)
async def test_bad_instructions_are_refused_and_not_sent(
    caller: PanelrTestClient, field: str, value: object, status: int, text: str
) -> None:
    await caller.create()
    response = await caller.post("send_payment_instructions", with_field(INSTRUCTIONS, field, value))
    assert read_error(response) == (status, text)
    assert caller.panel.work_orders[1].instructions == []
