"""How a mapping's conditions are written, read and compared with a line's meta."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from panelr_bridge.domain.mapping_conditions import (
    Condition,
    fold,
    format_conditions,
    order_conditions,
    parse_conditions,
    read_meta,
)
from panelr_bridge.domain.mapping_input import ProductMapping, read_csv, read_json, write_csv
from panelr_bridge.errors import InvalidValue
from tests.support.properties import examples

DURATION = Condition(key="Duration", value="12 months")


def holds(condition: Condition, *entries: tuple[Any, Any]) -> bool:
    """Return whether a line with these entries meets the condition."""
    return condition.holds(read_meta(entries, {condition.key}))


@pytest.mark.parametrize(
    "key",
    [
        "Duration",
        "duration",
        " DURATION ",
        "Duration:",
        "Duration ($50,00)",
        "Duration (+$50.00)",
        "Duration (-5 %)",
        "Duration (&#36;50.00)",
        "Duration (&amp;#36;50.00)",
        "Duration&nbsp;(&pound;1.250,00)",
        "Duration (50,00 &euro;):",
        "Duration (<span class='amount'>50.00</span>)",
        "Duration (US$ 5)",
        "Duration (R$ 50)",
        "Duration (CHF 50)",
        "Duration (50 K\u010d)",
        "Duration (\u062f.\u0625 50)",
        "Duration ($5 / month)",
        "Dura\u200btion [$5]",
        "pa_duration",
        "attribute_pa_Duration",
    ],
)
def test_a_key_is_found_however_the_shop_decorates_it(key: str) -> None:
    assert holds(DURATION, (key, "12 months"))


@pytest.mark.parametrize(
    "key", ["Duration (12)", "Duration (trial)", "Duration 2", "My duration", "", None, 7, "_duration"]
)
def test_another_key_is_another_one(key: Any) -> None:
    assert not holds(DURATION, (key, "12 months"))


def test_a_number_in_parentheses_is_no_price() -> None:
    assert not holds(Condition(key="Screens (2)", value="x"), ("Screens (4)", "x"))
    assert not holds(Condition(key="Cable (10 ft)", value="x"), ("Cable (20 ft)", "x"))


def test_a_condition_copied_with_its_price_fits_after_a_change_of_the_price() -> None:
    assert holds(Condition(key="Duration ($50,00)", value="12 months"), ("Duration ($60,00)", "12 months"))


@pytest.mark.parametrize(
    "value",
    [
        "12 months",
        "12 Months ",
        "12&nbsp;months",
        "12 months (+$50.00)",
        '12 months <span class="hint">(&#36;50.00)</span>',
        ["1 month", "12 months"],
        [["12 months"]],
        {"label": "12 Months", "price": 50},
    ],
)
def test_a_value_is_found_in_any_form(value: Any) -> None:
    assert holds(DURATION, ("Duration", value))


@pytest.mark.parametrize(
    "value", ["2 months", "112 months", "12 months extra", "", None, [], {}, False, 12, "x" * 5000]
)
def test_another_value_is_another_one(value: Any) -> None:
    assert not holds(DURATION, ("Duration", value))


@pytest.mark.parametrize("value", ["4", 4, Decimal("4.0"), "4 (+$8.00)", ["4"], [4]])
def test_a_number_is_found_as_a_number_and_as_a_text(value: Any) -> None:
    assert holds(Condition(key="Connections", value="4"), ("Connections ($8,00)", value))


def test_the_slug_of_an_attribute_is_found_by_its_words() -> None:
    assert holds(Condition(key="Service length", value="12 Months"), ("pa_service-length", "12-months"))
    assert holds(Condition(key="pa_service-length", value="12-months"), ("pa_service-length", "12-months"))
    assert not holds(DURATION, ("Duration", "12-months"))


def test_a_price_that_is_the_choice_itself_tells_values_apart() -> None:
    assert holds(Condition(key="Credit", value="Top-up ($50)"), ("Credit", "Top-up ($50)"))
    assert not holds(Condition(key="Credit", value="Top-up ($50)"), ("Credit", "Top-up ($25)"))


def test_one_of_several_entries_with_one_key_is_enough() -> None:
    assert holds(DURATION, ("Duration", "1 month"), ("Duration ($50)", "12 months"))


@pytest.mark.parametrize(
    ("value", "expected"), [("yes", True), (4, True), ("x" * 5000, True), ("", False), (None, False)]
)
def test_a_condition_without_a_value_asks_for_any(value: Any, expected: bool) -> None:
    assert holds(Condition(key="Duration", value=None), ("Duration", value)) is expected


# Texts


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" ; ", ""),
        ("Duration=12 months; Connections=4", "connections=4; duration=12 months"),
        ("CONNECTIONS = 4;duration=12  Months;connections=4;", "connections=4; duration=12 months"),
        ("Duration ($50,00) = 12 months", "duration=12 months"),
        ("Duration", "duration"),
        (r"a\;b = c\;d\\", r"a\;b=c\;d\\"),
        (r"a\=b=c=d", r"a\=b=c\=d"),
        (r"path=C:\new", r"path=c:\\new"),
    ],
)
def test_conditions_are_written_in_one_form(text: str, canonical: str) -> None:
    assert format_conditions(parse_conditions(text)) == canonical
    assert format_conditions(parse_conditions(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("=12 months", "a condition has no key: write key=value"),
        ("Duration=", "the condition 'Duration' has no value: write key=value, or the key alone for any"),
        (f"{'k' * 101}=1", "longer than 100 characters"),
        (f"k={'v' * 201}", "longer than 200 characters"),
        ("; ".join(f"k{number}=1" for number in range(11)), "a mapping has at most 10 conditions"),
        ("; ".join(f"k{number}={'v' * 150}" for number in range(7)), "longer than 1000 bytes together"),
        ("Duration=<b></b>", "the value is empty"),
    ],
)
def test_conditions_that_cannot_be_used_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_conditions(text)


texts = st.text(min_size=1, max_size=20)


@given(st.lists(st.tuples(texts, st.none() | texts), max_size=5))
@examples(200)
def test_what_is_written_is_read_as_the_same(pairs: list[tuple[str, str | None]]) -> None:
    conditions = []
    for key, value in pairs:
        try:
            conditions.append(Condition(key=key, value=value))
        except ValidationError:  # nothing is left of it
            continue
    ordered = order_conditions(conditions)
    assert parse_conditions(format_conditions(ordered)) == ordered
    assert all(fold(each.key) == each.key for each in ordered)


# Mappings


def test_a_mapping_has_its_conditions_as_objects_or_as_a_text() -> None:
    listed = [{"key": "Duration", "value": "12 Months"}, {"key": "Connections", "value": 4}]
    first = ProductMapping(woo_product_id=101, panelr_product_id=5, conditions=listed)
    second = ProductMapping(woo_product_id=101, panelr_product_id=5, conditions="Connections=4; Duration=12 months")
    assert first == second
    assert first.as_row()["conditions"] == "connections=4; duration=12 months"
    assert ProductMapping(woo_product_id=101, panelr_product_id=5, conditions=None).as_row()["conditions"] == ""


@pytest.mark.parametrize(
    "conditions",
    [
        [{"key": "Duration"}],
        [{"key": "", "value": "1"}],
        [{"key": "Duration", "value": ""}],
        [{"key": "Duration", "value": True}],
        [{"key": "Duration", "value": ["1"]}],
        [{"key": "Duration", "value": "1", "more": "1"}],
        {"Duration": "12 months"},
        4,
    ],
)
def test_other_conditions_are_refused(conditions: Any) -> None:
    with pytest.raises(ValidationError):
        ProductMapping(woo_product_id=101, panelr_product_id=5, conditions=conditions)


def test_a_file_holds_conditions() -> None:
    head = "woo_product_id,conditions,panelr_product_id\n"
    (mapping,) = read_csv(head + "101,Duration=12 months; Connections=4,5\n")
    assert mapping.conditions == parse_conditions("Duration=12 months; Connections=4")
    assert read_csv(write_csv([mapping.as_row()])) == [mapping]
    assert read_json([mapping.model_dump(mode="json")]) == [mapping]
    excel = f'woo_product_id;conditions;panelr_product_id\n101;"{format_conditions(mapping.conditions)}";5\n'
    assert read_csv(excel) == [mapping]
    with pytest.raises(InvalidValue, match="line 2: conditions: the condition 'Duration' has no value"):
        read_csv(head + "101,Duration=,5\n")
