"""Renewals in the simulated Panelr, and products of the same name."""

from typing import Any

import pytest

from panelr_bridge.simulators.panelr.catalogue import Product
from tests.support.panelr_caller import EMAIL, PanelrTestClient, read_error
from tests.support.panelr_payments import COMPLETION
from tests.support.panelr_prices import build_item, read_detail

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


def renew(product_id: int, intent: str = "renewal") -> list[dict[str, Any]]:
    return [build_item(4), build_item(product_id, intent=intent, activation_id=1)]


@pytest.mark.parametrize(("connections", "product_id"), [(1, 1), (1, 2), (2, 2)])
async def test_a_product_with_enough_connections_renews_a_line(
    caller: PanelrTestClient, connections: int, product_id: int
) -> None:
    caller.panel.add_line(EMAIL, connections=connections, usernames=["ada"])
    detail = await read_detail(caller, await caller.create(items=renew(product_id)))
    assert [(each["activation_id"], each["linked_username"]) for each in detail["cart"]] == [(None, None), (1, "ada")]


FEWER = "items[1].product_id 1 has 1 connection(s); line 1 needs 2"
ANOTHER = "items[1].product_id 3 is a product of another service than line 1"


@pytest.mark.parametrize(("product_id", "text"), [(1, FEWER), (3, ANOTHER)])
@pytest.mark.parametrize("action", ["create_work_order", "complete_order", "quote_cart"])
async def test_a_renewal_to_a_product_that_does_not_fit_is_refused(
    caller: PanelrTestClient, product_id: int, text: str, action: str
) -> None:
    caller.panel.settings.strict = False
    caller.panel.add_line(EMAIL, connections=2)
    body = COMPLETION | {"status": "pending", "items": renew(product_id), "payment_amount": 900}
    assert read_error(await caller.post(action, body)) == (422, text)
    assert caller.panel.work_orders == {}
    caller.panel.settings.checks_renewals = False
    assert (await caller.post(action, body)).status_code == 200


@pytest.mark.parametrize("product_id", [1, 3])
@pytest.mark.parametrize("intent", ["renewal", "trial_upgrade"])
async def test_a_trial_line_is_renewed_to_any_product(caller: PanelrTestClient, product_id: int, intent: str) -> None:
    caller.panel.add_line(EMAIL, connections=3, is_trial=True)
    assert (await caller.create(items=renew(product_id, intent)))["item_count"] == 2


async def test_a_line_that_the_panel_does_not_know_is_not_checked(caller: PanelrTestClient) -> None:
    assert (await caller.create(items=renew(3)))["item_count"] == 2


async def test_two_services_can_have_products_of_the_same_name(caller: PanelrTestClient) -> None:
    for product_id, plugin_id in ((1, 1), (2, 2), (3, 3)):
        caller.panel.products[product_id] = Product(product_id, "Month", caller.panel.products[1].price_decimal)
        caller.panel.products[product_id].plugin_id = plugin_id
    made = await caller.create(items=[build_item(1), build_item(2), build_item(3)])
    expected = [("Month", "Xtream UI"), ("Month", "Reseller Panel"), ("Month", "Plugin 3")]
    (listed,) = (await caller.get("get_work_orders", customer_email=EMAIL)).json()["data"]
    for items in (listed["items"], (await read_detail(caller, made))["cart"]):
        assert [(each["name"], each["plugin_name"]) for each in items] == expected
    products = (await caller.get("get_products")).json()["data"][:3]
    assert [(each["name"], each["plugin_name"]) for each in products] == expected
