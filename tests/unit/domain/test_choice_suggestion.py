"""The choices of add-ons in orders seen, and the mappings with conditions that they suggest."""

from typing import Any

import pytest

from panelr_bridge.domain.choice_suggestion import MOST_CHOICES, find_choices
from panelr_bridge.domain.mapping_conditions import format_conditions
from panelr_bridge.domain.mapping_suggestion import suggest
from panelr_bridge.domain.panelr_values import PanelrProduct
from panelr_bridge.woocommerce.order_payload import LineItem


def product(number: int, name: str, months: int, connections: int | None = None, **more: Any) -> PanelrProduct:
    fields = {"alternate_name": None, "plugin_id": 1, "is_trial": False, "price": None, "currency": "USD"} | more
    return PanelrProduct(id=number, name=name, duration_months=months, connections=connections, **fields)


OFFERED = [
    product(1, "IPTV 1 Month", 1, 1),
    product(2, "IPTV 12 Months", 12, 1),
    product(3, "IPTV 12 Months, 4 connections", 12, 4),
    product(4, "IPTV 1 Month, 4 connections", 1),
]


def line(entries: dict[str, Any], **more: Any) -> LineItem:
    metas = [{"key": key, "value": value} for key, value in entries.items()]
    fields = {"id": 1, "name": "IPTV 1 month", "product_id": 101, "quantity": 1, "subtotal": "1", "total": "1"}
    return LineItem.model_validate(fields | {"meta_data": metas} | more)


def found(*lines: LineItem) -> list[str]:
    return sorted(format_conditions(each.conditions) for each in find_choices(lines))


def suggested(*lines: LineItem) -> dict[str, int]:
    found = suggest(find_choices(lines), OFFERED)
    return {format_conditions(each.item.conditions): each.product.id for each in found}


def test_each_combination_is_matched_with_panelrs_product_of_its_length_and_connections() -> None:
    seen = [
        line({"Duration ($50,00)": "12 months", "Connections ($8,00)": "4"}),
        line({"Duration": "1 month", "Connections": "1"}),
        line({"Duration": "1 month", "Connections ($8,00)": 4}),
        line({"Duration ($50,00)": "12 Months", "Connections": "1"}),
    ]
    assert suggested(*seen, *seen) == {
        "connections=4; duration=12 months": 3,
        "connections=1; duration=1 month": 1,
        "connections=4; duration=1 month": 4,
        "connections=1; duration=12 months": 2,
    }


def test_a_combination_that_panelr_does_not_offer_is_not_suggested() -> None:
    seen = [line({"Duration": "12 months"}), line({"Duration": "7 months"}), line({"Duration": "12 months"})]
    assert found(*seen) == ["duration=12 months", "duration=7 months"]
    assert suggested(*seen) == {"duration=12 months": 2}


def test_one_order_is_enough_where_the_choice_has_a_price() -> None:
    assert found(line({"Duration (&#36;50,00)": "12 months"})) == ["duration=12 months"]
    assert found(line({"Duration": "12 months"})) == []


def test_what_differs_from_customer_to_customer_is_no_choice() -> None:
    seen = [
        line(
            {
                "Duration": f"{1 + number % 2} months",
                "Device - MAC address": f"00:1A:79:00:00:{number:02}",
                "Note": note,
            }
        )
        for number, note in enumerate(("hi", "please call", "thanks", "none"))
    ]
    assert found(*seen) == ["duration=1 months", "duration=2 months"]


def test_other_choices_count_where_they_repeat() -> None:
    seen = [line({"Device": name}) for name in ("MAG", "MAG", "Stick", "Stick")]
    assert found(*seen) == ["device=mag", "device=stick"]
    assert found(*seen[1:3]) == []


@pytest.mark.parametrize("key", ["_duration", "panelr_duration", "_panelr_intent"])
def test_hidden_keys_and_panelrs_own_are_no_choices(key: str) -> None:
    assert found(*(line({key: f"{number} months"}) for number in (1, 12))) == []


def test_the_attributes_of_a_variation_belong_to_the_variation() -> None:
    seen = [line({"pa_duration": f"{number}-months"}, variation_id=7) for number in (1, 12)]
    assert found(*seen) == []


def test_products_are_apart_and_lines_without_one_are_passed_over() -> None:
    seen = [line({"Duration": "1 month"}), line({"Duration": "12 months"}, product_id=102)]
    assert found(*seen, line({"Duration ($5)": "1 month"}, product_id=0)) == []


def test_the_number_of_choices_is_bounded() -> None:
    seen = [line({f"Choice {key} months": f"{key * number % 7}" for key in range(1, 8)}) for number in range(600)]
    assert len(find_choices(seen)) <= MOST_CHOICES
    assert found(*(line({f"Duration {key} ($5)": "1 month" for key in range(40)}) for _ in range(2))) == []
