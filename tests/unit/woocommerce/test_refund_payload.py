"""The refunds in the shop's answer: which lines, how many, how much, in the forms in which shops write them."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.refund_payload import RefundedLine, ShopRefunds, read_refunds


def part(of: Any, quantity: Any = -1, total: Any = "-10.00", tax: Any = "-0.83") -> dict[str, Any]:
    """Return a refund's line for the order's line `of`."""
    metas = [] if of is None else [{"id": 1, "key": "_refunded_item_id", "value": of}]
    return {"id": 77, "quantity": quantity, "total": total, "total_tax": tax, "meta_data": metas}


def refund(*lines: dict[str, Any], amount: Any = "10.83", **more: Any) -> dict[str, Any]:
    """Return a refund as wc/v3 shows it."""
    return {"id": 9, "amount": amount, "line_items": list(lines), "shipping_lines": [], "fee_lines": []} | more


TEN = RefundedLine(Decimal(1), Decimal("10.00"), Decimal("0.83"))


@pytest.mark.parametrize("of", ["5", 5])
@pytest.mark.parametrize(("quantity", "total"), [(-1, "-10.00"), (1, "10.00"), ("-1", "-10"), (-1, -10)])
def test_a_refunded_line_is_known_by_its_number_whatever_the_signs(of: Any, quantity: Any, total: Any) -> None:
    found = read_refunds([refund(part(of, quantity, total))], ids=[9])
    assert found == ShopRefunds(frozenset({9}), Decimal("10.83"), {5: TEN}, Decimal(0))


def test_refunds_of_one_line_add_up_and_shipping_and_fees_stay_apart() -> None:
    more = {"shipping_lines": [part("8", 0, "-4.00", "-0.95")], "fee_lines": [part("7", 0, "-2.00", "0.00")]}
    found = read_refunds(
        [refund(part("5")), refund(part("5", 0, "-3.00", "0"), id=10, amount="9.95", **more)], ids=[9, 10]
    )
    assert found.lines == {5: RefundedLine(Decimal(1), Decimal("13.00"), Decimal("0.83"))}
    assert (found.total, found.others) == (Decimal("20.78"), Decimal("6.95"))


@pytest.mark.parametrize("of", [None, "", "x", "-5", [5], {"a": 1}])
def test_a_line_without_a_readable_number_belongs_to_no_line_of_the_order(of: Any) -> None:
    assert read_refunds([refund(part(of))], ids=[9]).lines.keys() == {0}


@pytest.mark.parametrize("nothing", [None, False, "", [], {}])
def test_phps_forms_of_an_empty_list_are_read(nothing: Any) -> None:
    empty = dict.fromkeys(("line_items", "shipping_lines", "fee_lines"), nothing)
    assert read_refunds([refund(**empty)], ids=[9]).lines == {}


def test_a_refund_that_stands_twice_counts_once() -> None:
    assert read_refunds([refund(part("5")), refund(part("5"))], ids=[9]).lines == {5: TEN}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (refund(amount="ten"), "the refunds' amount cannot be read"),
        ({"id": 9}, "the refunds' amount cannot be read"),
        (refund(part("5", total="x")), "the refunds' line_items.0.total"),
    ],
)
def test_what_cannot_be_read_is_named(content: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableBody) as raised:
        read_refunds([content], ids=[9])
    assert str(raised.value).startswith(words)


def test_the_stored_form_is_read_back() -> None:
    found = read_refunds([refund(part("5"))], ids=[9])
    assert ShopRefunds.from_json(found.as_json()) == found
