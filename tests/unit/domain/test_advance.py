"""The effect of a newer snapshot on an order with a history."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.decision import (
    Adopt,
    Create,
    Decision,
    Hold,
    Ignore,
    Wait,
    awaits_mapping,
    changes_since,
    next_state,
)
from panelr_bridge.domain.models import CartItem, ItemIntent, OrderState, Reason, WorkOrderRequest
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.reckoning import Reckoning
from tests.support.bridge_kit import line, order
from tests.support.decisions import item, meta, read

REQUEST = WorkOrderRequest(
    customer_email="ada@example.test",
    status="payment_submitted",
    items=(CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=1),),
    wc_order_id="20",
    payment_amount=Decimal("58.45"),
)
WHY = (Reason("code", "words"),)
CREATE, ADOPT, HOLD, WAIT, IGNORE = (
    Create(REQUEST, Reckoning(target=Decimal("58.45"))),
    Adopt(WorkOrder(reference_code="WO-1"), WHY),
    Hold(WHY),
    Wait(WHY),
    Ignore(WHY),
)
UNMAPPED = Ignore(WHY, by_mappings=True)
LED = [(CREATE, "queued"), (ADOPT, "created"), (HOLD, "held"), (WAIT, "waiting"), (IGNORE, "ignored")]


@pytest.mark.parametrize("state", ["created", "sending", "unconfirmed", "closed"])
@pytest.mark.parametrize("decision", [CREATE, ADOPT, HOLD, WAIT, IGNORE])
def test_a_work_order_that_exists_or_may_exist_is_never_decided_away(state: str, decision: Decision) -> None:
    assert next_state(state=OrderState(state), decision=decision) == state


@pytest.mark.parametrize("state", ["ignored", "waiting", "held", "queued", "refused"])
@pytest.mark.parametrize(("decision", "after"), LED)
def test_otherwise_the_decision_leads(state: str, decision: Decision, after: str) -> None:
    assert next_state(state=OrderState(state), decision=decision) == after


def test_every_state_either_stays_or_is_led() -> None:
    tested = {"created", "sending", "unconfirmed", "closed", "ignored", "waiting", "held", "queued", "refused"}
    assert tested == set(OrderState)


def test_what_panelr_refused_is_not_sent_again_unchanged() -> None:
    assert next_state(state=OrderState.REFUSED, decision=CREATE, refused=replace(REQUEST)) is OrderState.REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_email": "other@example.test"},
        {"items": (CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=2),)},
        {"payment_amount": Decimal("58.46")},
        {"payment_method_id": 1},
    ],
)
def test_what_panelr_refused_is_sent_again_once_it_has_changed(changes: dict[str, Any]) -> None:
    assert (
        next_state(state=OrderState.REFUSED, decision=CREATE, refused=replace(REQUEST, **changes)) is OrderState.QUEUED
    )


@pytest.mark.parametrize(("decision", "after"), LED[1:])
def test_a_refused_order_that_calls_for_something_else_gets_that(decision: Decision, after: str) -> None:
    assert next_state(state=OrderState.REFUSED, decision=decision, refused=REQUEST) == after


@pytest.mark.parametrize("state", ["ignored", "waiting", "held", "queued"])
def test_an_old_refusal_holds_nothing_up_that_has_left_the_state(state: str) -> None:
    assert next_state(state=OrderState(state), decision=CREATE, refused=REQUEST) is OrderState.QUEUED


@pytest.mark.parametrize(
    ("state", "decision", "waits"),
    [
        ("held", HOLD, True),
        ("refused", CREATE, True),
        ("ignored", UNMAPPED, True),
        ("ignored", IGNORE, False),
        ("waiting", WAIT, False),
        ("queued", CREATE, False),
        ("created", ADOPT, False),
        ("created", CREATE, False),
    ],
)
def test_a_mapping_wakes_only_orders_that_it_could_lead_on(state: str, decision: Decision, waits: bool) -> None:
    assert awaits_mapping(state=OrderState(state), decision=decision) is waits


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change.code, change.words) for change in changes_since(sent=read(before), now=read(after))]


@pytest.mark.parametrize(
    ("status", "word"),
    [("cancelled", "cancelled"), ("refunded", "refunded"), ("failed", "failed"), ("trash", "deleted")],
)
def test_an_order_that_ended_needs_attention(status: str, word: str) -> None:
    words = f"the order is {word} in WooCommerce: check its work order in Panelr"
    assert told(order(), order(status=status)) == [("ended_after_creation", words)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("processing", "completed"),
        ("on-hold", "processing"),
        ("processing", "pending"),
        ("failed", "failed"),
        ("cancelled", "processing"),
    ],
)
def test_other_statuses_need_none(before: str, after: str) -> None:
    assert told(order(status=before), order(status=after)) == []


def refunds(*totals: str) -> list[dict[str, Any]]:
    return [{"id": number, "reason": "", "total": total} for number, total in enumerate(totals, 27)]


@pytest.mark.parametrize(
    ("before", "after", "currency", "amount"),
    [
        ([], refunds("-10.00"), "USD", "10.00 USD"),
        (refunds("-10.00"), refunds("-10.00", "-0.45"), "EUR", "0.45 EUR"),
        ([], refunds("-1.10", "-2.20"), "", "3.30"),
    ],
)
def test_a_refund_after_creation_is_reported_by_its_amount(before: Any, after: Any, currency: str, amount: str) -> None:
    assert told(order(refunds=before), order(refunds=after, currency=currency)) == [
        ("refunded_after_creation", f"{amount} was refunded after the work order was created")
    ]


@pytest.mark.parametrize("after", [refunds("-10.00"), []])
def test_a_refund_that_was_there_before_is_not_told(after: Any) -> None:
    assert told(order(refunds=refunds("-10.00")), order(refunds=after)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 2},
        {"product_id": 13},
        {"variation_id": 18},
        {"meta_data": meta(panelr_intent="renewal")},
        {"meta_data": meta(_panelr_activation_id="77")},
    ],
)
def test_a_line_that_means_something_else_to_panelr_needs_attention(changes: dict[str, Any]) -> None:
    words = "the order's items changed after the work order was created"
    assert told(order(), line(order(), **changes)) == [("items_changed", words)]


@pytest.mark.parametrize("after", [[], [item(), item(id=2)]])
def test_a_line_that_came_or_went_needs_attention(after: Any) -> None:
    assert [code for code, _ in told(order(), order(line_items=after))] == ["items_changed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 9, "name": "Renamed", "sku": "NEW-SKU"},
        {"meta_data": meta(colour="blue", panelr_intent="")},
        {"quantity": "1.0"},
        {"total": "48.00"},
    ],
)
def test_a_line_that_means_the_same_to_panelr_needs_none(changes: dict[str, Any]) -> None:
    assert told(order(), line(order(), **changes)) == []


def test_lines_in_another_order_are_the_same_lines() -> None:
    one, two = item(product_id=1, meta_data=meta(panelr_intent="renewal")), item(id=2, product_id=1)
    assert told(order(line_items=[one, two]), order(line_items=[two, one])) == []


def test_another_total_needs_attention() -> None:
    words = "the order's total was 58.45 and is 60.00 now"
    assert told(order(), order(total="60.00")) == [("total_changed", words)]


def test_the_same_total_written_otherwise_needs_none() -> None:
    assert told(order(total="58.50"), order(total=58.5)) == []


def test_all_changes_are_reported_together() -> None:
    after = line(order(status="refunded", total="0.00", refunds=refunds("-58.45")), quantity=0)
    assert [code for code, _ in told(order(), after)] == [
        *("ended_after_creation", "refunded_after_creation", "items_changed", "total_changed")
    ]
