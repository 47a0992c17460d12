"""complete_order of the simulated Panelr, over its real socket."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.panelr_caller import ABSENT, EMAIL, ITEM, PanelrTestClient, read_error, with_field
from tests.support.panelr_payments import (
    COMPLETION,
    REFERENCE,
    complete_by_token,
)

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_completion_creates_a_queued_work_order(caller: PanelrTestClient) -> None:
    response = await caller.post("complete_order", COMPLETION)
    assert response.status_code == 200
    assert response.json()["data"] == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "queued",
        "type": "new_activation",
        "item_count": 2,
        "order_total": 39.99,
        "bundle_discount": 0,
        "coupon_discount": 0,
        "credits_spent": 0,
    }
    work_order = caller.panel.work_orders[1]
    assert [(each.amount, each.transaction_id) for each in work_order.payments] == [(Decimal("39.99"), "ch_1")]
    assert (work_order.wc_order_id, work_order.customer_name) == ("4711", "Ada Lovelace")
    assert (work_order.payment_method_id, work_order.balance_due) == (2, Decimal("0.00"))
    assert work_order.extras == {
        "customer_address": "12 St James's Square",
        "is_free": False,
        "bouquet_ids": [1, 2],
        "categories": ["films"],
        "notes": "soon",
    }
    await caller.post("complete_order", COMPLETION)
    assert len(caller.panel.work_orders) == 2


async def test_a_minimal_completion_is_accepted(caller: PanelrTestClient) -> None:
    least = {"customer_email": EMAIL, "payment_method_id": 1, "items": [{**ITEM, "product_id": 5}]}
    assert (await caller.post("complete_order", least)).json()["data"]["item_count"] == 1
    assert caller.panel.work_orders[1].payments == []


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("customer_email", ABSENT, "customer_email is required"),
        ("payment_method_id", ABSENT, "payment_method_id must be an integer"),
        ("payment_method_id", 9, "payment_method_id 9 is unknown"),
        ("items", ABSENT, "items must be a list with at least one item"),
        ("items", [{**ITEM, "product_id": 77}], "items[0].product_id 77 is unknown"),
        ("items", [{**ITEM, "sku": "S"}], "Unknown field items[0].sku"),
        ("payment_amount", "39.99", "payment_amount must be a number"),
        ("payment_transaction_id", None, "payment_transaction_id must be a string"),
        ("wc_order_id", 4711, "wc_order_id must be a string"),
        ("customer_address", {}, "customer_address must be a string"),
        ("notes", None, "notes must be a string"),
        ("is_free", 0, "is_free must be true or false"),
        ("bouquet_ids", ["1"], "bouquet_ids must be a list of integers"),
        ("categories", "films", "categories must be a list"),
        ("status", "queued", "Unknown field status; known are customer_email, payment_method_id,"),
    ],
)
async def test_a_bad_completion_is_refused_and_nothing_created(
    caller: PanelrTestClient, field: str, value: object, text: str
) -> None:
    status, error = read_error(await caller.post("complete_order", with_field(COMPLETION, field, value)))
    assert (status, error[: len(text)]) == (422, text)
    assert caller.panel.work_orders == {}


async def test_an_existing_work_order_is_paid_and_queued_by_its_token(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    assert (await complete_by_token(caller, token)).json()["data"] == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "queued",
        "type": "new_activation",
        "item_count": 1,
        "order_total": 20,
        "bundle_discount": 0,
        "coupon_discount": 0,
        "credits_spent": 0,
    }
    work_order = caller.panel.work_orders[1]
    assert len(caller.panel.work_orders) == 1
    assert [(each.amount, each.transaction_id) for each in work_order.payments] == [(Decimal(20), "ch_1")]
    assert work_order.payment_method_id == 2
    words = "The work order is queued; it must be pending or pending_payment or payment_submitted"
    status, error = read_error(await complete_by_token(caller, token))
    assert (status, error[: len(words)]) == (409, words)
    caller.panel.settings.accepts_repeated_payments = True
    assert (await complete_by_token(caller, token)).status_code == 200
    assert work_order.paid == Decimal(40)
    for later in ("processing", "completed"):
        decided = await caller.client.post("/_sim/work-orders/1/status", json={"status": later})
        assert decided.json()["status"] == later
        assert (await complete_by_token(caller, token)).status_code == 409


async def test_a_completion_keeps_fields_that_it_does_not_name(caller: PanelrTestClient) -> None:
    token = (await caller.create(items=[{**ITEM, "product_id": 5}]))["confirmation_token"]
    await caller.post("complete_order", {"confirmation_token": token})
    work_order = caller.panel.work_orders[1]
    assert (work_order.status, work_order.payments, work_order.payment_method_id) == ("queued", [], 1)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"confirmation_token": "wrong"}, 404, "Work order not found"),
        ({"confirmation_token": ""}, 422, "confirmation_token is required"),
        ({"payment_method_id": 9}, 422, "payment_method_id 9 is unknown"),
        ({"payment_amount": None}, 422, "payment_amount must be a number"),
        ({"payment_transaction_id": 7}, 422, "payment_transaction_id must be a string"),
        ({"customer_email": EMAIL}, 422, "Unknown field customer_email; known are confirmation_token,"),
    ],
)
async def test_a_bad_completion_by_token_changes_nothing(
    caller: PanelrTestClient, changes: dict[str, Any], status: int, text: str
) -> None:
    token = (await caller.create())["confirmation_token"]
    answered, error = read_error(await complete_by_token(caller, token, **changes))
    assert (answered, error[: len(text)]) == (status, text)
    assert (caller.panel.work_orders[1].status, caller.panel.work_orders[1].payments) == ("pending_payment", [])


async def test_version_1_cannot_complete_an_existing_work_order(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    caller.panel.settings.knows_complete_by_token = False
    assert read_error(await complete_by_token(caller, token)) == (422, "customer_email is required")
    assert caller.panel.work_orders[1].status == "pending_payment"
    assert (await caller.post("complete_order", COMPLETION)).json()["data"]["work_order_id"] == 2
