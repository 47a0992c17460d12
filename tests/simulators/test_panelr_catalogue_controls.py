"""The controls of products, payment methods, bundles and coupon codes of the simulated Panelr."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.simulators.panelr import BundleRule, Coupon
from tests.support.panelr_caller import PanelrTestClient
from tests.support.panelr_prices import build_item, read_total

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

DUO = {"name": "Duo", "product_ids": [1, 4], "mode": "percent", "value": 10}
TEN = {"code": "TEN", "mode": "fixed", "value": 0.5}


async def test_a_product_is_added_and_changed(caller: PanelrTestClient) -> None:
    new = {"name": "IPTV 1 Month", "price_decimal": 7.125, "plugin_id": 2}
    added = await caller.client.put("/_sim/products/77", json=new)
    assert added.json() | new | {"id": 77, "currency": "USD", "plugin_name": "Reseller Panel"} == added.json()
    assert await read_total(caller, items=[build_item(77, qty=2)]) == Decimal("14.250")
    changed = await caller.client.patch("/_sim/products/77", json={"price_decimal": 8, "currency": "EUR"})
    assert (changed.json()["price_decimal"], changed.json()["currency"]) == (8, "EUR")
    assert await read_total(caller, items=[build_item(77)]) == 8
    assert (await caller.client.patch("/_sim/products/78", json={})).status_code == 404


async def test_a_payment_methods_fee_is_turned_on(caller: PanelrTestClient) -> None:
    changed = await caller.client.patch("/_sim/payment-methods/2", json={"adjustment_enabled": True})
    assert (changed.json()["adjustment_enabled"], changed.json()["adjustment_value"]) == (True, 2.5)
    assert await read_total(caller, payment_method_id=2) == Decimal("20.50")
    discount = {"adjustment_direction": "discount", "adjustment_mode": "fixed", "adjustment_value": 3}
    await caller.client.patch("/_sim/payment-methods/2", json=discount)
    assert await read_total(caller, payment_method_id=2) == 17
    assert (await caller.client.patch("/_sim/payment-methods/3", json={})).status_code == 404


async def test_bundles_and_coupons_are_replaced(caller: PanelrTestClient) -> None:
    for body, listed in (([DUO], [DUO]), ([], [])):
        assert (await caller.client.put("/_sim/bundles", json=body)).json() == listed
        assert (await caller.client.get("/_sim/bundles")).json() == listed
    await caller.client.put("/_sim/coupons", json=[TEN])
    gone = {"code": "GONE", "mode": "percent", "value": 5, "reason": "Expired", "customer_email": None}
    assert (await caller.client.put("/_sim/coupons", json=[gone])).json() == [gone]
    assert (await caller.client.get("/_sim/coupons")).json() == [gone]
    await caller.client.put("/_sim/bundles", json=[DUO])
    assert caller.panel.bundle_rules == [BundleRule("Duo", [1, 4], "percent", Decimal(10))]
    assert caller.panel.coupons == {"gone": Coupon("GONE", "percent", Decimal(5), reason="Expired")}
    await caller.client.delete("/_sim/state")
    assert (caller.panel.bundle_rules, caller.panel.coupons) == ([], {})


@pytest.mark.parametrize(
    ("method", "page", "body", "text"),
    [
        ("PUT", "products/77", {"name": "X"}, "price_decimal is required"),
        ("PUT", "products/77", {"name": 7, "price_decimal": 1}, "name must be of the type str"),
        ("PUT", "products/77", [], "The body must be a JSON object"),
        ("PATCH", "products/1", {"id": 2}, "Unknown field id; known are name,"),
        ("PATCH", "products/1", {"connections": True}, "connections must be of the type int"),
        ("PATCH", "products/1", {"price_decimal": "1"}, "price_decimal must be of the type Decimal"),
        ("PATCH", "products/1", {"currency": 1}, "currency must be of the type str | None"),
        ("PATCH", "payment-methods/2", {"mode": "percent"}, "mode must be one of manual, automated"),
        ("PATCH", "payment-methods/2", {"checkout_on": "shop"}, "checkout_on must be one of panelr, store"),
        ("PATCH", "payment-methods/2", {"adjustment_mode": "half"}, "adjustment_mode must be one of fixed, percent"),
        ("PUT", "bundles", DUO, "The body must be a list of objects"),
        ("PUT", "bundles", [DUO, {**DUO, "mode": "half"}], "mode must be one of fixed, percent"),
        ("PUT", "bundles", [{**DUO, "product_ids": "14"}], "product_ids must be of the type list"),
        ("PUT", "coupons", [{"code": "X"}], "mode is required"),
        ("PUT", "coupons", [7], "The body must be a JSON object"),
    ],
)
async def test_an_invalid_value_is_rejected_and_nothing_changed(
    caller: PanelrTestClient, method: str, page: str, body: Any, text: str
) -> None:
    panel = caller.panel
    before = (dict(panel.products), dict(panel.payment_methods), list(panel.bundle_rules), dict(panel.coupons))
    rejected = await caller.client.request(method, f"/_sim/{page}", json=body)
    assert (rejected.status_code, rejected.json()["error"][: len(text)]) == (400, text)
    assert before == (panel.products, panel.payment_methods, panel.bundle_rules, panel.coupons)


async def test_the_index_lists_the_new_controls(caller: PanelrTestClient) -> None:
    page = (await caller.client.get("/_sim/")).json()
    new = {"PUT /_sim/bundles", "PUT /_sim/coupons", "PATCH /_sim/payment-methods/{id}", "PUT /_sim/products/{id}"}
    assert new <= set(page["pages"])
    assert {"endless_body", "total_text", "holes"} <= set(page["faults"]["kinds"])
    assert page["settings"]["generation"] == 2
