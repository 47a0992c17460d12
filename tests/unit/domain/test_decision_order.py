"""The work order's status, customer, names and amounts from an order."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.decision import Hold, Ignore, Wait
from panelr_bridge.domain.models import PriceAdjustment, Reason, UnmappedLines, WcOrderId
from tests.support.bridge_kit import line, order
from tests.support.decisions import MAPPED, POLICY, codes, decision, item, maps, meta, request

OUT = maps("sku:out", None)
SHIRT = item(product_id=99, sku="OUT", subtotal="20.00", total="15.00", total_tax="1.24")


@pytest.mark.parametrize(
    ("status", "panelr_status"),
    [
        ("on-hold", "pending_payment"),
        ("processing", "payment_submitted"),
        ("completed", "payment_submitted"),
    ],
)
def test_the_status_is_translated(status: str, panelr_status: str) -> None:
    assert request(order(status=status)).status == panelr_status


@pytest.mark.parametrize(
    ("status", "panelr_status"),
    [("pending", "pending_payment"), ("failed", "payment_failed"), ("cancelled", "canceled"), ("refunded", "canceled")],
)
def test_the_policy_may_call_for_work_orders_in_other_statuses(status: str, panelr_status: str) -> None:
    assert request(order(status=status), policy=replace(POLICY, create_on=frozenset({status}))).status == panelr_status


@pytest.mark.parametrize("status", ["cancelled", "refunded", "failed"])
def test_an_order_that_ended_before_it_was_sent_is_ignored(status: str) -> None:
    words = f"the order is {status} and was never sent to Panelr"
    assert decision(order(status=status)) == Ignore((Reason("ended_before_creation", words),), by_mappings=False)


@pytest.mark.parametrize("create_on", [POLICY.create_on, frozenset({"trash"})])
def test_a_deleted_order_is_ignored_whatever_the_policy(create_on: frozenset[str]) -> None:
    expected = Ignore((Reason("deleted", "the order was deleted in WooCommerce"),), by_mappings=False)
    assert decision(order(status="trash"), policy=replace(POLICY, create_on=create_on)) == expected


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "draft", "new"])
def test_an_order_that_is_not_placed_waits(status: str) -> None:
    words = f"the order is not placed yet: its status is {status}"
    assert decision(order(status=status)) == Wait((Reason("not_placed", words),))


@pytest.mark.parametrize(("status", "told"), [("pending", "pending"), ("wc-custom", "custom")])
def test_a_status_that_calls_for_nothing_waits(status: str, told: str) -> None:
    words = f"the status {told} does not call for a work order (BRIDGE_CREATE_ON)"
    assert decision(order(status=status)) == Wait((Reason("status_not_called_for", words),))


def test_the_status_is_looked_at_before_the_lines_and_the_customer() -> None:
    assert isinstance(decision(line(order(status="pending", billing={}), product_id=99)), Wait)


@pytest.mark.parametrize(
    ("billing", "entries", "email"),
    [
        ({"email": "ada@example.test"}, {}, "ada@example.test"),
        ({"email": " Ada+shop@Example.test\n"}, {}, "Ada+shop@Example.test"),
        ({"email": "ada@example.test"}, {"_panelr_customer_email": "other@example.test"}, "other@example.test"),
        ({"email": "ada@example.test"}, {"_panelr_customer_email": " "}, "ada@example.test"),
        ({}, {"_panelr_customer_email": "other@example.test"}, "other@example.test"),
    ],
)
def test_the_email_is_the_plugins_else_that_of_the_billing_address(billing: Any, entries: Any, email: str) -> None:
    assert request(order(billing=billing, meta_data=meta(**entries))).customer_email == email


@pytest.mark.parametrize(
    "email",
    [
        *("ada", "ada@", "@example.test", "ada@example", "ada@example.", "ada@@example.test", "a b@example.test"),
        *("<ada@example.test>", "a@x.test,b@x.test", "a@x.test; b@x.test", "ada@exa\x85mple.test", "ada@exa mple.test"),
    ],
)
def test_an_email_that_panelr_would_refuse_is_held_and_not_repeated(email: str) -> None:
    words = "Panelr would not accept the order's e-mail address: correct it"
    assert decision(order(billing={"email": email})) == Hold((Reason("unusable_email", words),))


def test_an_email_longer_than_any_address_is_held() -> None:
    decided = decision(order(billing={"email": f"{'a' * 250}@example.test"}))
    assert codes(decided.reasons) == ["unusable_email"]


@pytest.mark.parametrize("billing", [{}, [], None, {"email": ""}, {"email": None}, {"email": " \n"}])
def test_an_order_without_an_email_is_held(billing: Any) -> None:
    words = "the order has no e-mail address, and Panelr needs one"
    assert decision(order(billing=billing)) == Hold((Reason("no_email", words),))


@pytest.mark.parametrize(
    ("first", "last", "entries", "name"),
    [
        ("Ada", "Lovelace", {}, "Ada Lovelace"),
        (" Ada  Byron ", "\tLovelace\n", {}, "Ada Byron Lovelace"),
        ("", "Lovelace", {}, "Lovelace"),
        ("", " ", {}, None),
        ("Ada", "Lovelace", {"_panelr_customer_name": "Countess  of Lovelace"}, "Countess of Lovelace"),
    ],
)
def test_the_name_is_the_plugins_else_that_of_the_billing_address(
    first: str, last: str, entries: Any, name: str | None
) -> None:
    billing = {"email": "ada@example.test", "first_name": first, "last_name": last}
    assert request(order(billing=billing, meta_data=meta(**entries))).customer_name == name


@pytest.mark.parametrize(("phone", "told"), [(" +1 415 ", "+1 415"), (4155550100, "4155550100"), ("", None)])
def test_the_phone_is_sent_where_there_is_one(phone: Any, told: str | None) -> None:
    assert request(order(billing={"email": "ada@example.test", "phone": phone})).customer_phone == told


@pytest.mark.parametrize(
    ("which", "changes", "told"),
    [
        (WcOrderId.ID, {}, "20"),
        (WcOrderId.NUMBER, {"number": "SHOP-0020"}, "SHOP-0020"),
        (WcOrderId.NUMBER, {"number": ""}, "20"),
        (WcOrderId.ORDER_KEY, {}, "wc_order_OXaToR5G7lUTK"),
        (WcOrderId.ORDER_KEY, {"order_key": None}, "20"),
    ],
)
def test_panelr_gets_the_name_of_the_order_that_the_policy_chooses(which: WcOrderId, changes: Any, told: str) -> None:
    assert request(order(**changes), policy=replace(POLICY, wc_order_id=which)).wc_order_id == told


@pytest.mark.parametrize("required", [True, False])
def test_a_mapped_payment_method_is_sent(required: bool) -> None:
    policy = replace(POLICY, require_payment_method=required)
    assert request(order(payment_method="bacs"), policy=policy, payment_method_id=2).payment_method_id == 2


def test_an_unmapped_payment_method_is_left_out() -> None:
    assert request(order(payment_method="stripe")).payment_method_id is None


@pytest.mark.parametrize(("method", "told"), [("stripe", "stripe"), ("", "(none)")])
def test_an_unmapped_payment_method_is_held_where_the_policy_requires_one(method: str, told: str) -> None:
    decided = decision(order(payment_method=method), policy=replace(POLICY, require_payment_method=True))
    assert decided == Hold((Reason("unmapped_payment_method", f"no mapping for the payment method {told}"),))


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({}, "58.45"),
        ({"date_paid_gmt": None}, None),
        ({"date_paid_gmt": ""}, None),
        ({"total": "0.00"}, "0.00"),
        ({"total": "-5.00"}, "0.00"),
        ({"total": "1234567.8900"}, "1234567.89"),
        ({"total": "19.990000000000002"}, "19.99"),
        ({"total": "4002.00", "currency": "JPY"}, "4002"),
        ({"total": "4002.50", "currency": "JPY"}, "4002.50"),
        ({"total": "4.125", "currency": "KWD"}, "4.125"),
        ({"line_items": [item(), item(id=2)]}, "58.45"),
        # Panelr's part of it: 49.00 + 4.04, no shipping, no fee
        ({"line_items": [item(), SHIRT], "fee_lines": [{"name": "Fee", "total": "3.00"}]}, "53.04"),
        ({"line_items": [item(), SHIRT], "date_paid_gmt": None}, None),
        ({"line_items": [item(total="0.10", total_tax="0.20"), SHIRT]}, "0.30"),
        ({"line_items": [item(), item(id=2, meta_data=meta(panelr_intent="balance_payment"), total="7.00")]}, "53.04"),
    ],
)
def test_the_amount_is_what_was_paid_for_panelrs_part(changes: Any, amount: str | None) -> None:
    paid = request(order(**changes), (*MAPPED, OUT)).payment_amount
    assert (paid is None and amount is None) or str(paid) == amount


def test_lines_that_are_skipped_are_not_paid_to_panelr() -> None:
    content = order(line_items=[item(), item(product_id=98, sku="X")])
    policy = replace(POLICY, unmapped_lines=UnmappedLines.SKIP)
    assert request(content, policy=policy).payment_amount == Decimal("53.04")


def fees(**totals: str) -> list[dict[str, str]]:
    return [{"name": name, "total": total} for name, total in totals.items()]


RIG10 = {"coupon_lines": [{"code": "rig10"}]}
REDUCED = item(subtotal="98.00", total="88.20")


@pytest.mark.parametrize(
    ("changes", "direction", "label", "amount"),
    [
        ({"line_items": [REDUCED], **RIG10}, "discount", "rig10", "9.80"),
        ({"fee_lines": fees(Rush="3.50", Card="0.25")}, "fee", "Rush, Card", "3.75"),
        ({"line_items": [REDUCED], **RIG10, "fee_lines": fees(Rush="10.00")}, "fee", "rig10, Rush", "0.20"),
        ({"line_items": [REDUCED], **RIG10, "fee_lines": fees(Rush="5.00")}, "discount", "rig10, Rush", "4.80"),
        ({"fee_lines": fees(Loyalty="-2.00")}, "discount", "Loyalty", "2.00"),
        ({"line_items": [item(total="50.00")]}, "fee", "Fee", "1.00"),
        ({"line_items": [REDUCED]}, "discount", "Discount", "9.80"),
        ({"line_items": [REDUCED], "coupon_lines": [{"code": " a\n b "}, {"code": ""}]}, "discount", "a b", "9.80"),
        ({"fee_lines": fees(Rush="3.50"), **RIG10}, "fee", "Rush", "3.50"),
        # the shirt's discount of 5.00 and the order's fees are not Panelr's
        ({"line_items": [REDUCED, SHIRT], **RIG10, "fee_lines": fees(Rush="3.50")}, "discount", "rig10", "9.80"),
    ],
)
def test_fees_minus_discounts_are_one_adjustment(changes: Any, direction: str, label: str, amount: str) -> None:
    expected = PriceAdjustment(direction=direction, label=label, amount=Decimal(amount))
    assert request(order(**changes), (*MAPPED, OUT)).adjustment == expected


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"line_items": [REDUCED], **RIG10, "fee_lines": fees(Rush="9.80")},
        {"line_items": [item(), SHIRT], **RIG10, "fee_lines": fees(Rush="3.50")},
        {"fee_lines": fees(Nothing="0.00")},
    ],
)
def test_nothing_to_adjust_is_no_adjustment(changes: Any) -> None:
    assert request(order(**changes), (*MAPPED, OUT)).adjustment is None


def test_the_label_of_an_adjustment_is_cut() -> None:
    adjustment = request(order(fee_lines=fees(**{"f" * 300: "1.00"}))).adjustment
    assert adjustment == PriceAdjustment(direction="fee", label="f" * 190, amount=Decimal("1.00"))
