"""Which of a customer's lines a renewal extends, when the order does not say."""

from dataclasses import replace
from typing import Any

import pytest

from panelr_bridge.domain.cart import map_lines
from panelr_bridge.domain.models import (
    CustomerLine,
    CustomerLines,
    ItemIntent,
    MappingTarget,
    OrderMappings,
    product_key,
)
from panelr_bridge.woocommerce.order_payload import Order
from tests.support.bridge_kit import order
from tests.support.decisions import POLICY, item, meta

LINE = CustomerLine(
    activation_id=100, status="active", is_trial=False, plugin_id=1, plugin_name="A", product_name="IPTV 1 Month"
)
TRIAL = replace(LINE, activation_id=200, status="trial_active", is_trial=True)
RENEWAL = MappingTarget(key=product_key(12), panelr_product_id=1, intent=ItemIntent.RENEWAL, quantity=1, plugin_id=1)


def read(
    *lines: CustomerLine, items: list[dict[str, Any]] | None = None, mapping: MappingTarget = RENEWAL
) -> list[Any]:
    """Return each line's activations, or the codes of the reasons."""
    content = order(line_items=items or [item(product_id=12)])
    told = CustomerLines(content["billing"]["email"], lines)
    catalogue = OrderMappings(mappings=(mapping,), payment_method_id=None, revision=1, lines=told)
    found = map_lines(Order.model_validate(content), catalogue, POLICY)
    return [[reason.code for reason in line.reasons] or [each.activation_id for each in line.items] for line in found]


def test_just_one_line_that_fits_is_taken() -> None:
    assert read(LINE, TRIAL) == [[100]]


@pytest.mark.parametrize("status", ["active", "expired", "suspended"])
def test_a_line_may_be_renewed_while_it_is_somebodys(status: str) -> None:
    assert read(replace(LINE, status=status)) == [[100]]


@pytest.mark.parametrize(
    "line",
    [
        replace(LINE, status="canceled"),
        replace(LINE, status=None),
        replace(LINE, is_trial=True),
        replace(LINE, plugin_id=2),
        TRIAL,
    ],
    ids=["canceled", "unknown", "a trial", "another plugin's", "an active trial"],
)
def test_what_does_not_fit_is_not_taken(line: CustomerLine) -> None:
    assert read(line) == [["no_fitting_line"]]


@pytest.mark.parametrize("side", ["line", "mapping"])
def test_a_plugin_that_is_not_known_excludes_nothing(side: str) -> None:
    line = replace(LINE, plugin_id=None) if side == "line" else LINE
    mapping = replace(RENEWAL, plugin_id=None) if side == "mapping" else RENEWAL
    assert read(line, mapping=mapping) == [[100]]


def test_two_that_fit_are_a_persons_choice() -> None:
    assert read(LINE, replace(LINE, activation_id=101)) == [["several_fitting_lines"]]


def test_a_trial_is_upgraded_and_nothing_else() -> None:
    upgrade = replace(RENEWAL, intent=ItemIntent.TRIAL_UPGRADE)
    assert read(LINE, TRIAL, mapping=upgrade) == [[200]]
    assert read(LINE, mapping=upgrade) == [["no_fitting_line"]]


def test_a_line_that_another_item_names_is_its_own() -> None:
    named = item(product_id=12, meta_data=meta(panelr_activation_id="100"))
    other = replace(LINE, activation_id=101)
    assert read(LINE, other, items=[named, item(product_id=12)]) == [[100], [101]]
    assert read(LINE, items=[named, item(product_id=12)]) == [[100], ["no_fitting_line"]]


def test_two_items_are_not_given_the_same_line() -> None:
    assert read(LINE, items=[item(product_id=12), item(product_id=12)]) == [["several_fitting_lines"]] * 2


def test_the_lines_of_another_customer_are_nobodys() -> None:
    told = CustomerLines("somebody@else.test", (LINE,))
    catalogue = OrderMappings(mappings=(RENEWAL,), payment_method_id=None, revision=1, lines=told)
    (line,) = map_lines(Order.model_validate(order(line_items=[item(product_id=12)])), catalogue, POLICY)
    assert [reason.code for reason in line.reasons] == ["no_activation_id"]


def test_while_panelr_has_not_been_asked_the_order_says_what_is_missing() -> None:
    catalogue = OrderMappings(mappings=(RENEWAL,), payment_method_id=None, revision=1)
    (line,) = map_lines(Order.model_validate(order(line_items=[item(product_id=12)])), catalogue, POLICY)
    assert [reason.code for reason in line.reasons] == ["no_activation_id"]
