"""Requests of the payment actions of the simulated Panelr, for its tests."""

from datetime import UTC, datetime
from typing import Any

import httpx

from tests.support.panelr_caller import ABSENT, EMAIL, ITEM, PanelrTestClient

REFERENCE = f"WO-{datetime.now(UTC).year}-00001"
"""The reference code of the first work order."""
BY_NAME = {"reference_code": REFERENCE, "customer_email": EMAIL}
PAYMENT: dict[str, Any] = {**BY_NAME, "payment_transaction_id": "ch_1", "customer_note": "Paid.", "amount": 7.5}
COMPLETION: dict[str, Any] = {
    "customer_email": EMAIL,
    "customer_name": "Ada Lovelace",
    "payment_method_id": 2,
    "items": [{**ITEM, "qty": 2}, {**ITEM, "product_id": 4}],
    "payment_transaction_id": "ch_1",
    "payment_amount": 39.99,
    "wc_order_id": "4711",
    "customer_address": "12 St James's Square",
    "is_free": False,
    "bouquet_ids": [1, 2],
    "categories": ["films"],
    "notes": "soon",
}
INSTRUCTIONS = {"work_order_id": 1, "confirm_url": "https://shop.test/checkout/order-received/4711/?key=wc_order_x"}


async def submit_payment(caller: PanelrTestClient, **body: Any) -> httpx.Response:
    return await caller.post("submit_payment", BY_NAME | body)


async def complete_by_token(caller: PanelrTestClient, token: str, **changes: Any) -> httpx.Response:
    body = {"confirmation_token": token, "payment_transaction_id": "ch_1", "payment_amount": 20, "payment_method_id": 2}
    return await caller.post(
        "complete_order", {name: each for name, each in (body | changes).items() if each != ABSENT}
    )
