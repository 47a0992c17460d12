"""A client of the simulated Panelr with the right key, and the state behind the socket."""

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
ABSENT = object()


class Caller:
    """Calls Panelr's actions; `panel` is its state."""

    def __init__(self, client: httpx.AsyncClient, panel: Panel) -> None:
        self.client = client
        self.panel = panel

    def renew(self) -> None:
        """Reset Panelr's state and settings."""
        self.panel.settings = PanelSettings(api_key=KEY)
        self.panel.clock = time.monotonic
        self.panel.reset()

    async def get(self, action: str, **params: str) -> httpx.Response:
        return await self.client.get("/api/api.php", params={"action": action, **params})

    async def post(self, action: str, body: object, **options: Any) -> httpx.Response:
        return await self.client.post("/api/api.php", params={"action": action}, json=body, **options)

    async def create(self, **changes: Any) -> dict[str, Any]:
        """Create a work order of 20.00 and return create_work_order's data."""
        data: dict[str, Any] = (await self.post("create_work_order", NEW | changes)).json()["data"]
        return data


def changed(body: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    """Return the body with one field changed, or left out for ABSENT."""
    return {name: each for name, each in {**body, field: value}.items() if each is not ABSENT}


def refused(response: httpx.Response) -> tuple[int, str]:
    """Check the envelope of a failure; return its status and text."""
    body = response.json()
    assert body == {"success": False, "data": None, "error": body["error"]}
    return response.status_code, body["error"]
