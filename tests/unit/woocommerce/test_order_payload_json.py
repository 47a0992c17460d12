"""The two JSON readers: the fast one equals the standard one, which handles what the fast one refuses."""

import contextlib
import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge import json_codec
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce import order_payload

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)
SLIPS = [
    b'"',
    b"\\",
    b"{",
    b"]",
    b",",
    b":",
    b"-",
    b".",
    b"e",
    b"0",
    b"\x00",
    b"\xff",
    b"NaN",
    b"\\ud800",
    b"\xed\xa0\x80",
]


def told(value: Any) -> Any:
    """Return a value with its types: 1 is not True, and 1.0 is not 1."""
    if isinstance(value, dict):
        return {key: told(each) for key, each in value.items()}
    return [told(each) for each in value] if isinstance(value, list) else (type(value), repr(value))


def patient(body: bytes) -> Any:
    return json_codec.read_lenient(body, allow_nan=False)


ORDER = {
    "id": 31,
    "status": "processing",
    "billing": {"email": "ada@example.test"},
    "line_items": [{"id": 1, "name": "Box", "product_id": 7, "meta_data": []}],
    "fee_lines": [{"name": "Express", "total": "5.00"}],
    "coupon_lines": [{"code": "ten"}],
    "refunds": [{"total": "-1.00"}],
    "meta_data": [{"key": "a", "value": {"b": 1}}],
}
PLACES: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda order: order,
    lambda order: order["billing"],
    *(lambda order, name=name: order[name][0] for name in ("line_items", "fee_lines", "coupon_lines", "refunds")),
]
NAMES = sorted(
    {
        *order_payload.Order.model_fields,
        *order_payload.LineItem.model_fields,
        *order_payload.BillingAddress.model_fields,
        "code",
    }
)


def understood(read: Callable[[bytes], Any], body: bytes) -> Any:
    with contextlib.suppress(UnreadableBody):
        return order_payload._validate_order(read(body))
    return None


@given(st.sampled_from(PLACES), st.sampled_from(NAMES) | st.text(max_size=5), values)
def test_an_order_is_the_same_whether_all_of_it_is_read_or_what_is_needed(
    place: Callable[[dict[str, Any]], dict[str, Any]], name: str, value: Any
) -> None:
    """A plugin may put anything anywhere."""
    order = copy.deepcopy(ORDER)
    place(order)[name] = value
    body = simplejson.dumps(order, use_decimal=True).encode()
    assert understood(order_payload._read_object, body) == understood(patient, body)


def test_what_is_not_needed_is_passed_over() -> None:
    content = order_payload._read_object(
        b'{"id": 31, "shipping": {"a": 1}, "code": "x", "line_items": [{"sku": "b", "c": 2}]}'
    )
    assert content == {"id": 31, "code": "x", "line_items": [{"sku": "b"}]}


@given(values, st.booleans(), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(SLIPS)), max_size=2))
def test_what_the_quick_reader_takes_is_read_alike(value: Any, plain: bool, slips: list[tuple[float, bytes]]) -> None:
    body = simplejson.dumps(value, use_decimal=True, ensure_ascii=plain).encode()
    for where, slip in slips:
        place = int(where * len(body))
        body = body[:place] + slip + body[place:]
    with contextlib.suppress(msgspec.MsgspecError, ValueError, ArithmeticError):
        read = json_codec._FAST_DECODER.decode(body)
        assert told(read) == told(patient(body))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'\xef\xbb\xbf{"total": 1.10}', {"total": Decimal("1.10")}),
        ('{"status": "é"}'.encode("utf-16"), {"status": "é"}),
        (b'{"status": "\\ud800"}', {"status": "\ud800"}),
        (b'{"status": "\xed\xa0\x80"}', {"status": "\ud800"}),
    ],
    ids=["a mark of the byte order", "another encoding", "a lone surrogate", "a lone surrogate as bytes"],
)
def test_what_the_quick_reader_refuses_is_read_all_the_same(body: bytes, expected: Any) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        json_codec._FAST_DECODER.decode(body)
    assert order_payload._read_object(body) == expected


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": NAN}', b'{"a": 1}}', b"[" * 100_000, b'{"id": 1' + b"0" * 5000 + b"}"]
)
def test_what_is_no_json_is_reported_as_such(body: bytes) -> None:
    with pytest.raises(UnreadableBody, match="the body is not JSON"):
        order_payload._read_object(body)
