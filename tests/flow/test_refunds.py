"""Refunds that come before the work order: the shop's API says which lines they concern."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.application.follow_ups import shop_pauses
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, NewRefundedPart, OrderChanges
from tests.support.bridge_kit import Kit, order
from tests.support.fast_path_runs import PANEL_CREDITS, Both, both_ways
from tests.support.held_table import meta
from tests.support.payments import attention_codes, find_follow_up

OTHER = 13
LATER = "2026-11-21T20:00:00"
REFUNDED = [{"id": 9, "reason": "", "total": "-10.00"}]


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite unless the test names a database: the shop does not depend on it."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def api(request: pytest.FixtureRequest) -> str:
    """Use wc/v3 unless the test names another API."""
    return str(getattr(request, "param", "wc/v3"))


@pytest.fixture
async def both(settings: Settings, panelr: tuple[str, Panel], api: str) -> AsyncIterator[Both]:
    """A shop with webhooks to a bridge that may ask it; two of its products are mapped."""
    async with both_ways(settings, panelr[1], api=api, write_back=False) as both:
        await both.kit.map(woo_product_id=OTHER, panelr_product_id=4)
        yield both


async def refunded(both: Both, *refunds: dict[str, Any]) -> int:
    """Place an order of two lines, refund parts of it before it is paid, and pay it; return its number."""
    shop = both.store
    lines = [NewOrderLine(shop.products[PANEL_CREDITS], Decimal(2)), NewOrderLine(shop.products[OTHER])]
    billing = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.test"}
    made = shop.create(OrderChanges(status="pending", payment_method="bacs", lines=lines, billing=billing))
    for refund in refunds:
        parts = [NewRefundedPart(made.lines[place].id, *more) for place, *more in refund.get("parts", ())]
        shop.refund(made.id, refund.get("amount"), parts=parts, unsigned=refund.get("unsigned", False))
    await shop.webhooks.wait_until_idle()
    shop.pay(made.id)
    await shop.webhooks.wait_until_idle()
    return made.id


def asked(both: Both) -> int:
    """Return how often the shop was asked for refunds."""
    return sum(each.action == "refunds.list" for each in both.store.requests)


def cart(both: Both, number: int) -> tuple[list[tuple[int, int]], str, str]:
    """Return the one work order's items, its total and its payment."""
    (made,) = both.kit.panel.of_wc_order(str(number))
    items = [(each.product_id, each.qty) for each in made.cart]
    return items, str(made.charges.order_total), str(made.payments[0].amount)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("unsigned", [False, True])
async def test_a_line_that_was_refunded_in_full_is_left_out(both: Both, unsigned: bool) -> None:
    number = await refunded(both, {"parts": [(1,)], "unsigned": unsigned})
    await both.kit.until(number, "created")
    kept = str(both.store.orders[number].refundable)
    assert cart(both, number) == ([(3, 2)], kept, kept)
    assert asked(both) == 1


async def test_the_same_is_asked_of_wc_v3_beside_an_orders_resource(settings: Settings, panelr: Any) -> None:
    async with both_ways(settings, panelr[1], api="myplugin/v1/woo", write_back=False) as both:
        await both.kit.map(woo_product_id=OTHER, panelr_product_id=4)
        number = await refunded(both, {"parts": [(1,)]})
        await both.kit.until(number, "created")
        assert cart(both, number)[0] == [(3, 2)]


@pytest.mark.parametrize(
    ("refund", "words"),
    [
        ({"amount": Decimal(10)}, "10.00 USD of it belong to no line"),
        ({"parts": [(0, Decimal(1))]}, "a line was refunded in part"),
        ({"parts": [(1, None, Decimal("1.00"))]}, "a line was refunded in part"),
    ],
    ids=["no line", "one of two", "a part of the money"],
)
async def test_what_is_not_clear_is_held_until_a_person_retries_it(both: Both, refund: Any, words: str) -> None:
    number = await refunded(both, refund)
    story = await both.kit.until(number, lambda story: words in story["reasons"][0]["words"])
    assert (story["state"], [each["code"] for each in story["reasons"]]) == ("held", ["refunded_before_creation"])
    assert asked(both) == 1
    assert both.kit.panel.work_orders == {}
    await both.kit.api("POST", f"/orders/{story['id']}/retry")
    await both.kit.until(number, "created")
    kept = str(both.store.orders[number].refundable)
    assert cart(both, number) == ([(3, 2), (4, 1)], kept, kept)


async def test_a_shop_that_fails_is_asked_again_and_the_order_waits(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_pauses, "PAUSE", timedelta(seconds=0.05))
    both.store.faults.add("status", action="refunds.list", status=503, times=8)
    number = await refunded(both, {"parts": [(1,)]})
    await both.kit.until(number, "created")
    assert cart(both, number)[0] == [(3, 2)]


async def test_while_a_shop_fails_its_other_orders_ask_it_no_more(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_pauses, "PAUSE", timedelta(hours=2))
    both.store.faults.add("status", action="refunds.list", status=503, times=None)
    first = await refunded(both, {"parts": [(1,)]})
    await both.kit.until(first, lambda story: any(each["action"] == "list_refunds" for each in story["attempt_log"]))
    before = asked(both)
    second = await refunded(both, {"parts": [(1,)]})
    await both.kit.until(second, is_postponed)
    assert asked(both) == before


def is_postponed(story: dict[str, Any]) -> bool:
    """Return whether the question for the refunds waits for the end of the pause, as if it had not been tried."""
    owed = find_follow_up(story, "refunds")
    now = datetime.now(UTC).isoformat()
    return owed is not None and owed["lease_until"] is None and owed["attempt"] == 0 and owed["due_at"] > now


async def test_a_shop_that_shows_no_refunds_leaves_the_order_to_a_person(both: Both) -> None:
    both.store.faults.add("status", action="refunds.list", status=404, body="json", times=None)
    number = await refunded(both, {"parts": [(1,)]})
    story = await both.kit.until(number, lambda story: story["attention"] != [])
    assert (story["state"], attention_codes(story)) == ("held", ("refunds_not_read",))


async def test_another_refund_before_the_creation_is_asked_for_too(both: Both) -> None:
    number = await refunded(both, {"amount": Decimal(10)})
    await both.kit.until(number, lambda story: "belong to no line" in story["reasons"][0]["words"])
    both.store.refund(number, Decimal(1))
    await both.store.webhooks.wait_until_idle()
    await both.kit.until(number, lambda story: "11.00 USD of it" in story["reasons"][0]["words"])
    assert asked(both) == 2


async def test_without_an_api_the_order_is_held_and_nobody_is_asked(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    assert (await kit.post(order(refunds=REFUNDED))).json()["state"] == "held"
    story = await kit.order(20)
    assert find_follow_up(story, "refunds") is None
    await kit.api("POST", f"/orders/{story['id']}/retry")
    await kit.until(20, "created")
    (made,) = kit.panel.of_wc_order("20")
    assert (str(made.charges.order_total), str(made.payments[0].amount)) == ("48.45", "48.45")


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
async def test_a_retry_of_many_orders_decides_about_no_refund(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order(refunds=REFUNDED))
    assert (await kit.api("POST", "/orders/retry", json={"state": ["held"]})).status_code == 200
    assert (await kit.order(20))["state"] == "held"


async def test_a_retry_for_another_reason_decides_about_no_refund(kit: Kit) -> None:
    await kit.post(order(refunds=REFUNDED))
    story = await kit.order(20)
    assert {each["code"] for each in story["reasons"]} == {"unmapped_product", "refunded_before_creation"}
    await kit.api("POST", f"/orders/{story['id']}/retry")
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.until(20, lambda story: [each["code"] for each in story["reasons"]] == ["refunded_before_creation"])


async def test_a_refund_while_panelr_is_away_holds_the_queued_order(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.faults.add("refuse", action="create_work_order", times=None)
    kit.panel.faults.add("refuse", action="get_store_settings", times=None)
    await kit.post(order())
    await kit.post(order(refunds=REFUNDED, date_modified_gmt=LATER))
    await kit.until(20, "held")
    assert kit.panel.work_orders == {}


async def test_a_deposit_that_a_person_sends_is_its_payment_and_the_rest_needs_one(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    deposit = order(**meta(_deposit_value="20.00", _order_due_ammount="38.45"))
    assert (await kit.post(deposit)).json()["state"] == "held"
    story = await kit.order(20)
    await kit.api("POST", f"/orders/{story['id']}/retry")
    await kit.until(20, "created")
    (made,) = kit.panel.of_wc_order("20")
    assert (str(made.charges.order_total), str(made.payments[0].amount)) == ("58.45", "20.00")
    await kit.post(deposit | meta(_order_due_ammount="0") | {"date_modified_gmt": LATER})
    assert attention_codes(await kit.order(20)) == ("deposit_rest_paid",)


async def test_a_deposit_and_its_rest_in_one_order_are_one_work_order_paid_in_full(kit: Kit) -> None:
    await kit.map(woo_product_id=10, panelr_product_id=1)
    assert (await kit.post_capture("s259")).json()["state"] == "waiting"
    assert (await kit.post_capture("s261")).json()["state"] == "created"
    (made,) = kit.panel.of_wc_order("557")
    assert (str(made.charges.order_total), str(made.payments[0].amount)) == ("10.99", "10.99")


async def test_a_gift_card_lowers_what_the_work_order_costs(kit: Kit) -> None:
    await kit.map(woo_product_id=10, panelr_product_id=1)
    await kit.post_capture("s322")
    (made,) = kit.panel.of_wc_order("592")
    assert (str(made.charges.order_total), str(made.payments[0].amount)) == ("5.99", "5.99")
