"""The recorded deliveries of a shop with subscriptions, one after the other through the webhook route."""

from panelr_bridge.simulators.panelr.admin_actions import provision
from tests.support.bridge_kit import Kit
from tests.support.clockwork import due_now, plan_now
from tests.support.payments import find_follow_up
from tests.support.subscription_captures import SUBSCRIPTION_CAPTURES

LINE = 1
"""The line that the first order's work order brings: this Panelr's first."""
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
    assert all(item.activation_id == LINE for item in items if item.intent == "renewal")
    return tuple(item.intent for item in items)


async def set_up_the_line(kit: Kit) -> None:
    """Let Panelr set up the line of the first order, and the bridge read it."""
    (work_order,) = kit.panel.of_wc_order(str(FIRST))
    provision(kit.panel, work_order)
    story = await kit.order(FIRST)
    await plan_now(kit.runtime, story["id"])
    await kit.until(FIRST, lambda story: find_follow_up(story, "status") is not None)
    await due_now(kit.runtime, story["id"], "status")
    await kit.until(FIRST, lambda story: story["panelr_status"] == "completed")
