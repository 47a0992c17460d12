"""Which mappings a line gets when mappings have conditions."""

from typing import Any

import pytest

from panelr_bridge.domain.cart import MappedLine, map_lines
from panelr_bridge.domain.mapping_conditions import parse_conditions
from panelr_bridge.domain.models import ItemIntent, MappingTarget, OrderMappings, OrderPolicy, UnmappedLines
from panelr_bridge.woocommerce.order_payload import Order
from tests.support.bridge_kit import order
from tests.support.decisions import POLICY

ADDONS = {"Duration ($50,00)": "12 months", "Connections ($8,00)": "4"}
SKIP = OrderPolicy(
    create_on=POLICY.create_on,
    status_map=POLICY.status_map,
    unmapped_lines=UnmappedLines.SKIP,
    wc_order_id=POLICY.wc_order_id,
    require_payment_method=False,
)


def target(panelr_product_id: int | None, when: str = "", key: str = "product:101") -> MappingTarget:
    return MappingTarget(
        key=key,
        panelr_product_id=panelr_product_id,
        intent=ItemIntent.NEW_ACTIVATION,
        quantity=1,
        conditions=parse_conditions(when),
    )


def item(entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    metas = [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(entries.items())]
    fields = {"id": 1, "name": "IPTV", "product_id": 101, "variation_id": 0, "sku": "", "quantity": 1}
    return fields | {"meta_data": metas, "subtotal": "10.00", "total": "10.00"} | more


def mapped(*lines: dict[str, Any], by: tuple[MappingTarget, ...], policy: OrderPolicy = POLICY) -> list[MappedLine]:
    found = Order.model_validate(
        order(line_items=[each | {"id": number} for number, each in enumerate(lines, start=1)])
    )
    return map_lines(found, OrderMappings(mappings=by, payment_method_id=None, revision=1), policy)


def products(line: dict[str, Any], *by: MappingTarget) -> list[int] | str:
    """Return the Panelr products of a line, or the code of its reason."""
    (only,) = mapped(line, by=by)
    return only.reasons[0].code if only.reasons else [each.product_id for each in only.items]


def words(line: dict[str, Any], *by: MappingTarget) -> str:
    ((reason,),) = (each.reasons for each in mapped(line, by=by))
    return reason.words


def test_the_mapping_whose_conditions_hold_is_chosen() -> None:
    by = (target(1, "Duration=1 month"), target(2, "Duration=12 months"))
    assert products(item(ADDONS), *by) == [2]
    assert products(item({"DURATION": "1 Month"}), *by) == [1]


def test_all_conditions_must_hold() -> None:
    by = (target(1), target(2, "Duration=12 months; Connections=2"))
    assert products(item(ADDONS), *by) == [1]


def test_the_most_conditions_win_whatever_the_order_of_the_mappings() -> None:
    by = (target(3, "Connections=4; Duration=12 months"), target(1), target(2, "Duration=12 months"))
    assert products(item(ADDONS), *by) == [3]
    assert products(item(ADDONS), *reversed(by)) == [3]
    assert products(item({"Duration": "12 months"}), *by) == [2]
    assert products(item({}), *by) == [1]


def test_a_value_wins_over_any_value() -> None:
    by = (target(1, "Duration"), target(2, "Duration=12 months"))
    assert products(item(ADDONS), *by) == [2]
    assert products(item({"Duration": "9 months"}), *by) == [1]


def test_among_equally_many_conditions_the_more_exact_key_wins() -> None:
    by = (
        target(1, "Duration=12 months", key="sku:iptv"),
        target(2, "Duration=12 months"),
        target(3, "Connections=4", key="variation:7"),
    )
    line = item(ADDONS, variation_id=7, sku="IPTV")
    assert products(line, *by) == [3]
    assert products(line, *by[:2]) == [2]


def test_more_conditions_win_over_a_more_exact_key() -> None:
    by = (target(1, key="variation:7"), target(2, "Duration=12 months"))
    assert products(item(ADDONS, variation_id=7), *by) == [2]
    assert products(item({}, variation_id=7), *by) == [1]


def test_a_variation_whose_conditions_do_not_hold_falls_back_to_its_product() -> None:
    by = (target(3, "Duration=1 month", key="variation:7"), target(2))
    assert products(item(ADDONS, variation_id=7), *by) == [2]


def test_several_with_equal_conditions_are_a_bundle() -> None:
    by = (target(2, "Duration=12 months"), target(4, "duration = 12 Months"), target(1, "Duration=1 month"))
    assert products(item(ADDONS), *by) == [2, 4]


def test_two_plans_in_one_order_are_two_items() -> None:
    by = (target(1, "Duration=1 month"), target(2, "Duration=12 months"))
    lines = mapped(item({"Duration": "1 month"}), item(ADDONS), by=by)
    assert [[each.product_id for each in line.items] for line in lines] == [[1], [2]]


def test_a_choice_may_be_nothing_for_panelr() -> None:
    assert products(item({"Gift card": "yes"}), target(None, "Gift card=yes"), target(1)) == []


def test_two_that_fit_equally_well_are_a_persons_choice() -> None:
    by = (target(1, "Duration=12 months"), target(2, "Connections=4"))
    assert products(item(ADDONS), *by) == "several_fitting_mappings"
    assert words(item(ADDONS), *by) == (
        "two mappings for product 101 fit equally well, one with duration=12 months, one with connections=4:"
        " add one with the conditions of both, or delete one"
    )
    assert products(item(ADDONS), *by, target(3, "Duration=12 months; Connections=4")) == [3]


def test_where_none_fits_the_reason_names_the_lines_meta() -> None:
    by = (target(1, "Duration=1 month"),)
    line = item(
        {"_hidden": "x", "E-mail": "a@b.test", "Note": "hi", **ADDONS, "panelr_intent": ""}, variation_id=7, sku="S"
    )
    assert products(line, *by) == "no_fitting_mapping"
    assert words(line, *by) == (
        "no mapping for variation 7, product 101, SKU S with Duration ($50,00): 12 months, Note: hi,"
        " Connections ($8,00): 4: add one"
    )
    assert words(item({}), *by) == "no mapping for product 101 without the meta that its mappings ask for: add one"


def test_a_reason_stays_short_whatever_the_line_holds() -> None:
    line = item({f"k{number}" * 100: ["v" * 5000] * 50 for number in range(50)})
    found = words(line, target(1, "Duration=1 month"))
    assert found.endswith(", ...: add one")
    assert len(found) < 1200


def test_a_line_that_no_mapping_fits_is_held_even_where_unmapped_lines_are_left_out() -> None:
    """Its product is for Panelr."""
    (line,) = mapped(item(ADDONS), by=(target(1, "Duration=1 month"),), policy=SKIP)
    assert [reason.code for reason in line.reasons] == ["no_fitting_mapping"]
    (line,) = mapped(item(ADDONS, product_id=9), by=(target(1, "Duration=1 month"),), policy=SKIP)
    assert (line.items, line.reasons) == ((), ())


@pytest.mark.parametrize("meta", [None, False, [], {}, [None, 7, {"value": "12 months"}, {"key": "Duration"}]])
def test_odd_meta_meets_no_condition_and_breaks_nothing(meta: Any) -> None:
    by = (target(1, "Duration=1 month"), target(2, "Duration"))
    assert products(item({}) | {"meta_data": meta}, *by) == "no_fitting_mapping"
