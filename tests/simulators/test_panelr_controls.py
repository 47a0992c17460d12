"""The controls of the simulated Panelr below `/_sim/`."""

from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.panelr import FaultError
from panelr_bridge.simulators.panelr.settings import PanelSettings
from tests.support.panelr_caller import COMPLETE_ORDER_BODY, KEY, PanelrTestClient
from tests.support.panelr_payments import REFERENCE

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "kind is required, one of refuse, unauthorized,"),
        ({"kind": "explode"}, "kind must be one of refuse, unauthorized,"),
        ({"kind": "reset", "sorry": 1}, "Unknown field sorry; known are kind, action, when, times,"),
        ({"kind": "reset", "seconds": 1}, "reset does not take seconds; it takes action, when, times"),
        ({"kind": "reset", "action": "creat"}, "action must be one of *, create_work_order,"),
        ({"kind": "reset", "when": "during"}, "when must be one of before, after"),
        ({"kind": "reset", "times": 0}, "times must be an integer of at least 1, or null"),
        ({"kind": "hang", "seconds": -1}, "seconds must be a number from 0 to 3600"),
        ({"kind": "status", "status": 100}, "status must be an integer from 200 to 599"),
        ({"kind": "status", "body": "xml"}, "body must be one of html, envelope"),
        ({"kind": "throttle", "retry_after": "1\r\nX: y"}, "retry_after must be an integer or a line of text"),
    ],
)
async def test_an_invalid_fault_is_rejected(caller: PanelrTestClient, body: dict[str, Any], text: str) -> None:
    response = await caller.client.post("/_sim/faults", json=body)
    assert (response.status_code, response.json()["error"][: len(text)]) == (400, text)
    assert caller.panel.faults.pending == []


async def test_the_fault_controls(caller: PanelrTestClient) -> None:
    asked = {"kind": "hang", "action": "create_work_order", "when": "after", "times": None, "seconds": 0.5}
    shown = {"id": 1, **asked, "status": None, "retry_after": None, "body": "html", "struck": 0}
    shown |= {"wc_order_id": None, "customer_email": None}
    added = await caller.client.post("/_sim/faults", json=asked)
    assert (added.status_code, added.json()) == (201, shown)
    assert (await caller.client.get("/_sim/faults")).json() == [shown]
    assert (await caller.client.delete("/_sim/faults")).status_code == 204
    assert (await caller.client.get("/_sim/faults")).json() == []
    with pytest.raises(FaultError, match="kind must be one of refuse"):
        caller.panel.faults.add("explode")


async def test_the_work_order_controls(caller: PanelrTestClient) -> None:
    await caller.send_create()
    await caller.send_create({**COMPLETE_ORDER_BODY, "wc_order_id": "4712"})
    everything = (await caller.client.get("/_sim/work-orders")).json()
    filtered = (await caller.client.get("/_sim/work-orders?wc_order_id=4712")).json()
    assert ([each["work_order_id"] for each in everything], filtered) == ([1, 2], everything[1:])
    assert (filtered[0]["wc_order_id"], filtered[0]["cart"][1]["product_id"]) == ("4712", 4)
    decided = await caller.client.post("/_sim/work-orders/2/status", json={"status": "processing"})
    assert (decided.status_code, decided.json()["status"]) == (200, "processing")
    assert caller.panel.work_orders[2].status == "processing"
    assert (await caller.client.post("/_sim/work-orders/9/status", json={"status": "queued"})).status_code == 404
    wrong = await caller.client.post("/_sim/work-orders/2/status", json={"status": "done"})
    assert (wrong.status_code, wrong.json()["error"][:22]) == (400, "status must be one of ")


async def test_the_journal_and_reset_controls(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("close")
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.get("get_products")
    await caller.send_create()
    await caller.client.post("/api/api.php?action=create_work_order", content=b"not JSON")
    journal = (await caller.client.get("/_sim/requests")).json()
    assert [(each["action"], each["status"], each["fault"], each["body"]) for each in journal] == [
        ("get_products", None, "close", None),
        ("create_work_order", 200, None, COMPLETE_ORDER_BODY),
        ("create_work_order", 400, None, "not JSON"),
    ]
    caller.panel.faults.add("close")
    assert (await caller.client.delete("/_sim/state")).status_code == 204
    assert (await caller.client.get("/_sim/requests")).json() == []
    assert (await caller.client.get("/_sim/work-orders")).json() == []
    assert (await caller.send_create()).json()["data"]["reference_code"] == REFERENCE


async def test_settings_are_changed_all_or_none(caller: PanelrTestClient) -> None:
    changed = await caller.client.patch("/_sim/settings", json={"latency_seconds": 0.05, "rate_per_minute": 7})
    defaults = vars(PanelSettings(api_key=KEY)).items()
    shown = {name: value for name, value in defaults if name != "api_key"}
    assert changed.json() == shown | {"rate_per_minute": 7, "latency_seconds": 0.05}
    for body, text in {
        '{"rate_per_minute": 9, "strict": "no"}': "strict must be true or false",
        '{"rate_per_minute": 1.5}': "rate_per_minute must be an integer of at least 0",
        '{"latency_seconds": -1}': "latency_seconds must be a number from 0 to 3600",
        '{"list_cap": 0}': "list_cap must be an integer of at least 1",
        '{"firewall_words": "Ada"}': "firewall_words must be a list of strings that are not empty",
        '{"currency": "usd"}': "currency must be three capital letters",
        '{"generation": 3}': "generation must be 1 (older) or 2 (newest)",
        '{"api_key": ""}': "api_key must be a string that is not empty",
        "[]": "The body must be a JSON object",
        "{": "The body must be JSON",
    }.items():
        refusal = await caller.client.patch("/_sim/settings", content=body)
        assert (refusal.status_code, refusal.json()) == (400, {"error": text})
    assert caller.panel.settings.rate_per_minute == 7
    await caller.client.patch("/_sim/settings", json={"api_key": "another"})
    assert (await caller.get("get_products")).status_code == 401


async def test_the_index_lists_the_controls(caller: PanelrTestClient) -> None:
    page = (await caller.client.get("/_sim/")).json()
    assert page["pages"]["DELETE /_sim/state"] == "reset everything except the settings"
    assert page["faults"]["kinds"]["hang"] == {
        "what": "no response for `seconds`, then the connection is closed",
        "fields": ["seconds"],
    }
    assert KEY not in str(page)
