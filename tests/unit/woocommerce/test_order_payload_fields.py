"""The fast reader of usual fields gives the same values as the full one."""

import json
from decimal import Decimal
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import GetPydanticSchema, TypeAdapter, ValidationError

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import Money, Quantity, Reference, Text, why_unreadable
from panelr_bridge.woocommerce.order_payload import read_order
from tests.support.bridge_kit import line, order
from tests.support.decisions import read
from tests.support.properties import examples

NUMBERS = ["0", "-0", "1", "12", "058.450", "-1.50", "+1", "1_0", ".5", "5.", "1e3", "NaN", "-", "1,50", "\u0661", "²"]
LONG = ["9" * 12, "9" * 13, "9" * 18, "9" * 19, "0.0000001"]
LONG += [f"{'9' * 12}.{'9' * 6}", f"{'9' * 13}.{'9' * 6}", f"{'9' * 12}.{'9' * 7}"]
TEXTS = ["", " 12", "12\n", "a\x00b", "a\x1fb", "a\tb\r\n", "a\x7fb", "a\x80b", "\ud800", "\u2028", "🎉"]
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
    "quantity": both_ways(Quantity),
    "reference": both_ways(Reference),
}


def outcome(adapter: TypeAdapter[Any], value: Any) -> tuple[str, str]:
    """Return the value that is read, or the error."""
    try:
        found = adapter.validate_python(value)
    except ValidationError as error:
        return "unreadable", why_unreadable(error)
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
        ({"status": []}, "status: Input should be a valid string"),
        ({"total": "ten", "number": {}}, "number: Input should be a valid string"),
        ({"total": True}, "total: Decimal input should be an integer, float, string or Decimal object"),
        ({"total": "1234567890123456789"}, "total: Decimal input should have no more than 18 digits in total"),
        ({"billing": {"phone": {}}}, "billing.phone: Input should be a valid string"),
        ({"refunds": [{}, {"total": "x"}]}, "refunds.1.total: Input should be a valid decimal"),
    ],
)
def test_the_words_are_those_of_the_first_field_and_tell_of_no_short_way(broken: Any, words: str) -> None:
    with pytest.raises(UnreadableBody) as caught:
        read_order(json.dumps(order(**broken)).encode())
    assert str(caught.value) == f"the body is not a readable order: {words}"


def test_a_line_is_named_by_its_place() -> None:
    with pytest.raises(
        UnreadableBody, match=r": line_items\.0\.product_id: Input should be greater than or equal to 0$"
    ):
        read(line(order(), product_id=-1))


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
