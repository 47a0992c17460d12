"""The simulated Panelr refuses a completion that pays less than the work order owes."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.panelr_caller import ABSENT, ITEM, PanelrTestClient, read_error, with_field
from tests.support.panelr_payments import COMPLETION, complete_by_token, submit_payment
from tests.support.panelr_prices import build_item, switch_fee_on

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


def refuse(paid: str, total: str) -> tuple[int, str]:
    return 422, f"The payment is too low: {paid} paid or discounted, but the work order costs {total}"


@pytest.mark.parametrize("amount", [39.98, 39.99, 50])
async def test_a_completion_that_pays_the_total_within_a_cent_is_accepted(
    caller: PanelrTestClient, amount: float
) -> None:
    assert (await caller.post("complete_order", COMPLETION | {"payment_amount": amount})).status_code == 200


async def test_a_completion_that_pays_too_little_is_refused_and_nothing_created(caller: PanelrTestClient) -> None:
    answer = await caller.post("complete_order", COMPLETION | {"payment_amount": 39.97})
    assert read_error(answer) == refuse("39.97", "39.99")
    answer = await caller.post("complete_order", with_field(COMPLETION, "payment_amount", ABSENT))
    assert read_error(answer) == refuse("0.00", "39.99")
    assert (caller.panel.work_orders, caller.panel.customers) == ({}, {})


@pytest.mark.parametrize("amount", [19.98, 0, ABSENT])
async def test_a_completion_by_token_that_pays_too_little_is_refused_and_changes_nothing(
    caller: PanelrTestClient, amount: object
) -> None:
    token = (await caller.create())["confirmation_token"]
    answer = await complete_by_token(caller, token, payment_amount=amount, referral_code="ADA-7", store_discount=0)
    paid = "0.00" if amount is ABSENT else f"{Decimal(str(amount)):.2f}"
    assert read_error(answer) == refuse(paid, "20.00")
    work_order = caller.panel.work_orders[1]
    assert (work_order.status, work_order.payments, work_order.referral_code) == ("pending_payment", [], None)
    assert work_order.payment_method_id == 1


async def test_earlier_payments_count(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    await submit_payment(caller, amount=12.5)
    assert read_error(await complete_by_token(caller, token, payment_amount=7)) == refuse("19.50", "20.00")
    assert (await complete_by_token(caller, token, payment_amount=7.5)).status_code == 200


async def test_a_store_discount_lowers_what_a_completion_must_pay(caller: PanelrTestClient) -> None:
    body = COMPLETION | {"payment_amount": 30, "store_discount": 9.98}
    assert (await caller.post("complete_order", body)).json()["data"]["order_total"] == 39.99
    work_order = caller.panel.work_orders[1]
    assert (work_order.store_discount, work_order.balance_due) == (Decimal("9.98"), Decimal("0.01"))
    token = (await caller.create())["confirmation_token"]
    refused = await complete_by_token(caller, token, payment_amount=15, store_discount=4)
    assert read_error(refused) == refuse("19.00", "20.00")
    answer = await complete_by_token(caller, token, payment_amount=15, store_discount=5)
    assert answer.json()["data"]["order_total"] == 20
    assert caller.panel.work_orders[2].store_discount == 5


async def test_the_fee_of_the_completions_method_must_be_paid_too(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    answer = await caller.post("complete_order", COMPLETION | {"payment_amount": 39.99})
    assert read_error(answer) == refuse("39.99", "40.99")  # 2.5 % of 39.99 is 0.99975
    token = (await caller.create())["confirmation_token"]
    assert read_error(await complete_by_token(caller, token)) == refuse("20.00", "20.50")
    answer = await complete_by_token(caller, token, payment_amount=20.5)
    assert answer.json()["data"]["order_total"] == 20.5


async def test_the_unit_price_decides_what_must_be_paid(caller: PanelrTestClient) -> None:
    items = [{**ITEM, "unit_price": 3.5, "qty": 2}]
    answer = await caller.post("complete_order", COMPLETION | {"items": items, "payment_amount": 7})
    assert answer.json()["data"]["order_total"] == 7


FREE: dict[str, Any] = {"is_free": True, "payment_amount": ABSENT, "payment_transaction_id": ABSENT}


async def test_a_free_work_order_needs_no_payment(caller: PanelrTestClient) -> None:
    body = COMPLETION | {"items": [build_item(unit_price=0)]}
    for name, value in FREE.items():
        body = with_field(body, name, value)
    assert (await caller.post("complete_order", body)).json()["data"]["order_total"] == 0
    token = (await caller.create(items=[build_item(unit_price=0)]))["confirmation_token"]
    assert (await complete_by_token(caller, token, **FREE)).status_code == 200
    assert [each.extras["is_free"] for each in caller.panel.work_orders.values()] == [True, True]
    assert [each.payments for each in caller.panel.work_orders.values()] == [[], []]


async def test_a_work_order_that_costs_something_is_not_free(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    assert read_error(await complete_by_token(caller, token, **FREE)) == refuse("0.00", "20.00")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"store_discount": -1}, "store_discount must lie between 0 and 99999999.99"),
        ({"store_discount": "5"}, "store_discount must be a number"),
        ({"is_free": "yes"}, "is_free must be true or false"),
        ({"coupon_code": 5}, "coupon_code must be a string"),
        ({"referral_code": None}, "referral_code must be a string"),
    ],
)
async def test_a_bad_completion_field_is_refused_in_both_forms(
    caller: PanelrTestClient, changes: dict[str, Any], text: str
) -> None:
    token = (await caller.create())["confirmation_token"]
    assert read_error(await complete_by_token(caller, token, **changes)) == (422, text)
    assert read_error(await caller.post("complete_order", COMPLETION | changes)) == (422, text)


async def test_a_panel_that_does_not_check_the_total_accepts_any_payment(caller: PanelrTestClient) -> None:
    caller.panel.settings.refuses_underpayment = False
    token = (await caller.create())["confirmation_token"]
    assert (await complete_by_token(caller, token, payment_amount=1)).status_code == 200
    assert (await caller.post("complete_order", COMPLETION | {"payment_amount": 1})).status_code == 200
    assert caller.panel.work_orders[1].balance_due == 19


async def test_a_work_order_of_panelrs_own_checkout_is_completed_by_its_token(caller: PanelrTestClient) -> None:
    token = (await caller.create())["confirmation_token"]
    caller.panel.set_status(1, "awaiting_webhook")
    assert caller.panel.work_orders[1].balance_due == 20
    assert read_error(await submit_payment(caller, amount=20))[0] == 409
    assert read_error(await complete_by_token(caller, token, payment_amount=5)) == refuse("5.00", "20.00")
    assert (await complete_by_token(caller, token, payment_amount=20)).json()["data"]["status"] == "queued"
