"""An order that Panelr's own plugin has already sent gets no second work order."""

from dataclasses import replace
from typing import Any

import pytest

from panelr_bridge.domain.decision import Adopt, Create, Ignore
from panelr_bridge.domain.models import OrderState, Reason
from panelr_bridge.domain.panelr_values import WorkOrder
from tests.support.bridge_kit import order
from tests.support.decisions import codes, decision, meta

ADOPTED = Reason("adopted_from_plugin", "Panelr's own plugin had already sent this order; its work order was adopted")
TRACES = {
    "_panelr_work_order_id": "7",
    "_panelr_reference_code": "WO-2026-00007",
    "_panelr_confirmation_token": "tok",
    "_panelr_status": "pending_payment",
}
ADOPTED_WORK_ORDER = WorkOrder(
    work_order_id=7, reference_code="WO-2026-00007", confirmation_token="tok", status="pending_payment"
)
WRITTEN_BACK = {
    "panelr_work_order_id": "7",
    "panelr_reference_code": "WO-2026-00007",
    "panelr_status": "pending_payment",
}


@pytest.mark.parametrize(
    ("entries", "work_order"),
    [
        (
            TRACES,
            ADOPTED_WORK_ORDER,
        ),
        ({"_panelr_work_order_id": 7}, WorkOrder(work_order_id=7, reference_code=None)),
        ({"_panelr_reference_code": " WO-2026-00007 "}, WorkOrder(reference_code="WO-2026-00007")),
        (
            {"_panelr_work_order_id": "x", "_panelr_reference_code": "WO-2026-00007"},
            WorkOrder(reference_code="WO-2026-00007"),
        ),
        (TRACES | {"_panelr_status": " Cancelled "}, replace(ADOPTED_WORK_ORDER, status="canceled")),
        (TRACES | {"_panelr_status": "Queued"}, replace(ADOPTED_WORK_ORDER, status="queued")),
        (TRACES | {"_panelr_status": "s" * 41}, replace(ADOPTED_WORK_ORDER, status=None)),
        (TRACES | {"_panelr_reference_code": "W" * 101}, replace(ADOPTED_WORK_ORDER, reference_code=None)),
        (TRACES | {"_panelr_reference_code": "W" * 100}, replace(ADOPTED_WORK_ORDER, reference_code="W" * 100)),
        (TRACES | {"_panelr_confirmation_token": "t" * 500}, replace(ADOPTED_WORK_ORDER, confirmation_token="t" * 500)),
        (TRACES | {"panelr_reference_code": "WO-2026-00007"}, ADOPTED_WORK_ORDER),
        (TRACES | {"panelr_reference_code": "WO-2026-00008"}, ADOPTED_WORK_ORDER),
    ],
)
def test_the_plugins_work_order_is_adopted(entries: dict[str, Any], work_order: WorkOrder) -> None:
    decided = decision(order(meta_data=meta(**entries)))
    assert decided == Adopt(work_order, (ADOPTED,))
    assert decided.state is OrderState.CREATED


@pytest.mark.parametrize(
    "changes",
    [{"status": "pending"}, {"status": "cancelled"}, {"status": "checkout-draft"}, {"billing": {}}, {"line_items": []}],
)
def test_it_is_adopted_whatever_the_order_is_like_otherwise(changes: dict[str, Any]) -> None:
    assert isinstance(decision(order(meta_data=meta(**TRACES), **changes)), Adopt)


@pytest.mark.parametrize(
    "entries",
    [
        {"_panelr_work_order_id": ""},
        {"_panelr_work_order_id": "0"},
        {"_panelr_work_order_id": None, "_panelr_reference_code": None},
        {"_panelr_reference_code": " "},
        {"_panelr_reference_code": {"code": "WO-2026-00007"}},
        {"_panelr_confirmation_token": "tok", "_panelr_status": "never_sent"},
        {"panelr_work_order_id": "7"},
        {"_panelr_work_order_id": False, "_panelr_reference_code": False},  # PHP's empty value
    ],
)
def test_traces_that_name_no_work_order_are_not_adopted(entries: dict[str, Any]) -> None:
    assert isinstance(decision(order(meta_data=meta(**entries))), Create)


def test_a_token_that_no_database_should_hold_is_left_out_and_the_reason_says_so() -> None:
    decided = decision(order(meta_data=meta(**TRACES | {"_panelr_confirmation_token": "t" * 501})))
    assert isinstance(decided, Adopt)
    assert decided.work_order == replace(ADOPTED_WORK_ORDER, confirmation_token=None)
    assert codes(decided.reasons) == ["adopted_from_plugin", "token_not_adopted"]


@pytest.mark.parametrize("prefix", ["", "_"], ids=["its own", "the plugin's too"])
def test_what_the_bridge_wrote_is_its_own_work_order_after_a_loss(prefix: str) -> None:
    entries = WRITTEN_BACK | {f"{prefix}{key}": value for key, value in WRITTEN_BACK.items()}
    decided = decision(order(meta_data=meta(_panelr_state="never_sent", **entries)))
    assert isinstance(decided, Adopt)
    assert decided.work_order == replace(ADOPTED_WORK_ORDER, confirmation_token=None)
    assert codes(decided.reasons) == ["adopted_from_order"]


def test_a_reference_code_that_cannot_be_one_holds_the_order_only_where_nothing_else_names_its_work_order() -> None:
    entries = {"_panelr_reference_code": "W" * 101}
    assert codes(decision(order(meta_data=meta(**entries))).reasons) == ["unusable_reference_code"]
    assert isinstance(decision(order(meta_data=meta(**entries, _panelr_work_order_id="7"))), Adopt)
    assert isinstance(decision(order(status="cancelled", meta_data=meta(**entries))), Ignore)
