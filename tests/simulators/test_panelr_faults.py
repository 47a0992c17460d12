"""Faults of the simulated Panelr that strike one order or one customer alone."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from panelr_bridge.simulators.panelr import FaultError, Panel, create_app
from panelr_bridge.simulators.server import running

# Starting and stopping a server costs more than these tests: they share one.
pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "panelr-test-key"


class Caller:
    """A client with the right key, and the state behind the socket."""

    def __init__(self, client: httpx.AsyncClient, panel: Panel) -> None:
        self.client = client
        self.panel = panel

    async def create(self, wc_order_id: str | None, email: str = "ada@example.test") -> int:
        items = [{"product_id": 1, "intent": "new_activation"}]
        body = {"customer_email": email, "status": "pending", "items": items}
        body |= {"wc_order_id": wc_order_id} if wc_order_id is not None else {}
        return (await self.client.post("/api/api.php?action=create_work_order", json=body)).status_code

    async def look_up(self, email: str) -> int:
        params = {"action": "get_work_orders", "customer_email": email}
        return (await self.client.get("/api/api.php", params=params)).status_code


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Caller]:
    app = create_app(api_key=KEY)
    headers = {"X-Panelr-API-Key": KEY}
    async with running(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=5) as client:
        yield Caller(client, app.state.panel)


@pytest.fixture
def panelr(served: Caller) -> Caller:
    """The one server of this module, as new."""
    served.panel.reset()
    return served


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_of_one_order_leaves_the_others_alone(panelr: Caller, when: str) -> None:
    panelr.panel.faults.add("refuse", wc_order_id="701", when=when)
    assert [await panelr.create(number) for number in ("700", "7010", None, "701", "701")] == [200, 200, 200, 422, 200]
    made = len(panelr.panel.of_wc_order("701"))
    assert made == (1 if when == "before" else 2)


async def test_a_fault_of_one_customer_strikes_creation_and_look_up(panelr: Caller) -> None:
    fault = panelr.panel.faults.add("refuse", customer_email="Ada@example.test", times=None)
    assert [await panelr.create("1", email) for email in ("bob@example.test", "ADA@example.test")] == [200, 422]
    assert [await panelr.look_up(email) for email in ("bob@example.test", "ada@Example.test")] == [200, 422]
    assert fault.struck == 2


async def test_a_fault_of_an_order_and_a_customer_wants_both(panelr: Caller) -> None:
    panelr.panel.faults.add("refuse", wc_order_id="701", customer_email="ada@example.test")
    assert [await panelr.create("701", "bob@example.test"), await panelr.create("700")] == [200, 200]
    assert await panelr.look_up("ada@example.test") == 200
    assert await panelr.create("701") == 422


async def test_what_tells_nothing_is_not_struck_by_a_narrow_fault(panelr: Caller) -> None:
    panelr.panel.faults.add("hang", wc_order_id="701", times=None)
    address = "/api/api.php?action=create_work_order"
    for body in (b"{", b"[701]", b'"wc_order_id"'):
        assert (await panelr.client.post(address, content=body)).status_code == 400
    assert (await panelr.client.get("/api/api.php?action=get_products")).status_code == 200


async def test_the_oldest_fault_that_fits_is_used_up_once(panelr: Caller) -> None:
    panelr.panel.faults.add("unauthorized", wc_order_id="701")
    panelr.panel.faults.add("forbidden", wc_order_id="700")
    panelr.panel.faults.add("refuse")
    assert [await panelr.create(number) for number in ("700", "701", "701", "700")] == [403, 401, 422, 200]
    assert panelr.panel.faults.pending == []


async def test_a_narrow_fault_by_hand(panelr: Caller) -> None:
    asked = {"kind": "refuse", "wc_order_id": "701", "customer_email": "ada@example.test"}
    added = await panelr.client.post("/_sim/faults", json=asked)
    assert added.status_code == 201
    assert added.json() | asked == added.json()
    assert (await panelr.client.get("/_sim/faults")).json() == [added.json()]
    assert [await panelr.create(number) for number in ("700", "701")] == [200, 422]


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
async def test_an_impossible_narrow_fault_is_refused(panelr: Caller, body: dict[str, Any], text: str) -> None:
    response = await panelr.client.post("/_sim/faults", json={"kind": "refuse", **body})
    assert (response.status_code, response.json()["error"]) == (400, text)
    with pytest.raises(FaultError):
        panelr.panel.faults.add("refuse", **body)
    assert panelr.panel.faults.pending == []
