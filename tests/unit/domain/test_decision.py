"""From lines to items: which mapping a line finds, and the resulting item."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.cart import lookup_keys
from panelr_bridge.domain.decision import Create, Hold, Ignore, decide
from panelr_bridge.domain.models import CartItem, ItemIntent, OrderMappings, Reason, UnmappedLines, WorkOrderRequest
from panelr_bridge.domain.reckoning import Reckoning
from tests.support.bridge_kit import line, order
from tests.support.decisions import MAPPED, POLICY, codes, decision, item, maps, meta, read, request

SKIP = replace(POLICY, unmapped_lines=UnmappedLines.SKIP)
VARIATION, PRODUCT, SKU = maps("variation:18", 1), maps("product:12", 2), maps("sku:panel-1000", 3)


def test_a_valid_order_becomes_this_work_order() -> None:
    assert decision(order()) == Create(
        WorkOrderRequest(
            customer_email="ada@example.test",
            status="payment_submitted",
            items=(CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=1, activation_id=None),),
            wc_order_id="20",
            customer_name="Ada Lovelace",
            customer_phone="4155550100",
            payment_method_id=None,
            payment_amount=Decimal("58.45"),
            adjustment=None,
            source="woocommerce",
        ),
        Reckoning(target=Decimal("58.45")),
    )


def test_the_same_input_gives_the_same_decision_and_stays_as_it_is() -> None:
    snapshot = read(order())
    before = snapshot.model_copy(deep=True)
    catalogue = OrderMappings(mappings=MAPPED, payment_method_id=None, revision=1)
    assert decide(snapshot, catalogue, POLICY) == decide(snapshot, catalogue, POLICY)
    assert snapshot == before


@pytest.mark.parametrize(
    ("mappings", "product_id"),
    [
        ((SKU, PRODUCT, VARIATION), 1),
        ((VARIATION, PRODUCT, SKU), 1),
        ((SKU, VARIATION), 1),
        ((SKU, PRODUCT), 2),
        ((SKU,), 3),
    ],
)
def test_the_variation_goes_before_the_product_before_the_sku(mappings: Any, product_id: int) -> None:
    items = request(line(order(), variation_id=18), mappings).items
    assert [each.product_id for each in items] == [product_id]


def test_the_keys_of_an_order_are_those_of_all_its_lines() -> None:
    lines = [item(variation_id=18), item(product_id=0, sku=" Straße-1 "), item(product_id=0, sku=None)]
    assert lookup_keys(read(order(line_items=lines))) == {
        "variation:18",
        "product:12",
        "sku:panel-1000",
        "sku:strasse-1",
    }


@pytest.mark.parametrize("sku", ["PANEL-1000", "panel-1000", " Panel-1000 "])
def test_a_sku_is_compared_without_case_and_outer_spaces(sku: str) -> None:
    assert request(line(order(), product_id=0, sku=sku), (SKU,)).items[0].product_id == 3


def test_zero_and_empty_are_no_keys() -> None:
    held = decision(
        line(order(), product_id=0, sku=" "), (maps("product:0", 1), maps("variation:0", 1), maps("sku:", 1))
    )
    assert codes(held.reasons) == ["unmappable_line"]


def test_one_product_may_be_a_bundle() -> None:
    bundle = (maps("product:12", 1), maps("product:12", 4, quantity=3), maps("product:12", None))
    assert request(line(order(), quantity=2), bundle).items == (
        CartItem(product_id=1, intent=ItemIntent.NEW_ACTIVATION, qty=2),
        CartItem(product_id=4, intent=ItemIntent.NEW_ACTIVATION, qty=6),
    )


def test_a_bundle_that_cannot_be_sent_gives_its_reason_once() -> None:
    bundle = (maps("product:12", 1, ItemIntent.RENEWAL), maps("product:12", 4, ItemIntent.RENEWAL))
    assert codes(decision(order(), bundle).reasons) == ["no_activation_id"]


def test_the_items_keep_the_order_of_the_lines() -> None:
    lines = [item(product_id=1, sku=""), item(product_id=2, sku=""), item(product_id=1, sku="", id=2)]
    mappings = (maps("product:2", 5), maps("product:1", 4))
    assert [each.product_id for each in request(order(line_items=lines), mappings).items] == [4, 5, 4]


def test_a_line_mapped_to_nothing_is_left_out_without_holding_the_order() -> None:
    lines = [item(), item(product_id=99, sku="T-SHIRT")]
    items = request(order(line_items=lines), (*MAPPED, maps("sku:t-shirt", None))).items
    assert items == (CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=1),)


def test_a_variation_mapped_to_nothing_hides_its_product() -> None:
    decided = decision(line(order(), variation_id=18), (maps("variation:18", None), PRODUCT))
    assert isinstance(decided, Ignore)


def test_an_unmapped_line_is_left_out_where_the_policy_says_so() -> None:
    lines = [item(), item(product_id=99, sku="X"), item(product_id=0, sku=None)]
    assert len(request(order(line_items=lines), policy=SKIP).items) == 1


@pytest.mark.parametrize(
    ("content", "mappings", "words", "by_mappings"),
    [
        (order(), (maps("product:12", None),), "no line of this order is for Panelr", True),
        (order(), (), "no line of this order is for Panelr", True),
        (order(line_items=[]), (), "the order has no lines", False),
    ],
)
def test_an_order_without_anything_for_panelr_is_ignored(
    content: Any, mappings: Any, words: str, by_mappings: bool
) -> None:
    expected = Ignore((Reason("no_panelr_items", words),), by_mappings=by_mappings)
    assert decision(content, mappings, SKIP) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "no mapping for product 12, SKU PANEL-1000: add one, or map it to nothing"),
        ({"sku": " "}, "no mapping for product 12: add one, or map it to nothing"),
        ({"product_id": 0}, "no mapping for SKU PANEL-1000: add one, or map it to nothing"),
        (
            {"variation_id": 18, "sku": None},
            "no mapping for variation 18, product 12: add one, or map it to nothing",
        ),
    ],
)
def test_an_unmapped_line_is_named_by_all_that_it_could_be_mapped_by(changes: Any, words: str) -> None:
    expected = Hold((Reason("unmapped_product", words, "Panel Credits 1000"),))
    assert decision(line(order(), **changes), ()) == expected


@pytest.mark.parametrize(("name", "label"), [("", "line 1"), ("n" * 121, "n" * 120), ("Credits", "Credits")])
def test_a_reason_shows_its_line(name: str, label: str) -> None:
    assert decision(line(order(), name=name), ()).reasons[0].line == label


@pytest.mark.parametrize(
    ("quantity", "times", "qty"),
    [(1, 1, 1), (2, 3, 6), ("2", 1, 2), ("1.0", 1, 1), (2.5, 2, 5), ("0.25", 4, 1), (2147483647, 1, 2147483647)],
)
def test_the_quantity_is_the_lines_times_the_mappings(quantity: Any, times: int, qty: int) -> None:
    items = request(line(order(), quantity=quantity), (maps("product:12", 3, quantity=times),)).items
    assert [(each.qty, type(each.qty)) for each in items] == [(qty, int)]


@pytest.mark.parametrize(
    ("quantity", "times"), [(0, 1), (-1, 1), (1.5, 1), ("0.333", 3), (2147483648, 1), (1073741824, 2), (None, 1)]
)
def test_a_quantity_that_gives_no_whole_number_of_items_is_held(quantity: Any, times: int) -> None:
    decided = decision(line(order(), quantity=quantity), (maps("product:12", 3, quantity=times),))
    assert codes(decided.reasons) == ["unusable_quantity"]


@pytest.mark.parametrize(
    ("entries", "intent"),
    [
        ({}, "trial_upgrade"),
        ({"_panelr_intent": "renewal"}, "renewal"),
        ({"_panelr_intent": "new_activation", "panelr_intent": "renewal"}, "renewal"),
        ({"panelr_intent": " ", "_panelr_intent": " renewal "}, "renewal"),
    ],
)
def test_the_lines_intent_goes_before_the_mappings(entries: dict[str, Any], intent: str) -> None:
    content = line(order(), meta_data=meta(panelr_activation_id="77", **entries))
    assert request(content, (maps("product:12", 3, ItemIntent.TRIAL_UPGRADE),)).items[0].intent == intent


@pytest.mark.parametrize("key", ["panelr_intent", "_panelr_intent"])
@pytest.mark.parametrize("mappings", [MAPPED, ()])
def test_a_line_that_pays_for_an_existing_work_order_is_no_item(key: str, mappings: Any) -> None:
    decided = decision(line(order(), meta_data=meta(**{key: "balance_payment"})), mappings)
    assert isinstance(decided, Ignore)


@pytest.mark.parametrize("intent", [ItemIntent.RENEWAL, ItemIntent.TRIAL_UPGRADE])
@pytest.mark.parametrize(
    ("entries", "activation_id"),
    [
        ({"panelr_activation_id": "77"}, 77),
        ({"_panelr_activation_id": 78}, 78),
        ({"_panelr_activation_id": "78", "panelr_activation_id": "77"}, 77),
        ({"panelr_activation_id": "", "_panelr_activation_id": " 0079 "}, 79),
        ({"panelr_activation_id": "2147483647"}, 2147483647),
    ],
)
def test_an_activation_is_read_from_the_line(intent: ItemIntent, entries: Any, activation_id: int) -> None:
    items = request(line(order(), meta_data=meta(**entries)), (maps("product:12", 3, intent),)).items
    assert items == (CartItem(product_id=3, intent=intent, qty=1, activation_id=activation_id),)


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "abc", "77x", "7 7", "\u0667\u0667", "2147483648", "99999999999", 1.5, "77\n78"]
)
def test_an_activation_id_that_is_no_number_is_held(value: Any) -> None:
    content = line(order(), meta_data=meta(panelr_intent="renewal", panelr_activation_id=value))
    assert codes(decision(content).reasons) == ["unusable_activation_id"]
