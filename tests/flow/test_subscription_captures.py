"""The recorded deliveries of a shop with subscriptions, one after the other through the webhook route."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.continuation import keep_activations
from panelr_bridge.domain.history import Activation
from tests.support.bridge_kit import Kit
from tests.support.subscription_captures import SUBSCRIPTION_CAPTURES

EMAIL = "cust@shop.test"
LINE = 77
PRODUCTS = (10, 12, 444, 449, 530, 542)
FIRST = 458


async def test_each_recorded_delivery_is_understood(kit: Kit) -> None:
    for product in PRODUCTS:
        await kit.map(woo_product_id=product, panelr_product_id=1)
    for name, wanted in SUBSCRIPTION_CAPTURES.items():
        answer = await kit.post_capture(name.partition("-")[0])
        assert answer.status_code in {200, 202}, name
        assert answer.json()["order_id"] == wanted.order, name
        if wanted.order is not None:
            story = await kit.until(wanted.order, wanted.state or "")
            assert (story["reasons"] or [{"code": None}])[0]["code"] == wanted.reason, (name, story["reasons"])
            assert find_items(kit, wanted.order) == wanted.items, name
        if name.startswith("s002"):
            await set_up_the_line(kit)
    assert (await kit.order(FIRST))["attention"] == []  # the keys in s005 are what a write-back leaves
    listed = (await kit.api("GET", "/orders?per_page=100")).json()["data"]
    assert {each["woo_order_id"] for each in listed} == {each.order for each in SUBSCRIPTION_CAPTURES.values()} - {None}
    deliveries = (await kit.api("GET", "/deliveries?per_page=100&sort=id")).json()["data"]
    assert [each["verdict"] for each in deliveries] == [each.verdict for each in SUBSCRIPTION_CAPTURES.values()]
    new = [each for each in kit.panel.work_orders.values() if each.cart[0].intent == "new_activation"]
    assert len(new) == 3  # the first order, the deposit and the order with a gift card


def find_items(kit: Kit, number: int) -> tuple[str, ...]:
    """Return the intents of an order's items. A renewal is of the customer's one line."""
    made = kit.panel.of_wc_order(str(number))
    assert len(made) <= 1
    items = [item for each in made for item in each.cart]
    assert all(item.activation_id == (LINE if item.intent == "renewal" else None) for item in items)
    return tuple(item.intent for item in items)


async def set_up_the_line(kit: Kit) -> None:
    """Let Panelr set up the line of the first order, and the bridge know it."""
    kit.panel.add_line(EMAIL, id=LINE)
    story = await kit.order(FIRST)

    def keep(connection: Connection, _: datetime) -> None:
        keep_activations(connection, [Activation(LINE, 1)], order_id=story["id"], woo_order_id=FIRST, store="default")

    await kit.runtime.bridge.write(keep)
