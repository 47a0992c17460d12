"""Every reason for which `decide` holds an order, each with one defect."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from panelr_bridge.domain import (
    activation_match,
    cart,
    continuation,
    currency,
    customer_email,
    deposits,
    line_intent,
    plugin_meta,
    refunds,
)
from panelr_bridge.domain import decision as module
from panelr_bridge.domain.decision import Hold
from panelr_bridge.domain.models import UnmappedLines
from tests.support.bridge_kit import line, order
from tests.support.decisions import POLICY, codes, decision, item, meta

HELD = {
    "unmapped_product": line(order(), product_id=99),
    "unmappable_line": line(order(), product_id=0, sku=None),
    "unknown_intent": line(order(), meta_data=meta(panelr_intent="refill")),
    "unusable_quantity": line(order(), quantity=1.5),
    "no_activation_id": line(order(), meta_data=meta(panelr_intent="renewal")),
    "unusable_activation_id": line(order(), meta_data=meta(panelr_intent="renewal", panelr_activation_id="x")),
    "no_email": order(billing={}),
    "unusable_email": order(billing={"email": "ada"}),
    "unmapped_payment_method": order(payment_method="stripe"),
    "unreadable": order(total="NAN"),
    "too_many_lines": order(line_items=[{"id": number} for number in range(1, 1002)]),
    "contradicting_intent": line(order(), meta_data=meta(panelr_intent="new_activation", panelr_activation_id="77")),
    "refunded_before_creation": order(refunds=[{"id": 9, "total": "-10.00"}]),
    "deposit_due": order(meta_data=meta(_order_due_ammount="4.99")),
    "unusable_reference_code": order(meta_data=meta(_panelr_reference_code="W" * 101)),
}
BY_LINES = {"no_fitting_line", "several_fitting_lines"}  # tests/unit/domain/test_cart.py
ELSEWHERE = {
    *(
        "adopted_from_plugin",
        "adopted_from_order",
        "deleted",
        "ended_before_creation",
        "not_placed",
        "status_not_called_for",
    ),
    *(
        "token_not_adopted",
        "balance_payment",
        "plugin_will_send",
        "sent_by_plugin_too",
    ),  # tests/unit/domain/test_plugin_meta.py
    *("currency_differs", "price_unknown"),  # tests/unit/domain/test_decision_prices.py
    *("no_panelr_items", "ended_after_creation", "refunded_after_creation", "items_changed", "total_changed"),
    *("email_changed", "deposit_rest_paid", "refunded_in_full"),
    *("sub_order", "switch", "second_payment", "continues_order"),  # tests/unit/domain/test_relation.py
    *("awaits_first_order", "first_order_unknown", "relation_hidden", "relation_changed"),
}


@pytest.mark.parametrize("code", HELD)
def test_one_fault_holds_the_order_with_one_reason(code: str) -> None:
    policy = replace(POLICY, require_payment_method=code == "unmapped_payment_method")
    decided = decision(HELD[code], policy=policy)
    assert isinstance(decided, Hold)
    assert codes(decided.reasons) == [code]


def test_every_reason_of_the_module_is_tested() -> None:
    source = "".join(
        Path(str(each.__file__)).read_text()
        for each in (
            module,
            cart,
            continuation,
            activation_match,
            currency,
            customer_email,
            deposits,
            line_intent,
            plugin_meta,
            refunds,
        )
    )
    found = set(re.findall(r'Reason\(\s*"(\w+)"', source))
    assert found == HELD.keys() | BY_LINES | ELSEWHERE


def test_a_held_order_names_all_that_must_be_mended_at_once() -> None:
    lines = [item(product_id=99), item(), item(id=2, quantity=0.5), item(product_id=0, sku=None)]
    content = order(line_items=lines, billing={"email": ""}, payment_method="cod")
    decided = decision(content, policy=replace(POLICY, require_payment_method=True))
    assert codes(decided.reasons) == [
        *("unmapped_product", "unusable_quantity", "unmappable_line", "no_email", "unmapped_payment_method")
    ]


def test_a_fault_of_a_line_holds_also_where_unmapped_lines_are_skipped() -> None:
    lines = [item(quantity=0.5), item(product_id=99, sku="X")]
    decided = decision(order(line_items=lines), policy=replace(POLICY, unmapped_lines=UnmappedLines.SKIP))
    assert codes(decided.reasons) == ["unusable_quantity"]
