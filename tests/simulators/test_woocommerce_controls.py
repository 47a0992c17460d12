"""The controls of the simulated shop below `/_sim/`."""

import json
from typing import Any

import pytest

from tests.support.webhook_rig import WebhookRig


async def test_line_of_a_deleted_product_has_no_ids(rig: WebhookRig) -> None:
    rig.create_order(18)
    await rig.client.delete("/_sim/products/18")
    line = (await rig.client.get("/_sim/orders/20")).json()["line_items"][0]
    assert line["name"] == "IPTV Subscription - 12 months"
    assert (line["product_id"], line["variation_id"], line["sku"], line["parent_name"]) == (0, 0, None, None)


async def test_checkout_with_everything(rig: WebhookRig) -> None:
    cart = {
        "items": [
            {"product_id": 18, "quantity": 2, "meta": {"panelr_intent": "renewal"}},
            {"product_id": 0, "name": "By hand", "price": "1.00"},
        ],
        "payment_method": "stripe",
        "coupon": "rig10",
        "fee": {"name": "Gift", "amount": "2.50"},
        "note": "Hi",
        "email": "zoe@example.test",
    }
    order = (await rig.client.post("/_sim/checkout", json=cart)).json()
    assert (order["status"], order["customer_note"], order["billing"]["email"]) == (
        "processing",
        "Hi",
        "zoe@example.test",
    )
    assert (order["discount_total"], order["cart_tax"]) == ("18.10", "13.44")
    assert order["fee_lines"][0]["total"] == "2.50"
    # 162.00 + 0.90 + 2.50 + 13.44, without shipping because no product is physical
    assert (order["total"], order["shipping_lines"]) == ("178.84", [])
    assert [meta["key"] for meta in order["line_items"][0]["meta_data"]] == ["term", "panelr_intent"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"itms": []}, "unknown: itms"),
        ({"items": [{"sku": "NONE"}]}, "there is no product NONE"),
        ({"items": [{"sku": "VIRT-1", "quantity": 0}]}, "quantity must be above 0"),
        ({"items": [{"sku": "VIRT-1"}], "coupon": "none"}, "there is no coupon none"),
        ({"items": [{"sku": "VIRT-1"}], "payment_method": "gold"}, "payment_method must be one of"),
    ],
)
async def test_controls_explain_errors(rig: WebhookRig, body: dict[str, Any], words: str) -> None:
    answer = await rig.client.post("/_sim/checkout", json=body)
    assert answer.status_code in {400, 404}
    assert answer.json()["error"].startswith(words)
    assert (await rig.client.get("/_sim/orders")).json() == []


async def test_index_and_reset(rig: WebhookRig) -> None:
    guide = (await rig.client.get("/_sim/")).json()["controls"]
    assert {
        "do": "DELETE /_sim/orders/{id}",
        "what": "delete an order permanently, without a webhook",
        "example": "",
    } in guide
    for control in guide:
        assert not control["example"] or json.loads(control["example"])
    rig.register("order.created")
    rig.create_order()
    await rig.wait_for_topics()
    kept = (await rig.client.delete("/_sim/state", params={"keep": "webhooks"})).json()
    assert [webhook["id"] for webhook in kept["webhooks"]] == [1]
    assert (await rig.client.get("/_sim/orders")).json() == []
    assert rig.create_order() == 21
    assert (await rig.client.delete("/_sim/state")).json() == {"webhooks": [], "held": False, "pending": []}
