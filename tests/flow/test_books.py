"""The books balance: a payment is compared with Panelr's total first, and what Panelr says afterwards is told."""

from decimal import Decimal

import pytest

from tests.support.bridge_kit import Kit
from tests.support.panelr_faults import order_of_customer
from tests.support.panelr_prices import switch_fee_on
from tests.support.payments import (
    CHECK,
    COMPLETE,
    LOOK_UP,
    ON_HOLD,
    PAID,
    SUBMIT,
    amounts_paid,
    attention_codes,
    charge_more,
    is_settled,
    list_tries,
    map_bank_transfer,
    payment_is_reported,
    poll_status,
)

CALLS = (CHECK, LOOK_UP, SUBMIT, COMPLETE)


@pytest.fixture
async def kit(kit: Kit) -> Kit:
    """A bridge with mappings."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


async def map_method(kit: Kit, woo: str, panelr: int, *, on_paid: str) -> None:
    """Map a gateway of the shop to one of Panelr's payment methods."""
    mapping = {"woo_payment_method": woo, "panelr_payment_method_id": panelr, "on_paid": on_paid}
    assert (await kit.api("POST", "/payment-method-mappings", json=mapping)).status_code == 201


async def unpaid(kit: Kit, on_paid: str) -> None:
    """Create the work order of an order that is not paid yet."""
    await map_bank_transfer(kit, on_paid, method=2 if on_paid == COMPLETE else 1)
    await kit.post(order_of_customer(20) | ON_HOLD)
    await kit.until(20, "created")


@pytest.mark.parametrize("call", [SUBMIT, COMPLETE])
async def test_no_payment_is_told_while_the_totals_differ_and_a_retry_reads_them_again(kit: Kit, call: str) -> None:
    kit.panel.settings.answers_totals = False
    await unpaid(kit, call)
    charge_more(kit, "2.00")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert (list_tries(story, *CALLS), attention_codes(story)[-1]) == ((f"{CHECK} done",), "totals_differ")
    words = "Panelr's total of the work order is 60.45 USD, the customer paid 58.45 USD"
    assert words in story["attention"][-1]["words"]
    charge_more(kit, "-2.00")
    assert (await kit.api("POST", f"/orders/{story['id']}/retry")).status_code == 200
    story = await kit.until(20, payment_is_reported)
    assert list_tries(story, *CALLS) == (f"{CHECK} done", f"{CHECK} done", f"{call} done")
    assert "totals_differ" not in attention_codes(story)
    assert amounts_paid(kit, 20) == [Decimal("58.45")]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_total_that_was_corrected_before_the_payment_came_is_read_again(kit: Kit) -> None:
    await unpaid(kit, SUBMIT)
    charge_more(kit, "2.00")
    await poll_status(kit, 20)  # stores the wrong total
    charge_more(kit, "-2.00")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, payment_is_reported)
    assert list_tries(story, *CALLS) == (f"{CHECK} done", f"{SUBMIT} done")
    assert "totals_differ" not in attention_codes(story)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_total_that_no_answer_has_shown_is_read_before_the_payment(kit: Kit) -> None:
    kit.panel.settings.answers_totals = False
    await unpaid(kit, SUBMIT)
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, payment_is_reported)
    assert list_tries(story, *CALLS) == (f"{CHECK} done", f"{SUBMIT} done")
    assert amounts_paid(kit, 20) == [Decimal("58.45")]


async def test_a_completion_that_panelr_refuses_ends_with_its_words_and_both_figures(kit: Kit) -> None:
    await unpaid(kit, COMPLETE)
    charge_more(kit, "2.00")  # the stored total agrees still
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert list_tries(story, *CALLS) == (f"{COMPLETE} refused", f"{LOOK_UP} done")
    (reason,) = [each for each in story["attention"] if each["code"] == "totals_differ"]
    for words in ("60.45 USD", "58.45 USD", "The payment is too low"):
        assert words in reason["words"]
    assert amounts_paid(kit, 20) == []


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_payment_that_leaves_a_balance_is_told_to_a_person_and_a_reset_is_never_undone(kit: Kit) -> None:
    await unpaid(kit, SUBMIT)
    charge_more(kit, "1.55")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, payment_is_reported)
    (reason,) = [each for each in story["attention"] if each["code"] == "balance_due"]
    assert "a balance of 1.55 USD" in reason["words"]
    kit.panel.set_status(1, "pending_payment")  # an administrator, because a balance remains
    story = await poll_status(kit, 20)
    (reason,) = [each for each in story["attention"] if each["code"] == "payment_reset"]
    assert "a balance of 1.55 USD remains" in reason["words"]
    await kit.post(order_of_customer(20) | PAID | {"status": "completed", "date_modified_gmt": "2026-11-21T21:00:00"})
    await poll_status(kit, 20)
    assert (amounts_paid(kit, 20), kit.panel.work_orders[1].status) == ([Decimal("58.45")], "pending_payment")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_payment_told_at_the_creation_is_not_told_again_after_a_reset(kit: Kit) -> None:
    await map_bank_transfer(kit, SUBMIT)
    await kit.post(order_of_customer(20) | PAID)
    await kit.until(20, "created")
    charge_more(kit, "3.00")
    kit.panel.set_status(1, "pending_payment")
    story = await poll_status(kit, 20)
    assert "payment_reset" in attention_codes(story)
    story = await poll_status(kit, 20)
    assert (list_tries(story, *CALLS), amounts_paid(kit, 20)) == ((), [Decimal("58.45")])


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_work_order_that_awaits_panelrs_checkout_is_completed(kit: Kit) -> None:
    await unpaid(kit, SUBMIT)
    kit.panel.set_status(1, "awaiting_webhook")
    await poll_status(kit, 20)
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, payment_is_reported)
    assert (list_tries(story, *CALLS), story["panelr_status"]) == ((f"{COMPLETE} done",), "queued")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_checkout_seen_by_the_look_before_the_payment_is_completed_as_well(kit: Kit) -> None:
    kit.panel.settings.answers_totals = False
    await unpaid(kit, SUBMIT)
    kit.panel.set_status(1, "awaiting_webhook")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, payment_is_reported)
    assert list_tries(story, *CALLS) == (f"{CHECK} done", f"{COMPLETE} done")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_completion_without_a_transaction_is_named_by_the_shops_order(kit: Kit) -> None:
    await unpaid(kit, COMPLETE)
    await kit.post(order_of_customer(20) | PAID | {"transaction_id": ""})
    await kit.until(20, payment_is_reported)
    (payment,) = kit.panel.work_orders[1].payments
    assert payment.transaction_id == "WC-20"


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_panelr_answers_to_a_completion_is_compared_too(kit: Kit) -> None:
    await unpaid(kit, COMPLETE)
    charge_more(kit, "-2.00")  # more is paid than Panelr asks for: it does not refuse
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, payment_is_reported)
    (reason,) = [each for each in story["attention"] if each["code"] == "totals_differ"]
    assert "56.45 USD" in reason["words"]
    assert "the payment is reported" in reason["words"]


@pytest.mark.parametrize("named_before", [False, True])
async def test_a_method_that_the_customer_chose_later_adds_no_fee_at_the_completion(
    kit: Kit, named_before: bool
) -> None:
    """Panelr adds the fee of the method that a completion names."""
    switch_fee_on(kit.panel, value="5")
    await kit.api("GET", "/panelr/payment-methods?refresh=true")
    await map_method(kit, "card", 2, on_paid=COMPLETE)
    if named_before:
        await map_method(kit, "bacs", 1, on_paid=COMPLETE)
    await kit.post(order_of_customer(20) | ON_HOLD)
    await kit.until(20, "created")
    await kit.post(order_of_customer(20) | PAID | {"payment_method": "card"})
    story = await kit.until(20, payment_is_reported)
    (work_order,) = kit.panel.work_orders.values()
    assert (work_order.status, work_order.order_total, work_order.paid) == (
        "queued",
        Decimal("58.45"),
        Decimal("58.45"),
    )
    assert work_order.payment_method_id == (1 if named_before else None)
    assert story["attention"] == []
