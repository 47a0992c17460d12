"""Faults of the simulated shop's REST API, over real sockets."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.faults import FaultError
from tests.support.rest_shop import HOOKS, ORDERS, RestShop, open_shop

RESOURCE = "/wp-json/myplugin/v1/woo/orders"


@pytest.fixture
async def shop() -> AsyncIterator[RestShop]:
    async with open_shop() as opened:
        await opened.create_order()
        yield opened


async def post_note(shop: RestShop, number: int = 20) -> httpx.Response:
    return await shop.client.post(f"{ORDERS}/{number}/notes", json={"note": "x"})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["reset", "close", "hang", "garbage"])
async def test_faults_without_a_response(shop: RestShop, kind: str, when: str) -> None:
    fields: dict[str, Any] = {"seconds": 0.05} if kind == "hang" else {}
    shop.simulator.faults.add(kind, action="notes.create", when=when, **fields)
    with pytest.raises(httpx.RemoteProtocolError if kind in {"garbage", "close", "hang"} else httpx.ReadError):
        await post_note(shop)
    assert len(shop.simulator.orders[20].notes) == (1 if when == "after" else 0)
    last = shop.simulator.requests[-1]
    assert (last.action, last.status, last.fault) == ("notes.create", None, kind)
    assert (await post_note(shop)).status_code == 201


async def test_a_client_can_disconnect_from_a_hanging_shop(shop: RestShop) -> None:
    shop.simulator.faults.add("hang", action="orders.update", when="after", seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        await shop.client.put(f"{ORDERS}/20", json={"status": "completed"}, timeout=0.2)
    assert shop.simulator.orders[20].status == "completed"


async def test_outages_with_their_statuses(shop: RestShop) -> None:
    add = shop.simulator.faults.add
    add("status", status=503, retry_after=7, times=2)
    for _ in range(2):
        page = await shop.client.get(ORDERS, auth=("nobody", "x"))
        assert (page.status_code, page.headers["retry-after"]) == (503, "7")
        assert page.headers["content-type"].startswith("text/html")
    add("status", body="json")
    error = await shop.client.get(ORDERS)
    assert (error.status_code, error.json()["code"]) == (500, "internal_server_error")
    add("status", status=302)
    assert (await shop.client.get(ORDERS)).headers["location"] == "/login.php"
    add("html")
    page = await shop.client.get(ORDERS)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    assert (await shop.client.get(ORDERS)).status_code == 200


@pytest.mark.parametrize("kind", ["warnings", "wrong_type", "truncated", "slow"])
async def test_faults_that_alter_the_response(shop: RestShop, kind: str) -> None:
    good = await shop.client.get(ORDERS)
    fields: dict[str, Any] = {"seconds": 0.05} if kind == "slow" else {}
    shop.simulator.faults.add(kind, action="orders.list", **fields)
    if kind == "truncated":
        with pytest.raises(httpx.RemoteProtocolError):
            await shop.client.get(ORDERS)
        return
    spoilt = await shop.client.get(ORDERS)
    assert spoilt.headers["x-wp-total"] == "1"
    assert spoilt.content.endswith(good.content)
    assert (spoilt.content == good.content) == (kind != "warnings")
    assert spoilt.headers["content-type"].startswith("application/json" if kind == "slow" else "text/html")


async def test_a_fault_applies_to_its_action_and_order(shop: RestShop) -> None:
    await shop.create_order()
    shop.simulator.faults.add("status", action="notes.create", order_id="21")
    shop.simulator.faults.add("status", status=502, action="resource.update")
    assert (await shop.client.get(f"{ORDERS}/21")).status_code == 200
    assert [(await post_note(shop, number)).status_code for number in (20, 21, 21)] == [201, 500, 201]
    auth = ("bridge", "application-password")
    answers = [await shop.client.put(f"{RESOURCE}/20", json={"status": "completed"}, auth=auth) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [502, 200]
    assert shop.simulator.faults.pending == []


async def test_an_after_fault_ignores_a_failed_rest_request(shop: RestShop) -> None:
    fault = shop.simulator.faults.add("reset", when="after", action="orders.get")
    assert (await shop.client.get(f"{ORDERS}/99")).status_code == 404
    assert fault.struck == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "kind must be one of status, hang"),
        ({"kind": "reset", "action": "orders.fly"}, "action must be one of *, orders.list"),
        ({"kind": "reset", "order_id": "20", "action": "webhooks.list"}, "webhooks.list requests have no order_id"),
        ({"kind": "status", "body": "envelope"}, "body must be one of html, json"),
        ({"kind": "reset", "wc_order_id": "20"}, "unknown: wc_order_id"),
    ],
)
async def test_invalid_faults_are_rejected(shop: RestShop, body: dict[str, Any], words: str) -> None:
    answer = await shop.client.post("/_sim/faults", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(words)
    assert shop.simulator.faults.pending == []


async def test_an_unknown_fault_field_is_rejected(shop: RestShop) -> None:
    with pytest.raises(FaultError, match="unknown field wc_order_id"):
        shop.simulator.faults.add("reset", wc_order_id="20")


async def test_the_fault_and_journal_controls(shop: RestShop) -> None:
    body = {"kind": "status", "status": 503, "action": "orders.update", "times": None, "order_id": "20"}
    added = await shop.client.post("/_sim/faults", json=body)
    assert added.json() | body == added.json()
    assert (await shop.client.get("/_sim/faults")).json() == [added.json()]
    assert (await shop.client.put(f"{ORDERS}/20", json={"status": "completed"})).status_code == 503
    recorded = (await shop.client.get("/_sim/requests", params={"last": 1})).json()[0]
    assert (
        recorded
        | {
            "method": "PUT",
            "path": f"{ORDERS}/20",
            "action": "orders.update",
            "status": 503,
            "fault": "status",
            "body": '{"status":"completed"}',
        }
        == recorded
    )
    assert (await shop.client.delete("/_sim/faults")).json() == []
    assert (await shop.client.put(f"{ORDERS}/20", json={"status": "completed"})).status_code == 200
    guide = (await shop.client.get("/_sim/")).json()
    assert guide["rest"]["webhooks.update"] == f"POST or PUT or PATCH {HOOKS}/{{number:int}}"
    assert "reset" in guide["faults"]["kinds"]
    await shop.client.delete("/_sim/state")
    assert (len(shop.simulator.requests), shop.simulator.orders) == (0, {})
