"""The firewall in front of the simulated Panelr, and answers that succeed but are wrong or never end."""

import contextlib
from typing import Any

import httpx
import pytest

from tests.support.panelr_caller import EMAIL, PanelrTestClient
from tests.support.panelr_payments import COMPLETION

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("word", ["o'reilly", "Löve", 'say "no"'])
async def test_the_firewall_blocks_every_request_with_the_text(caller: PanelrTestClient, word: str) -> None:
    await caller.client.patch("/_sim/settings", json={"firewall_words": [word]})
    for _ in range(2):
        blocked = await caller.send_create(COMPLETION | {"customer_name": f"Ada {word.upper()}"})
        assert (blocked.status_code, blocked.headers["content-type"]) == (403, "text/html; charset=UTF-8")
    assert (await caller.get("get_lines", customer_email=f"{word}@example.test")).status_code == 403
    assert (caller.panel.work_orders, caller.panel.journal[0].fault) == ({}, "firewall")
    assert (await caller.create())["work_order_id"] == 1
    caller.panel.settings.firewall_words = []
    assert (await caller.create(customer_name=word))["work_order_id"] == 2


async def test_the_firewall_asks_for_no_key(caller: PanelrTestClient) -> None:
    caller.panel.settings.firewall_words = ["ada"]
    headers = {"X-Panelr-API-Key": "wrong"}
    blocked = [await caller.post("create_work_order", {"customer_name": "Ada"}, headers=headers) for _ in range(25)]
    assert {each.status_code for each in blocked} == {403}
    assert (await caller.get("get_products")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "total"), [("total_text", "about 20.00"), ("total_negative", -21), ("total_list", [20])]
)
@pytest.mark.parametrize("action", ["create_work_order", "get_work_orders"])
async def test_a_total_can_be_wrong(caller: PanelrTestClient, kind: str, total: object, action: str) -> None:
    caller.panel.faults.add(kind, action=action)
    made = await caller.create()
    (listed,) = (await caller.get("get_work_orders", customer_email=EMAIL)).json()["data"]
    shown = {"create_work_order": made["order_total"], "get_work_orders": listed["order_total"]}
    assert shown == {"create_work_order": 20, "get_work_orders": 20} | {action: total}
    assert caller.panel.work_orders[1].order_total == 20


async def test_a_total_can_be_missing(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("total_missing")
    made = await caller.create()
    assert "order_total" not in made
    assert made["bundle_discount"] == 0


async def test_a_wrong_total_leaves_a_failed_answer_alone(caller: PanelrTestClient) -> None:
    caller.panel.faults.add("total_text", when="before")
    answer = await caller.send_create()
    assert (answer.status_code, answer.json()["data"]) == (500, None)


async def test_lists_can_have_holes(caller: PanelrTestClient) -> None:
    await caller.create()
    params = {"customer_email": EMAIL}
    (whole,) = (await caller.get("get_work_orders", **params)).json()["data"]
    caller.panel.faults.add("holes")
    listed = (await caller.get("get_work_orders", **params)).json()["data"]
    assert listed[:-1] == [None, "", 7, [], {}]
    assert listed[-1]["items"] == [None, "", 7, [], {}, *whole["items"]]


@pytest.mark.parametrize("kind", ["endless_body", "endless_headers"])
async def test_an_endless_answer_can_be_left(caller: PanelrTestClient, kind: str) -> None:
    caller.panel.faults.add(kind, seconds=3600)
    length = 0
    with pytest.raises(httpx.RemoteProtocolError) if kind == "endless_headers" else contextlib.nullcontext():
        async with caller.client.stream("GET", "/api/api.php?action=get_products") as response:
            async for part in response.aiter_raw():
                length += len(part)
                if length > 1_000_000:
                    break
    assert kind == "endless_headers" or length > 1_000_000
    assert (await caller.get("get_products")).status_code == 200


@pytest.mark.parametrize("kind", ["endless_body", "endless_headers"])
async def test_an_endless_answer_is_cut_off_after_its_seconds(caller: PanelrTestClient, kind: str) -> None:
    fault: dict[str, Any] = {"kind": kind, "seconds": 0.02}
    assert (await caller.client.post("/_sim/faults", json=fault)).status_code == 201
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.get("get_products")
