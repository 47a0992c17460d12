"""Answers of Panelr with one part that is something else: what a property test gives to a reader."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

ODD_NUMBERS = st.sampled_from([10**30, -(10**30), 2**63, -1, 0, 1.5, float("nan"), float("inf"), 1e300])
ODD_TEXTS = st.sampled_from(["", " ", "NaN", "-1", "1e9", "9,99", "\ud800", "\x00", "x" * 1000, "9" * 30])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | ODD_NUMBERS | st.text(max_size=6) | ODD_TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["0", "1", "id", "items", "amount", "discount", "status"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def answers(valid: Any) -> st.SearchStrategy[Any]:
    """Return data of any kind, or `valid` data in which one part at any depth is replaced or removed.

    The data are as an answer's body gives them: fractions are Decimals, NaN is a float.
    """
    broken = st.tuples(st.sampled_from(list(_paths(valid))), json_values, st.booleans()).map(
        lambda drawn: _replace(valid, *drawn)
    )
    return (json_values | broken).map(lambda data: json.loads(json.dumps(data, default=str), parse_float=Decimal))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _paths(part, (*path, key))


def _replace(value: Any, path: tuple[Any, ...], other: Any, remove: bool) -> Any:
    if not path:
        return other
    key, *rest = path
    copy = value.copy()
    if remove and not rest:
        del copy[key]
    else:
        copy[key] = _replace(value[key], tuple(rest), other, remove)
    return copy
