"""Faults of the simulated Panelr that apply to one order or one customer only."""

from typing import Any

import pytest

from panelr_bridge.simulators.panelr import FaultError
from tests.support.panelr_caller import PanelrTestClient

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def create(caller: PanelrTestClient, wc_order_id: str | None, email: str = "ada@example.test") -> int:
    items = [{"product_id": 1, "intent": "new_activation"}]
    body = {"customer_email": email, "status": "pending", "items": items}
    body |= {"wc_order_id": wc_order_id} if wc_order_id is not None else {}
    return (await caller.post("create_work_order", body)).status_code


async def look_up(caller: PanelrTestClient, email: str) -> int:
    return (await caller.get("get_work_orders", customer_email=email)).status_code


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_of_one_order_does_not_affect_others(caller: PanelrTestClient, when: str) -> None:
    caller.panel.faults.add("refuse", wc_order_id="701", when=when)
    assert [await create(caller, number) for number in ("700", "7010", None, "701", "701")] == [200, 200, 200, 422, 200]
    made = len(caller.panel.of_wc_order("701"))
    assert made == (1 if when == "before" else 2)


async def test_a_fault_of_one_customer_applies_to_creation_and_look_up(caller: PanelrTestClient) -> None:
    fault = caller.panel.faults.add("refuse", customer_email="Ada@example.test", times=None)
    assert [await create(caller, "1", email) for email in ("bob@example.test", "ADA@example.test")] == [200, 422]
    assert [await look_up(caller, email) for email in ("bob@example.test", "ada@Example.test")] == [200, 422]
    assert fault.struck == 2


async def test_a_fault_of_an_order_and_a_customer_needs_both(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("refuse", wc_order_id="701", customer_email="ada@example.test")
    assert [await create(caller, "701", "bob@example.test"), await create(caller, "700")] == [200, 200]
    assert await look_up(caller, "ada@example.test") == 200
    assert await create(caller, "701") == 422


async def test_a_filtered_fault_ignores_requests_without_the_field(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("hang", wc_order_id="701", times=None)
    address = "/api/api.php?action=create_work_order"
    for body in (b"{", b"[701]", b'"wc_order_id"'):
        assert (await caller.client.post(address, content=body)).status_code == 400
    assert (await caller.client.get("/api/api.php?action=get_products")).status_code == 200


async def test_the_oldest_matching_fault_is_used_once(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("unauthorized", wc_order_id="701")
    caller.panel.faults.add("forbidden", wc_order_id="700")
    caller.panel.faults.add("refuse")
    assert [await create(caller, number) for number in ("700", "701", "701", "700")] == [403, 401, 422, 200]
    assert caller.panel.faults.pending == []


async def test_a_filtered_fault_with_the_controls(caller: PanelrTestClient) -> None:
    asked = {"kind": "refuse", "wc_order_id": "701", "customer_email": "ada@example.test"}
    added = await caller.client.post("/_sim/faults", json=asked)
    assert added.status_code == 201
    assert added.json() | asked == added.json()
    assert (await caller.client.get("/_sim/faults")).json() == [added.json()]
    assert [await create(caller, number) for number in ("700", "701")] == [200, 422]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"wc_order_id": 701}, "wc_order_id must be a string that is not empty"),
        ({"customer_email": ""}, "customer_email must be a string that is not empty"),
        ({"wc_order_id": "701", "action": "get_work_orders"}, "get_work_orders requests have no wc_order_id"),
        ({"customer_email": "a@b.co", "action": "get_products"}, "get_products requests have no customer_email"),
        ({"seconds": 1}, "refuse does not take seconds; it takes action, when, times, wc_order_id, customer_email"),
    ],
)
async def test_an_invalid_fault_filter_is_rejected(caller: PanelrTestClient, body: dict[str, Any], text: str) -> None:
    response = await caller.client.post("/_sim/faults", json={"kind": "refuse", **body})
    assert (response.status_code, response.json()["error"]) == (400, text)
    with pytest.raises(FaultError):
        caller.panel.faults.add("refuse", **body)
    assert caller.panel.faults.pending == []
