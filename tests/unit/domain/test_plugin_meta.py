"""Orders that Panelr's own plugin has to do with: balance payments, and orders that it will still send."""

from dataclasses import replace
from typing import Any

import pytest

from panelr_bridge.domain.decision import Adopt, Create, Ignore, Wait, changes_since, decide
from panelr_bridge.domain.models import OrderMappings
from tests.support.bridge_kit import line, order
from tests.support.decisions import MAPPED, POLICY, codes, decision, item, meta, read, request

PAYS = item(id=9, product_id=98, sku="BALANCE", meta_data=meta(_panelr_intent="balance_payment"))
CODE = {"_panelr_reference_code": "WO-2026-00042"}
FLAGGED = CODE | {"_panelr_balance_payment": "1"}


@pytest.mark.parametrize(
    "content",
    [
        order(line_items=[PAYS], meta_data=meta(**CODE)),
        order(line_items=[PAYS], meta_data=meta(**FLAGGED)),
        order(meta_data=meta(**FLAGGED)),
        order(meta_data=meta(**CODE, _panelr_balance_payment="yes")),
        order(meta_data=meta(**CODE, _panelr_balance_payment=True)),
        order(meta_data=meta(**CODE, _panelr_balance_payment="12.50")),
        order(line_items=[], meta_data=meta(**FLAGGED)),
        order(line_items=[PAYS | {"meta_data": meta(_panelr_intent="balance_payment", **CODE)}]),
        order(line_items=[PAYS | {"meta_data": meta(panelr_intent="Balance Payment", **CODE)}]),
        order(status="pending", billing={}, meta_data=meta(**FLAGGED)),
        order(meta_data=meta(**FLAGGED, _panelr_work_order_id="42", _panelr_state="awaiting_payment")),
    ],
)
def test_an_order_that_pays_the_rest_of_a_work_order_is_ignored_and_names_it(content: dict[str, Any]) -> None:
    decided = decision(content)
    assert isinstance(decided, Ignore)
    assert codes(decided.reasons) == ["balance_payment"]
    assert "work order WO-2026-00042" in decided.reasons[0].words
    assert not decided.by_mappings


def test_a_balance_payment_without_a_usable_reference_code_is_ignored_too() -> None:
    decided = decision(order(line_items=[PAYS]))
    assert codes(decided.reasons) == ["balance_payment"]
    assert "an existing work order" in decided.reasons[0].words
    assert (
        len(decision(order(meta_data=meta(**FLAGGED | {"_panelr_reference_code": "W" * 9999}))).reasons[0].words) < 300
    )


@pytest.mark.parametrize("value", ["0", "", "no", "false", None, False, {"a": 1}])
def test_an_order_that_says_it_pays_no_balance_is_like_any_other(value: Any) -> None:
    assert isinstance(decision(order(meta_data=meta(_panelr_balance_payment=value))), Create)


@pytest.mark.parametrize("entries", [CODE, FLAGGED, FLAGGED | {"_panelr_work_order_id": "42"}])
def test_the_other_lines_of_a_mixed_order_become_a_work_order(entries: dict[str, str]) -> None:
    made = request(order(line_items=[PAYS, item()], meta_data=meta(**entries)))
    assert [each.product_id for each in made.items] == [3]


def test_a_mixed_order_is_held_for_its_other_lines_only() -> None:
    decided = decision(order(line_items=[PAYS, item(product_id=99, sku="X")], meta_data=meta(**FLAGGED)))
    assert [(each.code, each.line) for each in decided.reasons] == [("unmapped_product", "Panel Credits 1000")]


def test_the_bridges_own_work_order_of_a_mixed_order_is_adopted_after_a_loss() -> None:
    entries = FLAGGED | {"panelr_reference_code": "WO-2026-00050", "panelr_work_order_id": "50"}
    decided = decision(order(line_items=[PAYS, item()], meta_data=meta(**entries)))
    assert isinstance(decided, Adopt)
    assert (decided.work_order.reference_code, codes(decided.reasons)) == ("WO-2026-00050", ["adopted_from_order"])


@pytest.mark.parametrize("state", ["held", "awaiting_payment", " Held "])
@pytest.mark.parametrize("content", [order(), line(order(), product_id=99), order(billing={})])
def test_an_order_that_the_plugin_will_still_send_waits_and_says_what_to_do(
    state: str, content: dict[str, Any]
) -> None:
    decided = decision(content | {"meta_data": meta(_panelr_state=state)})
    assert isinstance(decided, Wait)
    assert codes(decided.reasons) == ["plugin_will_send"]
    assert "payment map" in decided.reasons[0].words


@pytest.mark.parametrize(
    "state", ["never_sent", "unmapped", "refused", "credits", "handoff", "", None, {"state": "held"}]
)
def test_what_the_plugin_will_not_send_any_more_is_the_bridges(state: Any) -> None:
    assert isinstance(decision(order(meta_data=meta(_panelr_state=state))), Create)


def test_what_the_plugin_has_sent_is_adopted_whatever_its_state() -> None:
    assert isinstance(decision(order(meta_data=meta(_panelr_state="held", _panelr_work_order_id="7"))), Adopt)


@pytest.mark.parametrize(("status", "state"), [("cancelled", "ignored"), ("trash", "ignored"), ("pending", "waiting")])
def test_an_order_whose_status_calls_for_nothing_does_not_wait_for_the_plugin(status: str, state: str) -> None:
    decided = decision(order(status=status, meta_data=meta(_panelr_state="held")))
    assert decided.state == state
    assert codes(decided.reasons) != ["plugin_will_send"]


def test_a_person_may_override_that_the_plugin_will_send() -> None:
    content = read(order(meta_data=meta(_panelr_state="held")))
    found = OrderMappings(mappings=MAPPED, payment_method_id=None, revision=1)
    assert isinstance(decide(content, found, POLICY), Wait)
    assert isinstance(decide(content, replace(found, overridden=frozenset({"plugin_will_send"})), POLICY), Create)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({}, CODE, ["sent_by_plugin_too"]),
        ({"_panelr_state": "held"}, CODE | {"panelr_reference_code": "WO-2026-00041"}, ["sent_by_plugin_too"]),
        ({}, CODE | {"panelr_reference_code": "WO-2026-00042"}, []),
        ({}, CODE | {"panelr_reference_code": "WO-2026-00042", "_panelr_confirmation_token": "tok"}, []),
        (CODE, CODE, []),
        ({}, FLAGGED, []),
        ({}, {"_panelr_reference_code": "W" * 101}, []),
    ],
    ids=["nothing", "sent", "sent over ours", "our echo", "our echo and a token", "adopted", "pays", "no code"],
)
def test_a_second_work_order_of_the_plugins_is_reported(
    before: dict[str, str], after: dict[str, str], told: list[str]
) -> None:
    sent, now = read(order(meta_data=meta(**before))), read(order(meta_data=meta(**after)))
    assert codes(changes_since(sent=sent, now=now)) == told


@pytest.mark.parametrize("intent", ["Renewal", " RENEWAL ", "trial upgrade", "Trial-Upgrade"])
def test_an_intent_is_read_whatever_its_capitals_and_blanks(intent: str) -> None:
    made = request(line(order(), meta_data=meta(panelr_intent=intent, panelr_activation_id=" 77 ")))
    assert (made.items[0].intent, made.items[0].activation_id) in {("renewal", 77), ("trial_upgrade", 77)}
