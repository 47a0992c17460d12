"""The simulated shop's subscriptions and market place: orders, meta, webhooks and routes as a real one has them."""

import json
from typing import Any

import pytest

from panelr_bridge.simulators.woocommerce.deliveries import SUBSCRIPTION_TOPICS
from panelr_bridge.simulators.woocommerce.payload import subscription_json
from tests.support.bridge_kit import capture
from tests.support.rest_shop import HOOKS, ORDERS, RestShop, open_shop
from tests.support.webhook_rig import TOPICS, WebhookRig, open_rig

CART: dict[str, Any] = {"items": [{"sku": "IPTV-1M"}]}
SUBSCRIPTIONS = "/_sim/subscriptions"
NO_ROUTE = (404, "rest_no_route", "No route was found matching the URL and request method.")


async def post(rig: WebhookRig | RestShop, path: str, **body: Any) -> dict[str, Any]:
    answer = await rig.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def keys(order: dict[str, Any]) -> dict[str, Any]:
    """Return the meta by which plugins say what an order is."""
    return {each["key"]: each["value"] for each in order["meta_data"] if each["key"] in RELATIONS}


RELATIONS = {
    *("_subscription_renewal", "_subscription_renewal_early", "_failed_renewal_order", "_subscription_switch"),
    *("_subscription_resubscribe", "is_a_renew", "subscriptions", "wps_subscription_id", "wps_sfw_renewal_order"),
    *("wps_sfw_subscription", "wps_sfw_parent_order_id"),
}


@pytest.mark.parametrize(
    ("plugin", "first", "renewal", "created_via"),
    [
        ("wcs", {}, {"_subscription_renewal": "21"}, "subscription"),
        ("core", {}, {"_subscription_renewal": "21"}, "subscription"),
        ("yith", {"subscriptions": [21]}, {"is_a_renew": "yes", "subscriptions": ["21"]}, ""),
        (
            "wps",
            {"wps_subscription_id": "21"},
            {"wps_sfw_renewal_order": "yes", "wps_sfw_subscription": "21", "wps_sfw_parent_order_id": "20"},
            "",
        ),
    ],
)
async def test_each_plugin_writes_its_own_keys(
    plugin: str, first: dict[str, Any], renewal: dict[str, Any], created_via: str
) -> None:
    async with open_rig() as rig:
        begun = await post(rig, SUBSCRIPTIONS, plugin=plugin, **CART)
        assert (begun["id"], begun["parent_id"], begun["status"]) == (21, 20, "active")
        assert keys((await rig.client.get("/_sim/orders/20")).json()) == first
        made = await post(rig, f"{SUBSCRIPTIONS}/21/renew")
        assert (keys(made), made["created_via"], made["parent_id"]) == (renewal, created_via, 0)
        assert (made["status"], made["line_items"][0]["sku"]) == ("processing", "IPTV-1M")


async def test_a_declined_renewal_is_paid_later_under_the_same_id() -> None:
    async with open_rig() as rig:
        await post(rig, SUBSCRIPTIONS, **CART)
        made = await post(rig, f"{SUBSCRIPTIONS}/21/renew", result="declined")
        assert (made["status"], keys(made)["_failed_renewal_order"]) == ("pending", "yes")
        paid = await post(rig, f"/_sim/orders/{made['id']}/retry-payment")
        assert (paid["status"], keys(paid)) == ("processing", {"_subscription_renewal": "21"})


async def test_a_subscriptions_events_have_topics_of_their_own() -> None:
    async with open_rig() as rig:
        rig.shop.switches.subscriptions = True
        rig.register(*TOPICS, *SUBSCRIPTION_TOPICS)
        await post(rig, SUBSCRIPTIONS, **CART)
        assert await rig.wait_for_topics() == [
            *("order.updated", "order.created", "subscription.updated", "subscription.created")
        ]
        rig.receiver.received.clear()
        await post(rig, f"{SUBSCRIPTIONS}/21/status", status="cancelled")
        assert await rig.wait_for_topics() == ["subscription.updated"]
        rig.receiver.received.clear()
        await post(rig, f"{SUBSCRIPTIONS}/21/resubscribe")
        await rig.shop.webhooks.wait_until_idle()
        bodies = {topic: body for topic, body in rig.receiver.received if topic == "subscription.created"}
        assert (bodies["subscription.created"]["parent_id"], bodies["subscription.created"]["resubscribed_from"]) == (
            *(22, "21"),
        )
        rig.receiver.received.clear()
        await post(rig, SUBSCRIPTIONS, by_hand=True, **CART)
        await rig.shop.webhooks.wait_until_idle()
        assert rig.receiver.received == [("subscription.updated", []), ("subscription.created", [])]


async def test_a_subscriptions_body_has_the_recorded_fields() -> None:
    async with open_rig() as rig:
        await post(rig, SUBSCRIPTIONS, **CART)
        made = subscription_json(rig.shop.subscriptions[21])
    recorded = json.loads(capture("s003")[1])
    assert recorded.keys() - made.keys() == set()


async def test_what_the_checkout_wrote_is_copied_to_every_renewal() -> None:
    async with open_rig() as rig:
        await post(rig, SUBSCRIPTIONS, meta={"_panelr_work_order_id": "7"}, **CART)
        rig.shop.write_meta(rig.shop.orders[20].meta, {"panelr_reference_code": "later"}, "meta")
        made = await post(rig, f"{SUBSCRIPTIONS}/21/renew")
        metas = {each["key"]: each["value"] for each in made["meta_data"]}
        assert metas["_panelr_work_order_id"] == "7"
        assert "panelr_reference_code" not in metas


async def test_early_renewals_and_switches_are_placed_at_the_checkout() -> None:
    async with open_rig() as rig:
        await post(rig, SUBSCRIPTIONS, **CART)
        early = await post(rig, f"{SUBSCRIPTIONS}/21/renew", early=True)
        assert (early["created_via"], keys(early)["_subscription_renewal_early"]) == ("checkout", "21")
        switch = await post(rig, f"{SUBSCRIPTIONS}/21/switch", sku="IPTV-12M", total="16.50")
        assert (keys(switch), switch["line_items"][0]["total"]) == ({"_subscription_switch": "21"}, "16.50")
        later = await post(rig, f"{SUBSCRIPTIONS}/21/renew")
        assert later["line_items"][0]["sku"] == "IPTV-12M"


async def test_three_routes_name_the_orders_of_a_subscription() -> None:
    async with open_shop() as shop:
        await post(shop, SUBSCRIPTIONS, **CART)
        await post(shop, f"{SUBSCRIPTIONS}/21/renew")
        orders = "/wp-json/wc/v3/subscriptions/21/orders"
        assert await shop.read_error("GET", orders) == NO_ROUTE
        assert await shop.read_error("GET", f"{ORDERS}/20/subscriptions") == NO_ROUTE
        assert (await shop.client.get(f"{ORDERS}/21")).json()["parent_id"] == 20  # also with the core library
        shop.simulator.switches.subscriptions = True
        listed = (await shop.client.get(orders)).json()
        assert [(each["id"], each["order_type"]) for each in listed] == [(20, "parent_order"), (22, "renewal_order")]
        assert await shop.list_ids(f"{ORDERS}/20/subscriptions") == [21]
        assert await shop.list_ids(ORDERS) == [22, 20]
        assert (await shop.read_error("GET", "/wp-json/wc/v3/subscriptions/20/orders"))[0] == 404


async def test_the_topics_are_there_with_the_plugin_alone() -> None:
    async with open_shop() as shop:
        hook = {"topic": "subscription.created", "delivery_url": "http://127.0.0.1:9/"}
        status, code, _ = await shop.read_error("POST", HOOKS, json=hook)
        assert (status, code) == (400, "woocommerce_rest_shop_webhook_invalid_topic")
        shop.simulator.switches.subscriptions = True
        assert (await shop.client.post(HOOKS, json=hook)).status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (SUBSCRIPTIONS, CART | {"plugin": "own"}, "plugin must be one of wcs, core, yith, wps"),
        (SUBSCRIPTIONS, {"items": [{"product_id": 0}]}, "a subscription needs a product"),
        (f"{SUBSCRIPTIONS}/9/renew", {}, "there is no subscription 9"),
        (f"{SUBSCRIPTIONS}/9/renew", {"result": "maybe"}, "result must be one of paid, declined, unpaid"),
    ],
)
async def test_controls_explain_errors(path: str, body: dict[str, Any], words: str) -> None:
    async with open_rig() as rig:
        answer = await rig.client.post(path, json=body)
        assert (answer.status_code in {400, 404}, answer.json()["error"]) == (True, words)


async def test_a_market_place_divides_an_order_and_again_at_every_write() -> None:
    async with open_shop() as shop:
        shop.simulator.switches.market_place = True
        cart = {"items": [{"sku": "IPTV-1M"}, {"sku": "VIRT-1"}], "payment_method": "stripe"}
        made = await post(shop, "/_sim/checkout", **cart)
        assert {each["key"]: each["value"] for each in made["meta_data"]}["has_sub_order"] == "1"
        child = (await shop.client.get(f"{ORDERS}/21")).json()
        assert (child["parent_id"], child["created_via"], child["status"]) == (20, "dokan", "processing")
        assert [each["sku"] for each in child["line_items"]] == ["IPTV-1M"]
        await shop.client.post(f"{ORDERS}/20/notes", json={"note": "safe"})
        assert await shop.list_ids(ORDERS) == [22, 21, 20]
        await shop.update_order(20, meta_data=[{"key": "a", "value": "b"}])
        assert await shop.list_ids(ORDERS) == [24, 23, 20]
        await shop.update_order(23, meta_data=[{"key": "a", "value": "b"}])
        assert await shop.list_ids(ORDERS) == [24, 23, 20]
