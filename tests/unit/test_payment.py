"""Whether a payment arrived, whether it agrees with Panelr's total, and what a poll shows about it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.application.follow_ups.payment import has_arrived
from panelr_bridge.application.follow_ups.status_poll import find_news
from panelr_bridge.domain.models import Reason
from panelr_bridge.domain.panelr_values import PaymentReceipt, RecordedPayment, WorkOrderDetails
from panelr_bridge.domain.payment_check import Payment, agrees, check_payment, check_receipt
from tests.support.planned_orders import NOW

SUBMIT = {"action": "submit_payment", "amount": "10.00"}
COMPLETE = {"action": "complete_order", "amount": "10.00"}
PAYMENT = Payment(paid=Decimal("8.00"), amount=Decimal("8.00"), currency="USD")
SUBMITTED, UNPAID = "payment_submitted", "pending_payment"


def details(
    total: str | None = "8.00", *, paid: str = "0", balance: str | None = None, **more: Any
) -> WorkOrderDetails:
    known = WorkOrderDetails(
        status=UNPAID,
        order_total=None if total is None else Decimal(total),
        prev_paid=Decimal(paid),
        balance_due=None if balance is None else Decimal(balance),
        payment_history=(),
        currency="USD",
    )
    return replace(known, **more)


@pytest.mark.parametrize(
    ("told", "status", "payments", "arrived"),
    [
        (SUBMIT, UNPAID, [], False),
        (SUBMIT, SUBMITTED, [], True),
        (SUBMIT, "completed", [], True),
        (SUBMIT, "canceled", [], False),
        (SUBMIT, "awaiting_webhook", [], False),
        (SUBMIT, UNPAID, [("10", NOW)], True),
        (SUBMIT, UNPAID, [("10", None)], True),
        (SUBMIT, UNPAID, [("10", NOW - timedelta(hours=1))], False),
        (SUBMIT, UNPAID, [("9.99", NOW)], False),
        (COMPLETE, SUBMITTED, [], False),
        (COMPLETE, "awaiting_webhook", [], False),
        (COMPLETE, "queued", [], True),
        (COMPLETE, "processing", [], True),
        (COMPLETE | {"amount": None}, UNPAID, [("10", NOW)], False),
    ],
)
def test_whether_a_payment_has_arrived(
    told: dict[str, Any], status: str, payments: list[tuple[str, Any]], arrived: bool
) -> None:
    paid = tuple(RecordedPayment(amount=Decimal(amount), at=at) for amount, at in payments)
    assert has_arrived(content=told, sent_at=NOW, status=status, payments=paid) is arrived


@pytest.mark.parametrize("total", ["8.00", "8.01", "7.99"])
def test_a_payment_agrees_to_the_cent(total: str) -> None:
    assert agrees(PAYMENT, Decimal(total))
    assert check_payment(PAYMENT, details(total)) == replace(PAYMENT, order_total=Decimal(total))


@pytest.mark.parametrize("total", ["10", "8.011", "7.98", "0"])
def test_a_difference_is_told_with_both_figures(total: str) -> None:
    found = check_payment(PAYMENT, details(total))
    assert isinstance(found, Reason)
    assert not agrees(PAYMENT, Decimal(total))
    assert found.code == "totals_differ"
    shown = total if "." in total else f"{total}.00"
    assert found.words == (
        f"Panelr's total of the work order is {shown} USD, the customer paid 8.00 USD:"
        " correct one of them in Panelr, then retry"
    )


def test_a_total_that_panelr_does_not_show_is_not_compared() -> None:
    assert check_payment(PAYMENT, details(None)) == PAYMENT
    assert not agrees(PAYMENT, None)


def test_after_other_payments_the_balance_is_compared() -> None:
    assert isinstance(check_payment(PAYMENT, details("20.00", paid="12.00", balance="8.00")), Payment)
    assert isinstance(check_payment(PAYMENT, details("20.00", paid="12.00")), Payment)
    found = check_payment(PAYMENT, details("20.00", paid="10.00", balance="10.00"))
    assert isinstance(found, Reason)
    assert "balance of the work order is 10.00 USD" in found.words


def test_a_payment_that_panelr_has_recorded_already_is_not_added_to_it() -> None:
    found = check_payment(PAYMENT, details("8.00", paid="8.00", balance="0.00"))
    assert isinstance(found, Payment)
    assert found.amount is None


def test_an_amount_told_at_the_creation_is_compared_with_the_whole_total() -> None:
    told = replace(PAYMENT, amount=None)
    assert isinstance(check_payment(told, details("8.00", paid="8.00", balance="0.00")), Payment)
    assert isinstance(check_payment(told, details("10.00", paid="8.00", balance="2.00")), Reason)


@pytest.mark.parametrize(
    ("coupons", "discount"), [("2.00", "2.00"), ("5.00", "2.00"), ("1.99", "1.99"), ("1.98", None), ("0", None)]
)
def test_the_shops_coupons_may_explain_a_difference(coupons: str, discount: str | None) -> None:
    found = check_payment(replace(PAYMENT, coupons=Decimal(coupons)), details("10.00"))
    assert (found.store_discount if isinstance(found, Payment) else None) == (discount and Decimal(discount))


def test_no_coupon_explains_that_more_was_paid_than_is_due() -> None:
    assert isinstance(check_payment(replace(PAYMENT, coupons=Decimal(9)), details("6.00")), Reason)


@pytest.mark.parametrize(
    ("receipt", "code"),
    [
        (PaymentReceipt(status=SUBMITTED), None),
        (PaymentReceipt(status=SUBMITTED, balance_due=Decimal("0.01"), is_fully_paid=False), None),
        (PaymentReceipt(status=SUBMITTED, balance_due=Decimal("2.00"), is_fully_paid=False), "balance_due"),
        (PaymentReceipt(status=SUBMITTED, balance_due=Decimal("2.00"), is_fully_paid=True), None),
        (PaymentReceipt(status="queued", order_total=Decimal("8.00")), None),
        (PaymentReceipt(status="queued", order_total=Decimal("8.20")), "totals_differ"),
    ],
)
def test_panelrs_answer_to_a_payment_is_compared(receipt: PaymentReceipt, code: str | None) -> None:
    found = check_receipt(PAYMENT, receipt)
    assert (found and found.code) == code


@pytest.mark.parametrize("total", ["10.00", "8.00"])
def test_panelr_may_show_its_total_before_or_after_the_store_discount(total: str) -> None:
    paid = replace(PAYMENT, store_discount=Decimal(2), order_total=Decimal(10))
    assert check_receipt(paid, PaymentReceipt(status="queued", order_total=Decimal(total))) is None


REPORTED = {"is_reported": True}


@pytest.mark.parametrize(
    ("content", "before", "shown", "code"),
    [
        ({}, UNPAID, details(balance="8.00"), None),
        ({}, SUBMITTED, details(balance="8.00"), None),
        (REPORTED, SUBMITTED, details(balance="2.00"), "payment_reset"),
        (REPORTED, UNPAID, details(balance="2.00"), None),
        (REPORTED, UNPAID, details(status=SUBMITTED, balance="2.00"), "balance_due"),
        (REPORTED, SUBMITTED, details(status=SUBMITTED, balance="0.01"), None),
        (REPORTED | {"balance_due": "2.00"}, SUBMITTED, details(status=SUBMITTED, balance="2.00"), None),
        (REPORTED | {"balance_due": "2.00"}, SUBMITTED, details(status=SUBMITTED, balance="3.00"), "balance_due"),
        (REPORTED, SUBMITTED, details(status="completed", balance="2.00"), None),
        ({}, "completed", details(status="canceled"), "work_order_canceled"),
        ({}, "canceled", details(status="canceled"), None),
        ({}, "completed", details(status="completed", disputed=True), "work_order_disputed"),
        ({"disputed": True}, "completed", details(status="completed", disputed=True), None),
    ],
)
def test_what_a_poll_tells_an_operator(
    content: dict[str, Any], before: str, shown: WorkOrderDetails, code: str | None
) -> None:
    found = find_news(content, before=before, details=shown)
    assert (found and found.code) == code


def test_a_reset_is_told_with_the_balance_that_remains() -> None:
    found = find_news(REPORTED, before=SUBMITTED, details=details(balance="2.00"))
    assert found is not None
    assert "a balance of 2.00 USD remains" in found.words
