"""Faults of the simulated store's REST API, over real sockets."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.faults import FaultError
from tests.support.wc import HOOKS, ORDERS, Shop, open_shop

RESOURCE = "/wp-json/myplugin/v1/woo/orders"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        await opened.make()
        yield opened


async def note(shop: Shop, number: int = 20) -> httpx.Response:
    return await shop.client.post(f"{ORDERS}/{number}/notes", json={"note": "x"})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["reset", "close", "hang", "garbage"])
async def test_answers_that_never_come(shop: Shop, kind: str, when: str) -> None:
    fields: dict[str, Any] = {"seconds": 0.05} if kind == "hang" else {}
    shop.store.faults.add(kind, action="notes.create", when=when, **fields)
    with pytest.raises(httpx.RemoteProtocolError if kind in {"garbage", "close", "hang"} else httpx.ReadError):
        await note(shop)
    assert len(shop.store.orders[20].notes) == (1 if when == "after" else 0)
    last = shop.store.requests[-1]
    assert (last.action, last.status, last.fault) == ("notes.create", None, kind)
    assert (await note(shop)).status_code == 201


async def test_a_client_that_gives_up_on_a_hanging_shop(shop: Shop) -> None:
    shop.store.faults.add("hang", action="orders.update", when="after", seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        await shop.client.put(f"{ORDERS}/20", json={"status": "completed"}, timeout=0.2)
    assert shop.store.orders[20].status == "completed"


async def test_outages_with_their_statuses(shop: Shop) -> None:
    add = shop.store.faults.add
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
async def test_answers_that_are_spoilt(shop: Shop, kind: str) -> None:
    good = await shop.client.get(ORDERS)
    fields: dict[str, Any] = {"seconds": 0.05} if kind == "slow" else {}
    shop.store.faults.add(kind, action="orders.list", **fields)
    if kind == "truncated":
        with pytest.raises(httpx.RemoteProtocolError):
            await shop.client.get(ORDERS)
        return
    spoilt = await shop.client.get(ORDERS)
    assert spoilt.headers["x-wp-total"] == "1"
    assert spoilt.content.endswith(good.content)
    assert (spoilt.content == good.content) == (kind != "warnings")
    assert spoilt.headers["content-type"].startswith("application/json" if kind == "slow" else "text/html")


async def test_a_fault_strikes_the_action_and_the_order_that_it_names(shop: Shop) -> None:
    await shop.make()
    shop.store.faults.add("status", action="notes.create", order_id="21")
    shop.store.faults.add("status", status=502, action="resource.update")
    assert (await shop.client.get(f"{ORDERS}/21")).status_code == 200
    assert [(await note(shop, number)).status_code for number in (20, 21, 21)] == [201, 500, 201]
    auth = ("bridge", "application-password")
    answers = [await shop.client.put(f"{RESOURCE}/20", json={"status": "completed"}, auth=auth) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [502, 200]
    assert shop.store.faults.pending == []


async def test_what_the_shop_refuses_anyway_is_left_alone_afterwards(shop: Shop) -> None:
    fault = shop.store.faults.add("reset", when="after", action="orders.get")
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
async def test_faults_that_cannot_be(shop: Shop, body: dict[str, Any], words: str) -> None:
    answer = await shop.client.post("/_sim/faults", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(words)
    assert shop.store.faults.pending == []


async def test_a_field_that_no_shop_knows_is_refused(shop: Shop) -> None:
    with pytest.raises(FaultError, match="unknown field wc_order_id"):
        shop.store.faults.add("reset", wc_order_id="20")


async def test_faults_and_the_journal_by_hand(shop: Shop) -> None:
    asked = {"kind": "status", "status": 503, "action": "orders.update", "times": None, "order_id": "20"}
    added = await shop.client.post("/_sim/faults", json=asked)
    assert added.json() | asked == added.json()
    assert (await shop.client.get("/_sim/faults")).json() == [added.json()]
    assert (await shop.client.put(f"{ORDERS}/20", json={"status": "completed"})).status_code == 503
    told = (await shop.client.get("/_sim/requests", params={"last": 1})).json()[0]
    assert (
        told
        | {
            "method": "PUT",
            "path": f"{ORDERS}/20",
            "action": "orders.update",
            "status": 503,
            "fault": "status",
            "body": '{"status":"completed"}',
        }
        == told
    )
    assert (await shop.client.delete("/_sim/faults")).json() == []
    assert (await shop.client.put(f"{ORDERS}/20", json={"status": "completed"})).status_code == 200
    guide = (await shop.client.get("/_sim/")).json()
    assert guide["rest"]["webhooks.update"] == f"POST or PUT or PATCH {HOOKS}/{{number:int}}"
    assert "reset" in guide["faults"]["kinds"]
    await shop.client.delete("/_sim/state")
    assert (len(shop.store.requests), shop.store.orders) == (0, {})
