"""An order that Panelr's own plugin has already sent gets no second work order."""

from typing import Any

import pytest

from panelr_bridge.domain.decision import Adopt, Create
from panelr_bridge.domain.models import OrderState, Reason, WorkOrder
from tests.support.bridge_kit import order
from tests.support.decisions import decision, meta

ADOPTED = Reason("adopted_from_plugin", "Panelr's own plugin had already sent this order; its work order was adopted")
TRACES = {
    "_panelr_work_order_id": "7",
    "_panelr_reference_code": "WO-2026-00007",
    "_panelr_confirmation_token": "tok",
    "_panelr_status": "pending_payment",
}


@pytest.mark.parametrize(
    ("entries", "work_order"),
    [
        (
            TRACES,
            WorkOrder(
                work_order_id=7,
                reference_code="WO-2026-00007",
                confirmation_token="tok",
                status="pending_payment",
            ),
        ),
        ({"_panelr_work_order_id": 7}, WorkOrder(work_order_id=7, reference_code=None)),
        ({"_panelr_reference_code": " WO-2026-00007 "}, WorkOrder(reference_code="WO-2026-00007")),
        (
            {"_panelr_work_order_id": "x", "_panelr_reference_code": "WO-2026-00007"},
            WorkOrder(reference_code="WO-2026-00007"),
        ),
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
