"""The fast reader of usual fields gives the same values as the full one."""

from decimal import Decimal
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import GetPydanticSchema, TypeAdapter, ValidationError

from panelr_bridge.woocommerce.json_fields import (
    Amount,
    Currency,
    Money,
    Quantity,
    Reference,
    Status,
    Text,
    find_faults,
)
from panelr_bridge.woocommerce.unreadable_fields import UnreadableField
from tests.support.bridge_kit import line, order
from tests.support.decisions import read
from tests.support.properties import examples

NUMBERS = ["0", "-0", "1", "12", "058.450", "-1.50", "+1", "1_0", ".5", "5.", "1e3", "NaN", "-", "1,50", "\u0661", "²"]
LONG = ["9" * 12, "9" * 13, "9" * 18, "9" * 19, "0.0000001"]
LONG += [f"{'9' * 12}.{'9' * 6}", f"{'9' * 13}.{'9' * 6}", f"{'9' * 12}.{'9' * 7}"]
TEXTS = [
    "processing",
    "wc-x",
    "w",
    "-",
    "USD",
    "usd",
    "",
    " 12",
    "12\n",
    "a\x00b",
    "a\x1fb",
    "a\tb\r\n",
    "a\x7fb",
    "a\x80b",
    "\ud800",
    "\u2028",
    "🎉",
]
WHOLE = [0, 1, -1, 10**9 - 1, 10**9, 10**17, 10**18, 2**63 - 1, 2**63, 10**40]
OTHERS = [True, False, None, Decimal("1.0"), Decimal("1E+2"), Decimal("1E-30"), [], {}, ["1"], {"0": "1"}]
EDGES: list[Any] = [*NUMBERS, *LONG, *TEXTS, *WHOLE, *OTHERS]
values = (
    st.sampled_from(EDGES)
    | st.text(st.sampled_from("0123456789.-+eE_ \n"), max_size=22)
    | st.text(st.characters(), max_size=6)
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False, allow_infinity=False)
)


def both_ways(kind: Any) -> tuple[TypeAdapter[Any], TypeAdapter[Any]]:
    """Return a field as it is, and without its fast reader, which is the last one."""
    plain, *more, short = get_args(kind)
    assert isinstance(short, GetPydanticSchema)
    long: Any = Annotated[(plain, *more)]
    return TypeAdapter(kind), TypeAdapter(long)


KINDS = {
    "text": both_ways(Text),
    "money": both_ways(Money),
    "amount": both_ways(Amount),
    "status": both_ways(Status),
    "currency": both_ways(Currency),
    "quantity": both_ways(Quantity),
    "reference": both_ways(Reference),
}


def outcome(adapter: TypeAdapter[Any], value: Any) -> tuple[str, str]:
    """Return the value that is read, or the error."""
    try:
        found = adapter.validate_python(value)
    except ValidationError as error:
        ((_, fault),) = find_faults(error)
        return "unreadable", fault["msg"]
    return type(found).__name__, repr(found)


@pytest.mark.parametrize("kind", KINDS)
def test_the_short_way_reads_what_the_long_one_does(kind: str) -> None:
    short, long = KINDS[kind]
    for value in EDGES:
        assert outcome(short, value) == outcome(long, value), repr(value)


@examples(300)
@given(value=values, kind=st.sampled_from(sorted(KINDS)))
def test_any_value_is_read_the_same_both_ways(value: Any, kind: str) -> None:
    short, long = KINDS[kind]
    assert outcome(short, value) == outcome(long, value)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"status": True}, "status holds 'True', which cannot be read"),
        ({"status": []}, "status is empty"),
        ({"status": "?!"}, "status holds '?!', which cannot be read"),
        ({"total": "ten", "number": {"a": 1}}, "total holds 'ten', which cannot be read"),
        ({"total": ""}, "total is empty"),
        (
            {"total": "1,234,567,890,123,456,789.00 and more of it, and more"},
            "total holds '1,234,567,890,123,456,789.00 and more of'\u2026, which cannot be read",
        ),
        ({"total": "1234567890123456789"}, "total holds '1234567890123456789', which cannot be read"),
        ({"currency": {"code": "USD"}}, "currency holds an object, which cannot be read"),
        ({"currency": ["USD", "EUR"]}, "currency holds a list of 2, which cannot be read"),
        ({"refunds": [None, {"total": "x"}]}, "refunds.1.total holds 'x', which cannot be read"),
        ({"refunds": [{"total": "-1.00"}, {"id": 9}]}, "refunds.1.total is missing"),
        ({"refunds": [{"total": ""}]}, "refunds.0.total is empty"),
        ({"refunds": [{"total": None}]}, "refunds.0.total is empty"),
        ({"refunds": [{"id": 9, "amount": "10.00"}]}, "refunds.0.total is missing"),
        ({"parent_id": "an order"}, "parent_id holds 'an order', which cannot be read"),
        ({"parent_id": {"id": 9}}, "parent_id holds an object, which cannot be read"),
        ({"parent_id": -1}, "parent_id holds '-1', which cannot be read"),
        ({"fee_lines": [7]}, "fee_lines.0 holds '7', which cannot be read"),
        ({"fee_lines": "none"}, "fee_lines holds 'none', which cannot be read"),
        ({"line_items": [None]}, "line_items.0 is empty"),
        ({"line_items": False}, "line_items is empty"),
        ({"date_paid_gmt": "soon"}, "date_paid_gmt holds 'soon', which cannot be read"),
        ({"billing": "ada"}, "billing cannot be read"),
        (
            {"billing": {"email": {"address": "ada@example.test"}}},
            "billing.email holds an object, which cannot be read",
        ),
        ({"total": "ada@example.test"}, "total cannot be read"),
    ],
)
def test_an_important_field_is_named_with_its_value_unless_that_is_personal(broken: Any, words: str) -> None:
    assert read(order(**broken)).unreadable == (UnreadableField(words),)


def test_a_field_of_a_line_is_named_by_its_place_and_its_line() -> None:
    (line_item,) = order()["line_items"]
    found = read(order(line_items=[line_item, line_item | {"id": 2, "name": "Box", "quantity": "many"}]))
    words = "line_items.1.quantity holds 'many', which cannot be read"
    assert (found.unreadable, len(found.line_items)) == ((UnreadableField(words, "Box"),), 2)


def test_every_unreadable_field_is_named_and_the_others_are_read() -> None:
    found = read(line(order(total="NAN", status="wc-Processing"), total="INF", product_id=-1, sku="A-1"))
    assert [field.words.split()[0] for field in found.unreadable] == [
        *("total", "line_items.0.product_id", "line_items.0.total"),
    ]
    assert (found.status, found.line_items[0].sku, found.billing.email) == ("processing", "A-1", "ada@example.test")


def test_a_body_cannot_claim_to_be_unreadable() -> None:
    assert read(order(unreadable=["x"])) == read(order())


def test_one_odd_meta_entry_leaves_the_others_as_they_are() -> None:
    odd: list[Any] = [
        None,
        7,
        "key",
        [],
        {},
        {"key": "a"},
        {"value": "b"},
        {"key": ["a"], "value": "c"},
        {"key": 1, "value": "d"},
    ]
    good = {"id": 1, "key": "panelr_intent", "value": "renewal"}
    for entry in odd:
        assert read(order(meta_data=[entry, good])).meta("a", "panelr_intent") == "renewal"
