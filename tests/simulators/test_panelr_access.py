"""Keys, rate limit, methods and latency of the simulated Panelr, over its real socket."""

import asyncio

import httpx
import pytest

from panelr_bridge.simulators.panelr import create_app
from tests.support.panelr_caller import PanelrTestClient, read_error

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_key_action_method_and_path(caller: PanelrTestClient) -> None:
    url = "/api/api.php?action=get_products"
    assert read_error(await caller.client.get(url, headers={"X-Panelr-API-Key": "wrong"})) == (401, "Invalid API key")
    assert read_error(await caller.client.get(url, headers={"X-Panelr-API-Key": ""})) == (401, "Missing API key")
    assert read_error(await caller.get("delete_everything")) == (404, "Unknown action delete_everything")
    assert read_error(await caller.client.get("/api/api.php")) == (404, "action is required")
    assert read_error(await caller.get("create_work_order")) == (405, "create_work_order must be called with POST")
    assert read_error(await caller.client.put(url)) == (405, "get_products must be called with GET")
    assert (await caller.client.get("/api/api.php/?action=get_products")).status_code == 404


async def test_bad_keys_get_the_address_blocked_for_a_minute(caller: PanelrTestClient) -> None:
    now = 1000.0
    caller.panel.clock = lambda: now
    wrong = {"X-Panelr-API-Key": "wrong"}
    statuses = [
        (await caller.client.get("/api/api.php?action=get_products", headers=wrong)).status_code for _ in range(21)
    ]
    assert statuses == [401] * 20 + [403]
    blocked = await caller.get("get_products")
    assert read_error(blocked) == (403, "Too many failed attempts, your address is blocked")
    now = 1060.0
    assert (await caller.get("get_products")).status_code == 200


async def test_the_rate_limit_counts_successes_in_a_sliding_minute(caller: PanelrTestClient) -> None:
    now = 0.0
    caller.panel.clock = lambda: now
    caller.panel.settings.rate_per_minute = 2
    assert (await caller.get("nothing")).status_code == 404  # a failure does not count
    statuses = []
    for moment in (10.0, 30.0, 50.0, 69.5, 70.0, 70.0):
        now = moment
        response = await caller.get("get_products")
        statuses.append((response.status_code, response.headers.get("Retry-After")))
    assert statuses == [(200, None), (200, None), (429, "20"), (429, "1"), (200, None), (429, "20")]
    assert read_error(response) == (429, "Rate limit exceeded")
    caller.panel.settings.sends_retry_after = False
    assert "Retry-After" not in (await caller.get("get_products")).headers
    caller.panel.settings.rate_per_minute = 0
    assert (await caller.get("get_products")).status_code == 200
    # Arrivals: 0, 10, 30, 50, 69.5 and four at 70.
    assert (caller.panel.busiest_window(), caller.panel.busiest_window(0.4)) == (7, 4)


async def test_latency_delays_the_response_and_the_work_continues_after_a_disconnect(caller: PanelrTestClient) -> None:
    caller.panel.settings.latency_seconds = 0.3
    with pytest.raises(httpx.ReadTimeout):
        await caller.send_create(timeout=0.1)
    assert caller.panel.work_orders == {}
    await asyncio.sleep(0.3)
    assert list(caller.panel.work_orders) == [1]


async def test_a_panel_without_a_key_does_not_start() -> None:
    with pytest.raises(ValueError, match="api_key must be a string that is not empty"):
        create_app(api_key="")
