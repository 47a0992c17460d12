"""Webhooks and products in the simulated shop's wc/v3, and a plugin that saves after every update."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import sign
from tests.support.rest_shop import HOOKS, ORDERS, PRODUCTS, RestShop, open_shop
from tests.support.webhook_rig import WebhookReceiver

SECRET = "rig-secret"


@pytest.fixture
async def shop() -> AsyncIterator[RestShop]:
    async with open_shop() as opened:
        yield opened


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[tuple[WebhookReceiver, str]]:
    receiver = WebhookReceiver()
    async with running(Starlette(routes=[Route("/hook", receiver.handle, methods=["POST"])])) as url:
        yield receiver, f"{url}/hook"


async def test_a_webhook_is_active_and_pinged_at_once(shop: RestShop) -> None:
    async with receiving() as (receiver, url):
        payload = {"name": "Bridge", "topic": "order.updated", "delivery_url": url, "secret": SECRET}
        made = await shop.client.post(HOOKS, json=payload)
        assert made.status_code == 201
        assert SECRET not in made.text
        assert (
            made.json()
            | {
                "id": 1,
                "name": "Bridge",
                "status": "active",
                "topic": "order.updated",
                "resource": "order",
                "event": "updated",
                "delivery_url": url,
                "date_created_gmt": "2026-11-21T19:16:41",
            }
            == made.json()
        )
        assert receiver.pings == ["webhook_id=1"]
        await shop.create_order()
        await shop.update_order(20, meta_data=[{"key": "_ref", "value": "1"}])
        await shop.simulator.webhooks.wait_until_idle()
        assert {topic for topic, _ in receiver.received} == {"order.updated"}
        delivery = shop.simulator.webhooks.deliveries[-1]
        assert dict(delivery.headers)["X-WC-Webhook-Signature"] == sign(delivery.body, SECRET)
        assert (await shop.client.get(f"{HOOKS}/1")).json() == made.json()


async def test_reactivation_sends_no_ping_and_keeps_the_failures(shop: RestShop) -> None:
    async with receiving() as (receiver, url):
        await shop.client.post(HOOKS, json={"topic": "order.updated", "delivery_url": url, "secret": SECRET})
        receiver.status = 500
        for _ in range(7):
            await shop.create_order()
        await shop.simulator.webhooks.wait_until_idle()
        assert (await shop.client.get(f"{HOOKS}/1")).json()["status"] == "disabled"
        assert await shop.list_ids(HOOKS, status="disabled") == [1]
        active = await shop.client.put(f"{HOOKS}/1", json={"status": "active"})
        assert active.json()["status"] == "active"
        assert (shop.simulator.webhooks.registered[1].failure_count, len(receiver.pings)) == (6, 1)
        await shop.client.put(f"{HOOKS}/1", json={"delivery_url": f"{url}?moved", "name": "Moved"})
        assert (len(receiver.pings), shop.simulator.webhooks.registered[1].secret) == (2, SECRET)
        await shop.create_order()
        await shop.simulator.webhooks.wait_until_idle()
        assert shop.simulator.webhooks.registered[1].status == "disabled"


async def test_an_empty_secret_becomes_a_random_one(shop: RestShop) -> None:
    payload = {"topic": "product.created", "delivery_url": "http://127.0.0.1:9/hook", "secret": ""}
    assert (await shop.client.post(HOOKS, json=payload)).json()["name"] == "Webhook created on Nov 21, 2026 @ 02:16 PM"
    assert len(shop.simulator.webhooks.registered[1].secret) == 50
    await shop.client.put(f"{HOOKS}/1", json={"secret": "mine"})
    assert shop.simulator.webhooks.registered[1].secret == "mine"
    await shop.create_order()
    assert shop.simulator.webhooks.pending == []


async def test_webhooks_are_listed_and_deleted(shop: RestShop) -> None:
    for topic in ("order.created", "coupon.deleted", "action.woocommerce_new_order"):
        shop.simulator.webhooks.add(topic=topic, delivery_url="http://127.0.0.1:9/hook")
    await shop.client.put(f"{HOOKS}/2", json={"status": "paused"})
    assert await shop.list_ids(HOOKS) == [3, 2, 1]
    assert await shop.list_ids(HOOKS, order="asc", per_page=2) == [1, 2]
    assert await shop.list_ids(HOOKS, status="paused") == [2]
    listed = await shop.client.get(HOOKS, params={"page": 9})
    assert (listed.json(), listed.headers["x-wp-total"]) == ([], "3")
    kept = await shop.read_error("DELETE", f"{HOOKS}/2")
    assert kept == (501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    assert (await shop.client.delete(f"{HOOKS}/2", params={"force": "true"})).json()["id"] == 2
    assert await shop.list_ids(HOOKS) == [3, 1]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", HOOKS, {}, (400, "rest_missing_callback_param")),
        (
            "POST",
            HOOKS,
            {"topic": "order.sold", "delivery_url": "http://a/"},
            (400, "woocommerce_rest_shop_webhook_invalid_topic"),
        ),
        (
            "POST",
            HOOKS,
            {"topic": "order.created", "delivery_url": "ftp://a/"},
            (400, "woocommerce_rest_shop_webhook_invalid_delivery_url"),
        ),
        (
            "POST",
            HOOKS,
            {"topic": "order.created", "delivery_url": "http://a/", "status": "on"},
            (400, "rest_invalid_param"),
        ),
        ("GET", f"{HOOKS}/9", None, (404, "woocommerce_rest_shop_webhook_invalid_id")),
        ("PUT", f"{HOOKS}/9", {}, (400, "woocommerce_rest_shop_webhook_invalid_id")),
        ("DELETE", f"{HOOKS}/9?force=true", None, (404, "woocommerce_rest_shop_webhook_invalid_id")),
    ],
)
async def test_invalid_webhooks_are_rejected(
    shop: RestShop, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    assert (await shop.read_error(method, path, json=body))[:2] == expected
    assert shop.simulator.webhooks.registered == {}


async def test_products_and_variations(shop: RestShop) -> None:
    assert await shop.list_ids(PRODUCTS, order="asc") == [11, 12, 13, 14, 15, 16]
    page = await shop.client.get(PRODUCTS, params={"per_page": 4, "page": 2})
    assert ([each["id"] for each in page.json()], page.headers["x-wp-total"]) == ([12, 11], "6")
    assert page.headers["x-wp-totalpages"] == "2"
    assert await shop.list_ids(PRODUCTS, sku="PANEL-1000,IPTV-1M") == [17, 12]
    assert await shop.list_ids(PRODUCTS, type="variable") == [16]
    assert await shop.list_ids(PRODUCTS, search="mug") == [11]
    parent = (await shop.client.get(f"{PRODUCTS}/16")).json()
    assert (parent["type"], parent["variations"], parent["status"]) == ("variable", [17, 18], "publish")
    assert parent["attributes"][0]["options"] == ["1 month", "12 months"]
    assert await shop.list_ids(f"{PRODUCTS}/16/variations", order="asc") == [17, 18]
    variation = (await shop.client.get(f"{PRODUCTS}/16/variations/18")).json()
    assert (
        variation
        | {
            "name": "IPTV Subscription - 12 months",
            "type": "variation",
            "sku": "IPTV-12M",
            "price": "90.00",
            "parent_id": 16,
            "attributes": [{"id": 0, "name": "term", "option": "12 months"}],
        }
        == variation
    )
    assert (await shop.client.get(f"{PRODUCTS}/18")).json() == variation
    assert (await shop.read_error("GET", f"{PRODUCTS}/99"))[:2] == (404, "woocommerce_rest_product_invalid_id")
    assert (await shop.read_error("GET", f"{PRODUCTS}/99/variations"))[0] == 404
    assert (await shop.read_error("GET", f"{PRODUCTS}/12/variations/18"))[0] == 404


@pytest.mark.parametrize(("right", "status"), [("owner_may_read", 403), ("owner_exists", 401)])
async def test_a_webhook_of_an_owner_without_rights_sends_an_error(shop: RestShop, right: str, status: int) -> None:
    async with receiving() as (receiver, url):
        await shop.client.post(HOOKS, json={"topic": "order.created", "delivery_url": url, "secret": SECRET})
        await shop.client.patch("/_sim/webhooks/1", json={right: False})
        await shop.create_order()
        await shop.simulator.webhooks.wait_until_idle()
        words = "Sorry, you cannot view this resource."
        error = {"code": "woocommerce_rest_cannot_view", "message": words, "data": {"status": status}}
        assert receiver.received == [("order.created", error)]
        delivery = shop.simulator.webhooks.deliveries[-1]
        assert dict(delivery.headers)["X-WC-Webhook-Signature"] == sign(delivery.body, SECRET)


async def test_a_put_fires_one_update_and_a_permanent_deletion_none(shop: RestShop) -> None:
    async with receiving() as (receiver, url):
        for topic in ("order.updated", "order.deleted"):
            shop.simulator.webhooks.register(topic=topic, delivery_url=url)
        await shop.create_order()
        await shop.simulator.webhooks.wait_until_idle()
        receiver.received.clear()
        await shop.update_order(20, status="completed", transaction_id="T", meta_data=[{"key": "_a", "value": "b"}])
        await shop.simulator.webhooks.wait_until_idle()
        assert receiver.topics == ["order.updated"]
        await shop.client.delete(f"{ORDERS}/20")
        await shop.simulator.webhooks.wait_until_idle()
        assert receiver.received[1:] == [("order.deleted", {"id": 20})]
        await shop.create_order()
        await shop.client.delete(f"{ORDERS}/21", params={"force": "true"})
        await shop.simulator.webhooks.wait_until_idle()
        assert "order.deleted" not in receiver.topics[2:]


async def test_a_plugin_that_saves_after_each_update_does_so_once(shop: RestShop) -> None:
    async with receiving() as (receiver, url):
        shop.simulator.webhooks.register(topic="order.updated", delivery_url=url)
        await shop.create_order()
        await shop.simulator.webhooks.wait_until_idle()
        receiver.received.clear()
        await shop.client.patch("/_sim/settings", json={"resave": True})
        for note in ("one", "two"):
            await shop.update_order(20, customer_note=note)
            await shop.simulator.webhooks.wait_until_idle()
        assert receiver.topics == ["order.updated"] * 4
        await shop.client.post(f"{ORDERS}/20/notes", json={"note": "x"})
        await shop.client.patch("/_sim/settings", json={"resave": False})
        await shop.update_order(20, customer_note="three")
        await shop.simulator.webhooks.wait_until_idle()
        assert len(receiver.received) == 5
