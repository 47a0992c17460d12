"""The intent of a line, however it is spelled: understood or held, never read as a new activation."""

from typing import Any

import pytest

from panelr_bridge.domain.models import CartItem, ItemIntent
from tests.support.bridge_kit import line, order
from tests.support.decisions import codes, decision, item, maps, meta, request

RENEWAL = (CartItem(product_id=3, intent=ItemIntent.RENEWAL, qty=1, activation_id=77),)
BUNDLE = (maps("product:12", 3), maps("product:12", 4))


def with_meta(**entries: Any) -> dict[str, Any]:
    return line(order(), meta_data=meta(**entries))


@pytest.mark.parametrize(
    "intent", ["renewal", "Renewal", " RENEWAL ", "renew", "Renewals", ["renewal"], "renewal\u200b"]
)
@pytest.mark.parametrize("key", ["panelr_intent", "_panelr_intent", "Panelr_Intent", "PANELR-INTENT", "Panelr intent"])
def test_a_renewal_is_understood_in_any_spelling(key: str, intent: Any) -> None:
    assert request(with_meta(**{key: intent, "panelr_activation_id": "77"})).items == RENEWAL


@pytest.mark.parametrize(
    "key", ["pa_panelr_intent", "pa_panelr-intent", "attribute_pa_panelr-intent", "Panelr&nbsp;intent"]
)
def test_an_attribute_and_an_escaped_key_say_an_intent_too(key: str) -> None:
    assert request(with_meta(**{key: "renewal", "panelr_activation_id": "77"})).items == RENEWAL


def entries(*pairs: tuple[str, Any]) -> dict[str, Any]:
    """Return an order whose line has these meta entries, a key perhaps twice."""
    return line(
        order(), meta_data=[{"id": place, "key": key, "value": value} for place, (key, value) in enumerate(pairs)]
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (entries(("panelr_intent", "renewal"), ("panelr_intent", "new_activation")), "unknown_intent"),
        (entries(("panelr_intent", "new"), ("_panelr_intent", "renewal")), "unknown_intent"),
        (entries(("panelr_activation_id", "77"), ("panelr_activation_id", "78")), "unusable_activation_id"),
        (
            line(order(meta_data=meta(panelr_intent="renewal")), meta_data=meta(panelr_intent="new")),
            "contradicting_intent",
        ),
        (
            line(order(meta_data=meta(panelr_activation_id="7")), meta_data=meta(panelr_intent="new")),
            "contradicting_intent",
        ),
    ],
)
def test_what_is_said_in_two_ways_is_held(content: dict[str, Any], code: str) -> None:
    assert codes(decision(content).reasons) == [code]


def test_what_is_said_twice_in_one_way_is_understood() -> None:
    pairs = (("panelr_intent", "renewal"), ("panelr_intent", "Renewal "), ("panelr_activation_id", "77"))
    assert request(entries(*pairs, ("panelr_activation_id", 77))).items == RENEWAL


@pytest.mark.parametrize("activation", ["77", 77, " 77 ", "0077", ["77"], 77.0, "77.00"])
@pytest.mark.parametrize("key", ["panelr_activation_id", "_panelr_activation_id", "Panelr Activation ID"])
def test_an_activation_without_an_intent_is_a_renewal(key: str, activation: Any) -> None:
    assert request(with_meta(**{key: activation})).items == RENEWAL


def test_an_activation_without_an_intent_follows_the_mapping_if_that_needs_one() -> None:
    (found,) = request(with_meta(panelr_activation_id="77"), (maps("product:12", 3, ItemIntent.TRIAL_UPGRADE),)).items
    assert (found.intent, found.activation_id) == (ItemIntent.TRIAL_UPGRADE, 77)


@pytest.mark.parametrize("nothing", ["", " ", None, False, [], {}, "0", 0])
def test_an_activation_id_of_nothing_says_nothing(nothing: Any) -> None:
    (found,) = request(with_meta(panelr_activation_id=nothing)).items
    assert (found.intent, found.activation_id) == (ItemIntent.NEW_ACTIVATION, None)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({"panelr_intent": "upgrade"}, "unknown_intent"),
        ({"panelr_intent": ["renewal", "new_activation"]}, "unknown_intent"),
        ({"panelr_intent": {"value": "renewal"}}, "unknown_intent"),
        ({"panelr_intent": True}, "unknown_intent"),
        ({"panelr_intent": "\u043f\u0440\u043e\u0434\u043b\u0435\u043d\u0438\u0435"}, "unknown_intent"),
        ({"Panelr_Intent": "?"}, "unknown_intent"),
        ({"panelr_activation_id": "abc"}, "unusable_activation_id"),
        ({"panelr_activation_id": "-1"}, "unusable_activation_id"),
        ({"panelr_activation_id": [1, 2]}, "unusable_activation_id"),
        ({"panelr_activation_id": True}, "unusable_activation_id"),
        ({"panelr_intent": "new_activation", "panelr_activation_id": "77"}, "contradicting_intent"),
        ({"panelr_intent": "New", "Panelr-Activation-ID": "77"}, "contradicting_intent"),
        ({"panelr_intent": "renewal", "panelr_activation_id": "x"}, "unusable_activation_id"),
        ({"panelr_intent": "renewal"}, "no_activation_id"),
    ],
)
def test_what_is_not_understood_is_held(entries: dict[str, Any], code: str) -> None:
    assert codes(decision(with_meta(**entries)).reasons) == [code]


def test_an_activation_id_does_not_say_which_item_of_a_bundle_it_renews() -> None:
    reasons = decision(with_meta(panelr_activation_id="77"), BUNDLE).reasons
    assert set(codes(reasons)) == {"contradicting_intent"}


def test_the_meta_of_an_order_of_one_line_is_that_of_its_line() -> None:
    content = order(meta_data=meta(panelr_intent="renewal", panelr_activation_id="77"))
    assert request(content).items == RENEWAL


def test_the_meta_of_an_order_of_several_lines_is_nobodys() -> None:
    content = order(meta_data=meta(panelr_activation_id="77"), line_items=[item(), item(id=2)])
    assert set(codes(decision(content).reasons)) == {"contradicting_intent"}


@pytest.mark.parametrize(
    ("sku", "mapped"), [("A&amp;B", "sku:a&b"), ("Abo-Ma\u0308rz", "sku:abo-m\u00e4rz"), (4007, "sku:4007")]
)
def test_a_sku_is_found_without_escapes_and_whatever_its_accents(sku: Any, mapped: str) -> None:
    assert request(line(order(), product_id=0, sku=sku), (maps(mapped, 4),)).items[0].product_id == 4
