"""The webhooks that events of the simulated shop fire."""

import pytest

from panelr_bridge.simulators.woocommerce import (
    Cart,
    NewOrderLine,
    open_checkout,
    order_payload,
    place_order,
)
from tests.support.webhook_rig import WebhookRig


async def test_rest_creation_fires_created_then_updated(rig: WebhookRig) -> None:
    rig.register()
    rig.create_order()
    assert await rig.wait_for_topics() == ["order.created", "order.updated"]
    assert rig.receiver.received[0][1] == rig.receiver.received[1][1]
    assert rig.receiver.pings == ["webhook_id=1", "webhook_id=2", "webhook_id=3", "webhook_id=4"]


async def test_checkout_fires_updated_then_created(rig: WebhookRig) -> None:
    rig.register()
    answer = await rig.client.post("/_sim/checkout", json={"items": [{"sku": "IPTV-12M"}], "payment_method": "cod"})
    assert answer.json()["id"] == 20
    assert await rig.wait_for_topics() == ["order.updated", "order.created"]
    assert rig.receiver.received[0][1] == rig.receiver.received[1][1] == answer.json()


@pytest.mark.parametrize(
    ("gateway", "sku", "status", "paid"),
    [
        ("bacs", "VIRT-1", "on-hold", False),
        ("cod", "VIRT-1", "processing", False),
        ("stripe", "VIRT-1", "processing", True),
        ("stripe", "EBOOK-1", "completed", True),
        ("bacs", "FREE-0", "processing", True),
    ],
)
async def test_gateways(rig: WebhookRig, gateway: str, sku: str, status: str, *, paid: bool) -> None:
    cart = {"items": [{"sku": sku, "quantity": 1}], "payment_method": gateway}
    order = (await rig.client.post("/_sim/checkout", json=cart)).json()
    assert (order["status"], order["date_paid"] is not None) == (status, paid)
    assert order["payment_method"] == ("" if sku == "FREE-0" else gateway)


async def test_an_opened_checkout_fires_an_update_of_a_draft(rig: WebhookRig) -> None:
    rig.register()
    cart = {"items": [{"sku": "VIRT-1"}]}
    draft = (await rig.client.post("/_sim/checkout/open", json=cart)).json()
    assert await rig.wait_for_topics() == ["order.updated"]
    assert (draft["status"], draft["billing"]["email"]) == ("checkout-draft", "")
    placed = (await rig.client.post("/_sim/checkout", json=cart | {"order_id": 20})).json()
    assert (placed["id"], placed["status"]) == (20, "on-hold")
    assert await rig.wait_for_topics() == ["order.updated", "order.updated", "order.created"]
    again = await rig.client.post("/_sim/checkout", json=cart | {"order_id": 20})
    assert (again.status_code, again.json()) == (400, {"error": "order 20 is not a checkout-draft"})


async def test_draft_in_store(rig: WebhookRig) -> None:
    draft = open_checkout(rig.shop, Cart([NewOrderLine(rig.shop.product(sku="VIRT-1"))]))
    assert place_order(rig.shop, Cart([NewOrderLine(rig.shop.product(sku="VIRT-1"))]), draft) is draft


@pytest.mark.parametrize(
    ("path", "body", "topics"),
    [
        ("status", {"status": "completed"}, ["order.updated"]),
        ("pay", {"transaction_id": "T"}, ["order.updated"]),
        ("refund", {"amount": "10.00"}, ["order.updated"]),
        ("touch", {}, ["order.updated"]),
        ("meta", {"k": "v"}, ["order.updated"]),
        ("trash", {}, ["order.deleted"]),
    ],
)
async def test_topics_of_each_event(rig: WebhookRig, path: str, body: dict[str, str], topics: list[str]) -> None:
    rig.create_order()
    rig.register()
    answer = await rig.client.post(f"/_sim/orders/20/{path}", json=body)
    assert answer.status_code == 200
    assert await rig.wait_for_topics() == topics


async def test_trash_and_restore(rig: WebhookRig) -> None:
    rig.create_order(status="processing")
    rig.register()
    await rig.client.post("/_sim/orders/20/trash")
    assert await rig.wait_for_topics() == ["order.deleted"]
    await rig.client.post("/_sim/orders/20/restore")
    assert await rig.wait_for_topics() == ["order.deleted", "order.restored"]
    sent = [delivery.body for delivery in rig.shop.webhooks.deliveries if delivery.order_id]
    assert sent[0] == b'{"id":20}'
    assert sent[1] == order_payload(rig.shop.order(20))
    assert rig.receiver.received[1][1]["status"] == "processing"
    assert (await rig.client.post("/_sim/orders/20/restore")).status_code == 400


async def test_permanent_deletion_fires_nothing(rig: WebhookRig) -> None:
    rig.create_order()
    rig.register()
    await rig.client.delete("/_sim/orders/20")
    assert await rig.wait_for_topics() == []


async def test_full_refund(rig: WebhookRig) -> None:
    rig.create_order(set_paid=True)
    await rig.client.post("/_sim/orders/20/refund", json={"amount": "10.00", "reason": "late"})
    assert (await rig.client.get("/_sim/orders/20")).json()["status"] == "processing"
    too_much = await rig.client.post("/_sim/orders/20/refund", json={"amount": "43.05"})
    assert too_much.json() == {"error": "the amount must be above 0 and at most 43.04"}
    order = (await rig.client.post("/_sim/orders/20/refund")).json()
    assert (order["status"], order["total"]) == ("refunded", "53.04")
    assert [refund["total"] for refund in order["refunds"]] == ["-43.04", "-10.00"]
