"""Every recorded delivery of a real WooCommerce, posted to the webhook route, with its expected result."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.bridge_kit import Kit
from tests.support.files import CAPTURES
from tests.support.subscription_captures import SUBSCRIPTION_CAPTURES

CREATED_1 = {"state": "created", "work_order_id": 1, "reference_code": "WO-{year}-00001", "reason": None}
NO_RESULT = {"work_order_id": None, "reference_code": None}
PENDING = {
    "state": "waiting",
    **NO_RESULT,
    "reason": "the status pending does not call for a work order (BRIDGE_CREATE_ON)",
}

# by file: the status and the answer
OUTCOMES: dict[str, tuple[int, dict[str, Any] | None]] = {
    "001-ping-ping": (200, None),
    "005-order.created-guest": (200, {"order_id": 20, **PENDING}),
    "006-order.updated-guest": (200, {"order_id": 20, **PENDING}),
    "007-order.updated-guest": (200, {"order_id": 20, **CREATED_1}),
    "011-order.updated-bacs-onhold": (200, {"order_id": 22, **CREATED_1}),
    "013-order.updated-bacs-onhold": (200, {"order_id": 22, **CREATED_1}),
    "014-order.created-variable-meta": (200, {"order_id": 23, **CREATED_1}),
    "015-order.updated-variable-meta": (200, {"order_id": 23, **CREATED_1}),
    "016-order.updated-variable-checkout": (200, {"order_id": 24, **CREATED_1}),
    "017-order.created-variable-checkout": (200, {"order_id": 24, **CREATED_1}),
    "018-order.updated-coupon": (200, {"order_id": 25, **CREATED_1}),
    "019-order.created-coupon": (200, {"order_id": 25, **CREATED_1}),
    "022-order.updated-refund-partial": (
        200,
        {
            "order_id": 20,
            "state": "held",
            **NO_RESULT,
            "reason": "10.00 USD of 58.45 USD were refunded before the order had a work order, and it does not say for"
            " which lines: retry the order to send it with 48.45 USD as its price, or close it",
        },
    ),
    "024-order.created-cancelled": (200, {"order_id": 29, **PENDING}),
    "025-order.updated-cancelled": (200, {"order_id": 29, **PENDING}),
    "027-order.created-failed": (200, {"order_id": 30, **PENDING}),
    "028-order.updated-failed": (200, {"order_id": 30, **PENDING}),
    "031-order.created-trash": (200, {"order_id": 31, **CREATED_1}),
    "033-order.deleted-trash": (
        200,
        {"order_id": 31, "state": "ignored", **NO_RESULT, "reason": "the order was deleted in WooCommerce"},
    ),
    "034-order.restored-restore": (200, {"order_id": 31, **CREATED_1}),
    "038-order.created-unicode": (200, {"order_id": 33, **CREATED_1}),
    "046-order.created-no-email": (
        200,
        {
            "order_id": 37,
            "state": "held",
            **NO_RESULT,
            "reason": "the order has no e-mail address, and Panelr needs one",
        },
    ),
    "051-order.created-zero-total": (200, {"order_id": 39, **CREATED_1}),
    "054-order.updated-checkout-draft": (
        200,
        {
            "order_id": 41,
            "state": "waiting",
            **NO_RESULT,
            "reason": "the order is not placed yet: its status is checkout-draft",
        },
    ),
    "067-order.created-vanished": (
        200,
        {
            "order_id": None,
            "state": None,
            **NO_RESULT,
            "reason": "WooCommerce could not read the order at the time of delivery"
            " (woocommerce_rest_shop_order_invalid_id: Invalid ID.)",
        },
    ),
    "074-order.created-forty-lines": (200, {"order_id": 50, **CREATED_1}),
    "079-order.updated-rest-put-meta": (
        200,
        {
            "order_id": 45,
            "state": "held",
            **NO_RESULT,
            "reason": "this line has neither a product nor a SKU, so it cannot be mapped:"
            " set one in WooCommerce, or skip it",
        },
    ),
    "s259-order.created-deposit-first": (
        200,
        {
            "order_id": 557,
            "state": "waiting",
            **NO_RESULT,
            "reason": "the status deposit does not call for a work order (BRIDGE_CREATE_ON)",
        },
    ),
    "s261-order.updated-deposit-due-paid": (200, {"order_id": 557, **CREATED_1}),
    "s322-order.created-giftcard-partial": (200, {"order_id": 592, **CREATED_1}),
}


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with mappings for every product of the recorded shop."""
    await kit.map(woo_product_id=11, panelr_product_id=1)
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.map(sku="VIRT-1", panelr_product_id=4)
    await kit.map(sku="EBOOK-1", panelr_product_id=4)
    await kit.map(sku="FREE-0", panelr_product_id=5)
    await kit.map(woo_product_id=16, panelr_product_id=1)
    await kit.map(woo_product_id=10, panelr_product_id=1)
    await kit.map(woo_product_id=16, woo_variation_id=18, panelr_product_id=2, intent="renewal")
    return kit


@pytest.mark.parametrize("name", sorted(OUTCOMES))
async def test_a_capture(mapped: Kit, name: str) -> None:
    status, outcome = OUTCOMES[name]
    answer = await mapped.post_capture(name.partition("-")[0])
    assert answer.status_code == status
    if outcome is None:
        assert answer.text == "pong"
    else:
        year = str(mapped.runtime.bridge.clock().year)
        code = outcome["reference_code"] and outcome["reference_code"].replace("{year}", year)
        assert answer.json() == outcome | {"reference_code": code}
    made = int(outcome is not None and outcome["state"] == "created")
    assert len(mapped.panel.work_orders) == made


def test_every_capture_has_an_outcome_here() -> None:
    assert {*OUTCOMES, *SUBSCRIPTION_CAPTURES} == {path.stem for path in Path(CAPTURES).glob("*.json")}
