"""Which of a customer's lines a renewal extends, when the order does not say."""

from dataclasses import replace
from typing import Any

import pytest

from panelr_bridge.domain.cart import MappedLine, map_lines
from panelr_bridge.domain.models import ItemIntent, MappingTarget, OrderMappings, product_key
from panelr_bridge.domain.panelr_values import CustomerLine, CustomerLines
from panelr_bridge.woocommerce.order_payload import Order
from tests.support.bridge_kit import order
from tests.support.decisions import POLICY, item, meta

LINE = CustomerLine(
    activation_id=100, status="active", is_trial=False, plugin_id=1, plugin_name="A", product_name="IPTV 1 Month"
)
TRIAL = replace(LINE, activation_id=200, status="trial_active", is_trial=True)
RENEWAL = MappingTarget(
    key=product_key(12), panelr_product_id=1, intent=ItemIntent.RENEWAL, quantity=1, plugin_id=1, connections=2
)


def read(
    *lines: CustomerLine, items: list[dict[str, Any]] | None = None, mapping: MappingTarget = RENEWAL
) -> list[Any]:
    """Return each line's activations, or the codes of the reasons."""
    found = mapped(*lines, items=items, mapping=mapping)
    return [[reason.code for reason in line.reasons] or [each.activation_id for each in line.items] for line in found]


def words(*lines: CustomerLine) -> str:
    """Return the words of the only reason."""
    ((reason,),) = (line.reasons for line in mapped(*lines))
    return reason.words


def mapped(
    *lines: CustomerLine, items: list[dict[str, Any]] | None = None, mapping: MappingTarget = RENEWAL
) -> list[MappedLine]:
    content = order(line_items=items or [item(product_id=12)])
    told = CustomerLines(content["billing"]["email"], lines)
    catalogue = OrderMappings(mappings=(mapping,), payment_method_id=None, revision=1, lines=told)
    return map_lines(Order.model_validate(content), catalogue, POLICY)


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
        replace(LINE, plugin_id=2),
        replace(LINE, connections=3),
        replace(TRIAL, status="canceled"),
        replace(TRIAL, status=None),
    ],
    ids=["canceled", "unknown", "another service's", "more connections", "a canceled trial", "an unknown trial"],
)
def test_what_does_not_fit_is_not_taken(line: CustomerLine) -> None:
    assert read(line) == [["no_fitting_line"]]


@pytest.mark.parametrize("connections", [1, 2, None])
def test_a_renewal_has_at_least_the_connections_of_its_line(connections: int | None) -> None:
    assert read(replace(LINE, connections=connections)) == [[100]]
    assert read(replace(LINE, connections=9), mapping=replace(RENEWAL, connections=None)) == [[100]]


def test_the_connections_and_the_service_decide_between_lines() -> None:
    larger, other = replace(LINE, activation_id=101, connections=3), replace(LINE, activation_id=102, plugin_id=2)
    assert read(larger, LINE, other) == [[100]]


@pytest.mark.parametrize("status", ["trial_active", "active", "expired", "suspended"])
def test_a_free_trial_is_renewed_to_any_product(status: str) -> None:
    assert read(replace(TRIAL, status=status, plugin_id=2, connections=5)) == [[200]]
    assert read(replace(TRIAL, is_trial=None)) == [[200]]


def test_two_trials_are_a_persons_choice() -> None:
    assert read(TRIAL, replace(TRIAL, activation_id=201)) == [["several_fitting_lines"]]


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


def test_a_person_sees_the_lines_to_choose_from() -> None:
    first = replace(LINE, connections=1, expiration_date="2026-12-31 00:00:00", usernames=("adalovelace", "ada"))
    second = replace(LINE, activation_id=101, plugin_name=None, product_name=None, status="expired")
    assert words(first, second) == (
        "more than one line of this customer fits this renewal: choose one (orders resolve NUMBER --activation ID),"
        " or set panelr_activation_id"
        " (activation 100: IPTV 1 Month, A, 1 connection, active, until 2026-12-31, user adal…, user ada;"
        " activation 101: expired)"
    )


def test_lines_that_do_not_fit_are_shown_too() -> None:
    held = words(replace(LINE, connections=3), replace(TRIAL, status="canceled"))
    assert held == (
        "no line of this customer at Panelr fits this renewal: choose one (orders resolve NUMBER --activation ID),"
        " or set panelr_activation_id"
        " (activation 100: IPTV 1 Month, A, 3 connections, active; activation 200: IPTV 1 Month, A, canceled)"
    )
    assert words() == (
        "no line of this customer at Panelr fits this renewal: choose one (orders resolve NUMBER --activation ID),"
        " or set panelr_activation_id"
        " (Panelr shows no other line of this customer)"
    )


def test_a_reason_stays_short_and_shows_no_address_however_many_lines_there_are() -> None:
    line = replace(
        LINE,
        plugin_name="grace@example.test",
        product_name="p" * 500,
        expiration_date="e" * 500,
        usernames=("ada@example.test",) * 50,
    )
    held = words(*(replace(line, activation_id=2**31 - number) for number in range(1, 100)))
    assert held.endswith("; and 94 more)")
    assert len(held) < 800
    assert "@" not in held
    assert "example" not in held
