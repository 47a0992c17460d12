"""A test client of the simulated Panelr."""

import time
from typing import Any

import httpx

from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.settings import PanelSettings

KEY = "panelr-test-key"
EMAIL = "ada@example.test"
ITEM = {"product_id": 1, "intent": "new_activation"}
NEW: dict[str, Any] = {
    "customer_email": EMAIL,
    "status": "pending_payment",
    "wc_order_id": "4711",
    "items": [{**ITEM, "qty": 2}],
    "payment_method_id": 1,
}
COMPLETE_ORDER_BODY: dict[str, Any] = {
    "customer_email": "Ada@Example.com",
    "customer_name": "Ada Lovelace",
    "status": "pending_payment",
    "wc_order_id": "4711",
    "items": [{"product_id": 1, "intent": "renewal", "activation_id": 9, "qty": 2}, {**ITEM, "product_id": 4}],
    "payment_method_id": 1,
    "payment_amount": 9.99,
    "adjustment_direction": "discount",
    "adjustment_label": "SPRING",
    "adjustment_amount": 4.99,
}
"""A body of create_work_order with every kind of field."""
ABSENT = object()


class PanelrTestClient:
    """A client with the right key; `panel` is the state of the simulated Panelr."""

    def __init__(self, client: httpx.AsyncClient, panel: Panel) -> None:
        self.client = client
        self.panel = panel

    def reset(self) -> None:
        """Reset the panel with its settings."""
        self.panel.settings = PanelSettings(api_key=KEY)
        self.panel.clock = time.monotonic
        self.panel.reset()

    async def get(self, action: str, **params: str) -> httpx.Response:
        return await self.client.get("/api/api.php", params={"action": action, **params})

    async def post(self, action: str, body: object, **options: Any) -> httpx.Response:
        return await self.client.post("/api/api.php", params={"action": action}, json=body, **options)

    async def send_create(self, body: object = COMPLETE_ORDER_BODY, **options: Any) -> httpx.Response:
        """Send a request to create a work order."""
        return await self.post("create_work_order", body, **options)

    async def create(self, **changes: Any) -> dict[str, Any]:
        """Create a work order with a total of 20.00 and return the response's data."""
        data: dict[str, Any] = (await self.post("create_work_order", NEW | changes)).json()["data"]
        return data


def with_field(body: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    """Return a copy of `body` with another value for one field; ABSENT removes the field."""
    return {name: each for name, each in {**body, field: value}.items() if each is not ABSENT}


def read_error(response: httpx.Response) -> tuple[int, str]:
    """Check the envelope of an error and return its status and text."""
    body = response.json()
    assert body == {"success": False, "data": None, "error": body["error"]}
    return response.status_code, body["error"]
