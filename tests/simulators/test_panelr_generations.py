"""An older Panelr, as the simulated one can be: it ignores what it does not know."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.simulators.panelr import BundleRule, Coupon
from panelr_bridge.simulators.panelr.settings import NEWER_FEATURES, PanelSettings
from tests.support.panelr_caller import EMAIL, KEY, PanelrTestClient, read_error
from tests.support.panelr_payments import COMPLETION, REFERENCE, complete_by_token
from tests.support.panelr_prices import build_item, read_detail, switch_fee_on

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES = {"coupon_code": "TEN", "referral_code": "ADA-7"}
NEWER: dict[str, Any] = {
    "items": [build_item(1, unit_price=3), build_item(4, pay_with_points=True)],
    "payment_method_id": 2,
    **CODES,
}
LIST_PRICE = Decimal("29.99")


def offer_everything(caller: PanelrTestClient) -> None:
    switch_fee_on(caller.panel)
    caller.panel.bundle_rules = [BundleRule("One month", [1], "fixed", Decimal(1))]
    caller.panel.add_coupon(Coupon("TEN", "fixed", Decimal("0.5")))


async def test_an_older_panel_ignores_prices_codes_points_bundles_and_fees(caller: PanelrTestClient) -> None:
    offer_everything(caller)
    caller.panel.settings.generation = 1
    await caller.create(**NEWER)
    work_order = caller.panel.work_orders[1]
    assert (work_order.order_total, work_order.referral_code, work_order.extras) == (LIST_PRICE, None, {})
    assert [each.points_paid for each in work_order.cart] == [0, 0]


async def test_an_older_panel_answers_no_totals(caller: PanelrTestClient) -> None:
    caller.panel.settings.generation = 1
    head = ["work_order_id", "reference_code", "status"]
    assert list(await caller.create()) == [*head, "confirmation_token", "type", "item_count"]
    completed = await caller.post("complete_order", COMPLETION)
    assert list(completed.json()["data"]) == [*head, "type", "item_count"]


async def test_an_older_panel_does_not_refuse_underpayment(caller: PanelrTestClient) -> None:
    caller.panel.settings.generation = 1
    token = (await caller.create())["confirmation_token"]
    assert (await complete_by_token(caller, token, payment_amount=1, store_discount=5, **CODES)).status_code == 200
    work_order = caller.panel.work_orders[1]
    assert (work_order.store_discount, work_order.balance_due) == (Decimal(0), Decimal(19))
    assert work_order.referral_code is None
    body = COMPLETION | {"payment_amount": 1, "store_discount": 5}
    assert (await caller.post("complete_order", body)).status_code == 200


async def test_an_older_panel_does_not_know_quote_cart(caller: PanelrTestClient) -> None:
    caller.panel.settings.generation = 1
    assert read_error(await caller.post("quote_cart", {})) == (404, "Unknown action quote_cart")


async def test_an_older_panel_answers_404_to_the_wrong_email(caller: PanelrTestClient) -> None:
    caller.panel.settings.generation = 1
    await caller.create()
    answer = await caller.get("get_work_order", ref=REFERENCE, email="eve@example.test")
    assert read_error(answer) == (404, "Work order not found")


async def test_an_older_panel_shows_the_fields_of_its_time(caller: PanelrTestClient) -> None:
    caller.panel.settings.generation = 1
    detail = await read_detail(caller, await caller.create())
    assert (detail["payment_method"], detail["order_total"]) == ("bank_transfer", 20)
    assert not {"coupon", "bundles", "credits_paid", "disputed"} & set(detail)
    assert "product_id" not in detail["cart"][0]
    assert (await caller.get("get_store_settings")).json()["data"]["version"] == "1.0"
    caller.panel.settings.generation = 2
    assert (await caller.get("get_store_settings")).json()["data"]["version"] == "2.0.9"


# Without the feature, the order of NEWER costs this; with all of them it costs 3 - 1 - 0.50 and the fee.
ALL = Decimal("1.54")


@pytest.mark.parametrize(
    ("feature", "total"),
    [
        ("honours_unit_price", "8.71"),  # 10 - 1 - 0.50, and 2.5 %
        ("honours_codes", "2.05"),
        ("honours_points", "22.03"),  # the second item costs 19.99
        ("adds_bundle_discounts", "2.56"),
        ("adds_method_fee", "1.50"),
        ("answers_totals", ALL),
        ("shows_details", ALL),
    ],
)
async def test_each_newer_feature_can_be_turned_off(caller: PanelrTestClient, feature: str, total: str) -> None:
    offer_everything(caller)
    await caller.create(**NEWER)
    changed = await caller.client.patch("/_sim/settings", json={feature: False})
    assert changed.json()[feature] is False
    await caller.create(**NEWER)
    assert [each.order_total for each in caller.panel.work_orders.values()] == [ALL, Decimal(total)]


async def test_generation_1_has_none_of_the_newer_features() -> None:
    older = PanelSettings(api_key=KEY, generation=1).effective
    assert {name: getattr(older, name) for name in NEWER_FEATURES} == dict.fromkeys(NEWER_FEATURES, False)
    newest = PanelSettings(api_key=KEY)
    assert {name: getattr(newest.effective, name) for name in NEWER_FEATURES} == dict.fromkeys(NEWER_FEATURES, True)


async def test_the_lists_of_an_older_panel_look_the_same(caller: PanelrTestClient) -> None:
    await caller.create()
    newest = (await caller.get("get_work_orders", customer_email=EMAIL)).json()
    caller.panel.settings.generation = 1
    assert (await caller.get("get_work_orders", customer_email=EMAIL)).json() == newest
