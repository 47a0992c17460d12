"""Any body that is no order raises Unreadable and nothing else."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import LARGEST_LIST
from panelr_bridge.woocommerce.order_payload import parse, read_order
from tests.support.bridge_kit import line, order
from tests.support.decisions import read
from tests.support.properties import examples

TOPICS = ("order.created", "order.updated", "order.restored", "order.deleted")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.sampled_from("a1 .-\x00\ud800é"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("0abe"), inner, max_size=4),
    max_leaves=8,
)


def raw(field: str, text: str) -> bytes:
    """Return the valid order with the JSON text of one field replaced."""
    return json.dumps(order(**{field: "@@"})).replace('"@@"', text).encode()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"webhook_id=1", b"{", b'{"id":20', b'{"id":20}x', b"<html></html>", b"\xff\xfe\xfa", b"\x00" * 9),
        *(b"{'id': 20}", b'{"id":0x14}', b'{"id":\xff}'),
    ],
)
@pytest.mark.parametrize("topic", TOPICS)
def test_a_body_that_is_no_json_is_unreadable(topic: str, body: bytes) -> None:
    with pytest.raises(UnreadableBody, match=r"^the body is not JSON: "):
        parse(body=body, topic=topic)


@pytest.mark.parametrize("body", [b"null", b"true", b"7", b'"x"', b"[]", b'[{"id":20}]'])
@pytest.mark.parametrize("topic", TOPICS)
def test_json_that_is_no_object_is_unreadable(topic: str, body: bytes) -> None:
    with pytest.raises(UnreadableBody, match=r"^the body is JSON, but not an object$"):
        parse(body=body, topic=topic)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b'{"id":20,"x":' + b"[" * 200_000])
@pytest.mark.parametrize("topic", TOPICS)
def test_nesting_without_an_end_is_unreadable(topic: str, body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        parse(body=body, topic=topic)


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-1", "null", "true", '"abc"', "1.5", "[]", "{}", '""', "9223372036854775808", "NaN", "-Infinity"),
        *("9" * length for length in (300, 5_000)),
    ],
)
def test_an_order_without_a_readable_id_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableBody):
        read_order(raw("id", text))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *[("status", text) for text in ("[]", "{}", "true", '["a", "b"]', '"\\u200b"')],
        *[
            ("total", text)
            for text in ("NaN", "Infinity", '"NaN"', '"sNaN"', '"-Infinity"', '"ten"', "[]", "{}", "true")
        ],
        *[("total", text) for text in ("1e400", "1234567890123456789", '"1,50"', '"1\\ud800"')],
        *[("line_items", text) for text in ("7", '"x"', "true", "[7]", "[null]", '[{"product_id":-1}]')],
        *[("line_items", text) for text in ('[{"quantity":"many"}]', '[{"product_id":"x"}]', '[{"total":[]}]')],
        *[("billing", text) for text in ('"x"', "7", '{"email":{"a":1}}')],
    ],
)
def test_an_order_with_an_impossible_field_is_an_order_with_that_field_named(field: str, text: str) -> None:
    found = read_order(raw(field, text))
    assert (found.id, len(found.unreadable)) == (20, 1)
    assert found.unreadable[0].words.startswith(field)


@pytest.mark.parametrize("field", ["total", "a_field_of_a_plugin"])
def test_an_exponent_larger_than_a_decimal_takes_is_read_or_unreadable(field: str) -> None:
    with contextlib.suppress(UnreadableBody):
        read_order(raw(field, "1e99999999999999999999"))


@pytest.mark.parametrize("field", ["status", "total", "line_items"])
def test_an_order_without_what_makes_it_one_says_so(field: str) -> None:
    content = {name: value for name, value in order().items() if name != field}
    assert [each.words for each in read(content).unreadable] == [f"{field} is missing"]


def test_a_body_without_an_id_is_no_order() -> None:
    with pytest.raises(UnreadableBody, match=r"^the body is not a readable order: id: "):
        read({name: value for name, value in order().items() if name != "id"})


def test_a_broken_character_in_a_name_does_not_hide_the_order() -> None:
    body = json.dumps(order(billing=order()["billing"] | {"first_name": "Ze"})).replace("Ze", "Z@@").encode()
    found = read_order(body.replace(b"@@", b"\xff\xc3"))
    assert (found.id, found.unreadable, found.billing.first_name) == (20, (), "Z\ufffd\ufffd")


def test_a_list_without_an_end_is_read_to_its_bound() -> None:
    found = read_order(raw("line_items", "[" + ",".join(["7"] * 50_000) + "]"))
    assert len(found.unreadable) == LARGEST_LIST + 1


@pytest.mark.parametrize("given_id", [None, "", 0, -1, True, 1.0, 1.5, "x", "-1", "1.0", "²", [], {}, 2**63, "9" * 30])
def test_a_deletion_without_an_id_is_unreadable(given_id: Any) -> None:
    with pytest.raises(UnreadableBody, match=r"^the body of an order\.deleted holds no order id$"):
        parse(body=json.dumps({"id": given_id}).encode(), topic="order.deleted")


@examples(150)
@given(body=st.binary(max_size=80), topic=st.sampled_from(TOPICS))
def test_any_bytes_are_read_or_unreadable(body: bytes, topic: str) -> None:
    with contextlib.suppress(UnreadableBody):
        parse(body=body, topic=topic)


@examples(150)
@given(content=anything, topic=st.sampled_from(TOPICS))
def test_any_json_is_read_or_unreadable(content: Any, topic: str) -> None:
    with contextlib.suppress(UnreadableBody):
        parse(body=json.dumps(content).encode(), topic=topic)


@examples(200)
@given(
    field=st.sampled_from(sorted(order())),
    of_line=st.sampled_from(sorted(order()["line_items"][0])),
    in_line=st.booleans(),
    value=anything,
)
def test_an_order_with_any_one_field_broken_is_read_or_unreadable(
    field: str, of_line: str, in_line: bool, value: Any
) -> None:
    content = line(order(), **{of_line: value}) if in_line else order(**{field: value})
    with contextlib.suppress(UnreadableBody):
        found = read_order(json.dumps(content).encode())
        assert isinstance(found.total, Decimal)
        "".join((found.status, found.number, found.billing.email)).encode()  # storable
        found.meta("a")
