"""Writing JSON: the fast writer equals the standard one, which handles what the fast one refuses."""

import json
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge import json_codec
from panelr_bridge.domain.models import OrderState

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(OrderState)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=15
)


@given(values)
def test_what_is_written_in_ascii_is_read_as_it_was(value: Any) -> None:
    text = json_codec.ascii_only(value)
    assert text.isascii()
    assert text.replace("\x7f", "\\u007f") == simplejson.dumps(value, use_decimal=True, separators=(",", ":"))


@given(values)
def test_what_is_written_for_readers_means_the_same(value: Any) -> None:
    assert simplejson.loads(json_codec.utf8(value), use_decimal=True) == simplejson.loads(
        json_codec.ascii_only(value), use_decimal=True
    )


@pytest.mark.parametrize(
    ("value", "ascii_only", "utf8"),
    [
        ({"name": "é"}, '{"name":"\\u00e9"}', '{"name":"é"}'.encode()),
        (["\ud800"], '["\\ud800"]', b'["\\ud800"]'),
        ({"total": Decimal("1.10"), "n": 2**80}, f'{{"total":1.10,"n":{2**80}}}', b'{"total":1.10,"n":%d}' % 2**80),
    ],
    ids=["another alphabet", "half a surrogate pair", "numbers as exact as they are"],
)
def test_what_is_written(value: Any, ascii_only: str, utf8: bytes) -> None:
    assert json_codec.ascii_only(value) == ascii_only
    assert json_codec.utf8(value) == utf8
    assert json.loads(ascii_only)


@pytest.mark.parametrize("write", [json_codec.ascii_only, json_codec.utf8])
def test_what_json_has_no_form_for_is_refused(write: Any) -> None:
    with pytest.raises(TypeError):
        write({"a": object()})
