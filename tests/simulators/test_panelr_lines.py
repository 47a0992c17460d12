"""Customers' lines in the simulated Panelr, over its real socket."""

from typing import Any

import pytest

from tests.support.panelr_caller import EMAIL, PanelrTestClient, read_error
from tests.support.panelr_prices import read_detail

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

TRIAL: dict[str, Any] = {
    "id": 77,
    "customer_email": EMAIL,
    "status": "trial_active",
    "is_trial": True,
    "plugin_id": 2,
    "plugin_name": "Reseller Panel",
    "product_name": "Trial 24h",
    "connections": 3,
    "expiration_date": "2026-12-01",
    "usernames": ["ada"],
}


async def test_get_lines_shows_what_is_documented(caller: PanelrTestClient) -> None:
    await caller.client.post("/_sim/lines", json=TRIAL)
    caller.panel.add_line(EMAIL.upper())
    caller.panel.add_line("eve@example.test")
    lines = (await caller.get("get_lines", customer_email="Ada@example.test")).json()["data"]
    assert lines == [
        {name: value for name, value in TRIAL.items() if name != "customer_email"},
        {
            "id": 78,
            "status": "active",
            "is_trial": False,
            "plugin_id": 1,
            "plugin_name": "Xtream UI",
            "product_name": "IPTV 1 Month",
            "connections": 1,
            "expiration_date": None,
            "usernames": [],
        },
    ]
    assert (await caller.get("get_lines", customer_id="1")).json()["data"] == lines
    assert [each["id"] for each in (await caller.get("get_lines", customer_id="2")).json()["data"]] == [79]


async def test_a_customer_without_lines_gets_an_empty_list(caller: PanelrTestClient) -> None:
    caller.panel.add_line(EMAIL)
    await caller.create(customer_email="bob@example.test")
    for params in ({"customer_email": "nobody@example.test"}, {"customer_email": "bob@example.test"}):
        assert (await caller.get("get_lines", **params)).json()["data"] == []
    assert (await caller.get("get_lines", customer_id="2")).json()["data"] == []


async def test_get_lines_needs_a_customer(caller: PanelrTestClient) -> None:
    assert read_error(await caller.get("get_lines")) == (422, "customer_email or customer_id is required")
    bad = await caller.get("get_lines", customer_id="x")
    assert read_error(bad) == (422, "customer_id must be an integer of at least 1")
    assert read_error(await caller.post("get_lines", {})) == (405, "get_lines must be called with GET")


async def test_the_line_controls(caller: PanelrTestClient) -> None:
    added = await caller.client.post("/_sim/lines", json={"customer_email": EMAIL, "is_trial": True})
    assert (added.status_code, added.json()["id"], added.json()["status"]) == (201, 1, "trial_active")
    await caller.client.post("/_sim/lines", json={"customer_email": "eve@example.test"})
    changes = {"status": "expired", "is_trial": False, "usernames": ["ada"]}
    edited = await caller.client.patch("/_sim/lines/1", json=changes)
    assert edited.json() == added.json() | changes
    assert (await caller.client.get(f"/_sim/lines?customer_email={EMAIL.upper()}")).json() == [edited.json()]
    assert [each["id"] for each in (await caller.client.get("/_sim/lines")).json()] == [1, 2]
    assert (await caller.client.delete("/_sim/lines/1")).status_code == 204
    assert [each["id"] for each in (await caller.client.get("/_sim/lines")).json()] == [2]
    gone = [await caller.client.delete("/_sim/lines/1"), await caller.client.patch("/_sim/lines/1", json={})]
    assert [(each.status_code, each.json()["error"]) for each in gone] == [(404, "There is no such line")] * 2
    await caller.client.delete("/_sim/state")
    assert (await caller.client.get("/_sim/lines")).json() == []


async def test_a_line_can_move_to_another_customer(caller: PanelrTestClient) -> None:
    caller.panel.add_line(EMAIL)
    caller.panel.edit_line(1, customer_email="eve@example.test")
    assert (await caller.get("get_lines", customer_email=EMAIL)).json()["data"] == []
    assert len((await caller.get("get_lines", customer_email="eve@example.test")).json()["data"]) == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"customer_email": "ada"}, "customer_email must be a valid e-mail address"),
        ({"status": "gone"}, "status must be one of active, trial_active, expired, suspended, canceled"),
        ({"plugin_id": "1"}, "plugin_id must be an integer of at least 1"),
        ({"connections": 0}, "connections must be an integer of at least 1"),
        ({"is_trial": 1}, "is_trial must be true or false"),
        ({"product_name": None}, "product_name must be a string"),
        ({"expiration_date": 7}, "expiration_date must be a string or null"),
        ({"usernames": [1]}, "usernames must be strings"),
        ({"usernames": "ada"}, "usernames must be strings"),
        ({"price": 1}, "Unknown field price; known are id, customer_email,"),
    ],
)
async def test_an_invalid_line_is_rejected(caller: PanelrTestClient, changes: dict[str, Any], text: str) -> None:
    added = await caller.client.post("/_sim/lines", json=TRIAL | {"id": 5} | changes)
    assert (added.status_code, added.json()["error"][: len(text)]) == (400, text)
    assert caller.panel.lines == {}
    before = caller.panel.add_line(**TRIAL).full_json()
    edited = await caller.client.patch("/_sim/lines/77", json={"connections": 9, **changes})
    assert (edited.status_code, caller.panel.lines[77].full_json()) == (400, before)


async def test_a_line_needs_a_customer_and_a_unique_id(caller: PanelrTestClient) -> None:
    rejected = await caller.client.post("/_sim/lines", json={})
    assert (rejected.status_code, rejected.json()["error"]) == (400, "customer_email is required")
    caller.panel.add_line(**TRIAL)
    again = await caller.client.post("/_sim/lines", json=TRIAL)
    assert (again.status_code, again.json()["error"]) == (400, "There is a line 77 already")


async def test_a_fault_of_one_customer_applies_to_their_lines(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("refuse", action="get_lines", customer_email=EMAIL)
    assert (await caller.get("get_lines", customer_email="bob@example.test")).status_code == 200
    assert read_error(await caller.get("get_lines", customer_email=EMAIL)) == (422, "Simulated refusal")


async def test_the_index_lists_the_line_controls(caller: PanelrTestClient) -> None:
    page = (await caller.client.get("/_sim/")).json()
    assert {name for name in page["pages"] if "lines" in name} == {
        "GET /_sim/lines",
        "POST /_sim/lines",
        "PATCH /_sim/lines/{id}",
        "DELETE /_sim/lines/{id}",
    }
    assert page["lines"]["statuses"] == ["active", "trial_active", "expired", "suspended", "canceled"]
    assert page["lines"]["fields"] == list(TRIAL)


@pytest.mark.parametrize(
    ("changes", "in_detail", "in_list"),
    [
        ({}, [1], [1]),
        ({"generation": 1}, [None], [1]),
        ({"shows_details": False}, [None], [1]),
        ({"shows_activation_ids": False}, [None], None),
        ({"generation": 1, "shows_activation_ids": False}, [None], None),
    ],
)
async def test_the_lines_of_a_work_order_are_shown_by_newer_and_older_panels(
    caller: PanelrTestClient, changes: dict[str, Any], in_detail: list[int | None], in_list: list[int] | None
) -> None:
    assert (await caller.client.patch("/_sim/settings", json=changes)).status_code == 200
    made = await caller.create()
    await caller.client.post("/_sim/work-orders/1/provision")
    cart = (await read_detail(caller, made))["cart"]
    assert [item.get("activation_id") for item in cart] == in_detail
    (listed,) = (await caller.get("get_work_orders", customer_email=EMAIL)).json()["data"]
    assert listed.get("activation_ids") == in_list
