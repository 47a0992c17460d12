"""When a payment is planned, and how Panelr learns of it: free orders, the plugin's orders, and resets."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.follow_up_rules import Escalate, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, FreeOrders, OnPaid
from tests.support.bridge_kit import line, order
from tests.support.planned_orders import PAID, REQUEST, UNPAID, WORK_ORDER, created, wanted

COMPLETE = {"on_paid": OnPaid.COMPLETE_ORDER}
FREE = {"status": "processing", "total": "0.00", "payment_method": ""}
SET_UP = {"free_orders": FreeOrders.COMPLETE, "on_paid": OnPaid.NONE, "amount": Decimal(0)}
TAKEN_OVER = {"request": None, "by_plugin": True}


def payment_of(content: dict[str, Any], **changes: Any) -> Step | None:
    return wanted(created(content, **changes)).get(FollowUpKind.PAYMENT)


def content_of(content: dict[str, Any], **changes: Any) -> Any:
    step = payment_of(content, **changes)
    assert isinstance(step, Schedule), step
    return step.content


def with_meta(**meta: str) -> dict[str, Any]:
    return PAID | {"meta_data": [{"id": n, "key": key, "value": value} for n, (key, value) in enumerate(meta.items())]}


def test_a_work_order_of_panelrs_checkout_is_paid_by_complete_order() -> None:
    awaiting = replace(WORK_ORDER, status="awaiting_webhook")
    assert content_of(PAID, work_order=awaiting)["action"] == "complete_order"
    assert content_of(PAID, work_order=awaiting, **COMPLETE)["action"] == "complete_order"
    without_token = replace(awaiting, confirmation_token=None)
    assert isinstance(payment_of(PAID, work_order=without_token), Escalate)


@pytest.mark.parametrize("status", ["pending_payment", "canceled", "payment_failed"])
@pytest.mark.parametrize("on_paid", [OnPaid.SUBMIT_PAYMENT, OnPaid.COMPLETE_ORDER])
def test_a_payment_told_at_the_creation_is_not_told_again_whatever_administrators_do(
    on_paid: OnPaid, status: str
) -> None:
    told = replace(REQUEST, status="payment_submitted", payment_amount=Decimal("58.45"))
    assert payment_of(PAID, request=told, on_paid=on_paid, work_order=replace(WORK_ORDER, status=status)) is None


@pytest.mark.parametrize("content", [FREE, FREE | {"date_paid_gmt": None}], ids=["paid", "processing"])
@pytest.mark.parametrize("on_paid", list(OnPaid))
def test_a_free_order_is_completed_whatever_its_mapping_says(content: dict[str, Any], on_paid: OnPaid) -> None:
    told = content_of(content, **SET_UP | {"on_paid": on_paid})
    assert (told["action"], told["amount"], told["is_free"]) == ("complete_order", "0", True)


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (FREE, {"free_orders": FreeOrders.REVIEW}),
        (FREE, {"free_orders": FreeOrders.REVIEW} | COMPLETE),
        (FREE | {"status": "on-hold", "date_paid_gmt": None}, {}),
        (FREE | {"status": "cancelled"}, {}),
        (FREE | {"total": "0.01"}, {}),
        (FREE, {"work_order": replace(WORK_ORDER, status="queued")}),
    ],
    ids=["review", "review with a mapping", "on hold", "cancelled", "a cent", "queued"],
)
def test_a_free_order_is_not_completed(content: dict[str, Any], changes: dict[str, Any]) -> None:
    assert payment_of(content, **SET_UP | changes) is None


def test_a_free_order_whose_token_is_not_known_is_left_to_a_person() -> None:
    unknown = replace(WORK_ORDER, confirmation_token=None)
    assert isinstance(payment_of(FREE, **SET_UP | {"work_order": unknown}), Escalate)


@pytest.mark.parametrize("on_paid", [OnPaid.SUBMIT_PAYMENT, OnPaid.COMPLETE_ORDER])
def test_an_order_of_the_plugin_is_paid_after_a_look_at_its_work_order(on_paid: OnPaid) -> None:
    told = content_of(PAID, **TAKEN_OVER, on_paid=on_paid)
    assert (told["action"], told["amount"], told["looks_first"]) == (on_paid, "58.45", True)


def test_an_order_of_the_plugin_without_mappings_is_paid_with_its_total() -> None:
    refunded = PAID | {"refunds": [{"id": 1, "total": "-8.45"}]}
    assert content_of(refunded, **TAKEN_OVER, amount=None)["amount"] == "50.00"


def test_the_plugins_work_orders_alone_may_lack_the_shops_coupons() -> None:
    discounted = line(order(**PAID), subtotal="60.00", total="49.00")
    assert content_of(discounted, **TAKEN_OVER)["coupons"][0] == "11.00"
    assert "coupons" not in content_of(discounted)


@pytest.mark.parametrize(
    "meta",
    [
        {"_panelr_payment_submitted": "yes"},
        {"_panelr_state": "queued"},
        {"_panelr_state": "completed"},
        {"_panelr_status": "payment_submitted"},
    ],
)
def test_a_payment_that_the_plugin_told_is_not_told_again(meta: dict[str, str]) -> None:
    assert payment_of(with_meta(**meta), **TAKEN_OVER) is None


@pytest.mark.parametrize("meta", [{"_panelr_state": "sent"}, {"_panelr_payment_submitted": "0"}])
def test_an_order_that_the_plugin_only_sent_is_looked_at(meta: dict[str, str]) -> None:
    assert content_of(with_meta(**meta), **TAKEN_OVER)["looks_first"] is True


@pytest.mark.parametrize(
    ("work_order", "changes"),
    [
        (replace(WORK_ORDER, confirmation_token=None), COMPLETE),
        (replace(WORK_ORDER, confirmation_token=None), {"has_email": False}),
        (replace(WORK_ORDER, reference_code=None), {}),
    ],
    ids=["no token to complete with", "no proof", "no reference code"],
)
def test_an_order_of_the_plugin_that_cannot_be_paid_is_left_to_a_person(
    work_order: Any, changes: dict[str, Any]
) -> None:
    assert isinstance(payment_of(PAID, **TAKEN_OVER | changes, work_order=work_order), Escalate)


def test_an_order_of_the_plugin_without_token_and_status_waits_for_its_first_poll() -> None:
    unknown = replace(WORK_ORDER, confirmation_token=None, status=None)
    assert payment_of(PAID, **TAKEN_OVER, **COMPLETE, work_order=unknown) is None
    polled = replace(unknown, status="pending_payment")
    assert isinstance(payment_of(PAID, **TAKEN_OVER, **COMPLETE, work_order=polled), Escalate)


def test_only_an_amount_that_was_told_can_leave_a_balance() -> None:
    assert not created(UNPAID).has_reported_amount
    assert created(UNPAID, request=replace(REQUEST, payment_amount=Decimal(1))).has_reported_amount
