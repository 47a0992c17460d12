"""Panelr's total of a work order is what the customer pays, whatever Panelr adds or takes off."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.application.transactions.cart_quotes import QuoteClaim, learn_about_quotes, read_facts
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import BundleRule, Coupon, Panel
from panelr_bridge.store.panelr_tables import rate_limits
from panelr_bridge.store.tables import orders
from tests.support.bridge_kit import Kit, discover_reckoning, kit_of, line, order
from tests.support.panelr_prices import switch_fee_on
from tests.support.payments import attention_codes, is_settled

CARD = {"woo_payment_method": "bacs", "panelr_payment_method_id": 2}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings without a worker, so that each call to Panelr is the test's own."""
    changes = {"panelr_rate_per_minute": 1200, "sync_budget_seconds": 25.0, "worker": False}
    return settings.model_copy(update=changes)


@pytest.fixture
async def kit(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge with a mapping of product 12 to Panelr's product 1, which costs 10.00."""
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(woo_product_id=12, panelr_product_id=1)
        yield kit


def sale(price: str, **changes: Any) -> dict[str, Any]:
    """Return a paid order of one product at this price."""
    content = line(order(), subtotal=price, total=price, total_tax="0.00", subtotal_tax="0.00")
    return content | {"total": price, "shipping_total": "0.00", "payment_method": "bacs"} | changes


def totals(panel: Panel) -> list[Decimal]:
    """Return the totals of all work orders, oldest first."""
    return [work_order.order_total for work_order in panel.work_orders.values()]


def asked(panel: Panel) -> list[str]:
    """Return the actions that Panelr was asked for since the bridge started."""
    return [entry.action for entry in panel.journal]


async def test_the_shops_price_counts_not_panelrs_list_price(kit: Kit) -> None:
    assert (await kit.post(sale("8.00"))).status_code == 200
    assert totals(kit.panel) == [Decimal("8.00")]
    story = await kit.order(20)
    assert (story["order_total"], story["attention"]) == ("8.00", [])


async def test_an_automated_order_of_another_price_is_completed(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with kit_of(settings.model_copy(update={"worker": True}), panelr[1]) as kit:
        await kit.map(woo_product_id=12, panelr_product_id=1)
        await kit.api("POST", "/payment-method-mappings", json=CARD | {"on_paid": "complete_order"})
        await kit.post(sale("8.00"))
        story = await kit.until(20, is_settled("payment"))
        (work_order,) = kit.panel.work_orders.values()
    assert (work_order.status, work_order.order_total, work_order.paid) == ("queued", Decimal("8.00"), Decimal("8.00"))
    assert story["attention"] == []


@pytest.mark.parametrize("generation", [1, 2])
async def test_an_older_panelr_gets_the_difference_to_its_list_prices(kit: Kit, generation: int) -> None:
    kit.panel.settings.generation = generation
    switch_fee_on(kit.panel, value="5")
    await discover_reckoning(kit)
    await kit.api("POST", "/payment-method-mappings", json=CARD)
    await kit.post(sale("8.00"))
    assert totals(kit.panel) == [Decimal("8.00")]
    assert asked(kit.panel) == ["create_work_order"]


async def test_the_methods_own_fee_is_not_sent_a_second_time(kit: Kit) -> None:
    switch_fee_on(kit.panel, value="2.5")
    await discover_reckoning(kit)
    await kit.api("POST", "/payment-method-mappings", json=CARD)
    fee = {"fee_lines": [{"name": "Card fee", "total": "0.25", "total_tax": "0.00"}]}
    await kit.post(sale("10.00", total="10.25", **fee))
    (work_order,) = kit.panel.work_orders.values()
    assert (work_order.order_total, work_order.charges.adjustment) == (Decimal("10.25"), None)


@pytest.mark.parametrize("by_plugin", [True, False])
async def test_a_bundle_discount_is_reckoned_in_and_asked_for_once(kit: Kit, by_plugin: bool) -> None:
    """The plugin's own checkout shows the bundle as a negative fee; without it the customer pays the full price."""
    kit.panel.bundle_rules = [BundleRule("pair", [1, 1], "fixed", Decimal(3))]
    await discover_reckoning(kit)
    two = line(sale("20.00"), quantity=2)
    fees = [{"name": "Bundle", "total": "-3.00", "total_tax": "0.00"}] if by_plugin else []
    paid = "17.00" if by_plugin else "20.00"
    for number in (20, 21):
        answer = await kit.post(two | {"id": number, "total": paid, "fee_lines": fees})
        assert answer.json()["state"] == "created"
    assert totals(kit.panel) == [Decimal(paid)] * 2
    assert asked(kit.panel) == ["quote_cart", "create_work_order", "create_work_order"]
    tried = [(each["action"], each["outcome"]) for each in (await kit.order(20))["attempt_log"]]
    assert tried == [("quote_cart", "done"), ("create_work_order", "done")]


@pytest.mark.parametrize("reason", [None, "It has ended"])
async def test_panelrs_coupon_is_passed_on_where_it_is_valid(kit: Kit, reason: str | None) -> None:
    kit.panel.add_coupon(Coupon("SPRING", "percent", Decimal(10), reason))
    await discover_reckoning(kit)
    meta = [{"key": "_panelr_coupon_code", "value": "SPRING"}, {"key": "_panelr_referral_code", "value": "ADA"}]
    fee = [{"name": "Coupon SPRING", "total": "-1.00", "total_tax": "0.00"}]
    await kit.post(sale("10.00", total="9.00", fee_lines=fee, meta_data=meta))
    (work_order,) = kit.panel.work_orders.values()
    assert (work_order.order_total, work_order.referral_code) == (Decimal("9.00"), "ADA")
    assert (work_order.charges.coupon is not None) is (reason is None)


async def test_a_quote_is_asked_for_again_after_a_total_that_it_does_not_explain(kit: Kit) -> None:
    """The quote is that of the cart with its coupon, although the work order was created without it."""
    kit.panel.add_coupon(Coupon("SPRING", "percent", Decimal(10), "It has ended"))
    await discover_reckoning(kit)
    meta = [{"key": "_panelr_coupon_code", "value": "SPRING"}]
    await kit.post(sale("10.00", meta_data=meta))
    kit.panel.bundle_rules = [BundleRule("single", [1], "fixed", Decimal(3))]
    await kit.post(sale("10.00", id=21, meta_data=meta))
    await kit.post(sale("10.00", id=22, meta_data=meta))
    assert totals(kit.panel) == [Decimal("10.00"), Decimal("7.00"), Decimal("10.00")]
    assert [attention_codes(await kit.order(number)) for number in (20, 21, 22)] == [(), ("totals_differ",), ()]


async def test_an_item_paid_with_points_costs_no_money(kit: Kit) -> None:
    await discover_reckoning(kit)
    points = {"key": "_panelr_pay_with_points", "value": "yes"}
    content = line(sale("0.00"), subtotal="10.00", meta_data=[points])
    await kit.post(content)
    (work_order,) = kit.panel.work_orders.values()
    assert work_order.cart[0].pay_with_points
    assert (work_order.order_total, (await kit.order(20))["attention"]) == (Decimal(0), [])


async def test_a_total_that_differs_is_attention_with_both_figures(kit: Kit) -> None:
    """The bundle is unknown to the bridge: it never learned that this Panelr knows quotes."""
    kit.panel.bundle_rules = [BundleRule("single", [1], "fixed", Decimal(3))]
    await kit.post(sale("8.00"))
    (reason,) = (await kit.order(20))["attention"]
    assert reason["code"] == "totals_differ"
    assert "5.00 USD" in reason["words"]
    assert "8.00 USD" in reason["words"]


async def test_one_total_teaches_how_panelr_reckons(kit: Kit) -> None:
    """This Panelr shows its totals and ignores the shop's price: the first order shows it, the second agrees."""
    kit.panel.settings.honours_unit_price = False
    await kit.runtime.catalogue.products()
    await kit.post(sale("8.00"))
    await kit.post(sale("8.00", id=21))
    assert totals(kit.panel) == [Decimal("10.00"), Decimal("8.00")]
    assert attention_codes(await kit.order(20)) == ("totals_differ",)
    assert attention_codes(await kit.order(21)) == ()


@pytest.mark.parametrize("fault", ["status", "reset", "empty"])
async def test_a_quote_that_fails_delays_no_order(kit: Kit, fault: str) -> None:
    await discover_reckoning(kit)
    kit.panel.faults.add(fault, action="quote_cart", times=1)
    await kit.post(line(sale("20.00"), quantity=2))
    await kit.until(20, "created")
    assert totals(kit.panel) == [Decimal("20.00")]


async def test_a_panelr_that_does_not_know_quotes_is_asked_once(kit: Kit) -> None:
    kit.panel.settings.knows_quote_cart = False
    await discover_reckoning(kit)
    for number in (20, 21):
        await kit.post(line(sale("20.00"), quantity=2) | {"id": number})
    await kit.runtime.catalogue.discover()
    assert asked(kit.panel) == ["create_work_order"] * 2


@pytest.mark.parametrize("body", ["html", "envelope"])
async def test_a_404_for_one_cart_teaches_nothing_about_panelr(kit: Kit, body: str) -> None:
    """It may be about one of the cart's products, or from something in front of Panelr."""
    kit.panel.bundle_rules = [BundleRule("three", [1, 1, 1], "fixed", Decimal(3))]
    await discover_reckoning(kit)
    kit.panel.faults.add("status", action="quote_cart", status=404, body=body)
    await kit.post(line(sale("20.00"), quantity=2))
    await kit.post(line(sale("30.00"), quantity=3) | {"id": 21})
    calls = [action for action in asked(kit.panel) if action != "get_store_settings"]  # the probe's
    assert calls == ["quote_cart", "create_work_order"] * 2
    assert totals(kit.panel) == [Decimal("20.00"), Decimal("30.00")]


async def test_a_coupon_counts_as_the_plugin_shows_it_while_no_quote_is_to_be_had(kit: Kit) -> None:
    kit.panel.add_coupon(Coupon("SPRING", "percent", Decimal(10)))
    await discover_reckoning(kit)
    kit.panel.faults.add("reset", action="quote_cart")
    meta = [{"key": "_panelr_coupon_code", "value": "SPRING"}]
    fee = [{"name": "Coupon SPRING", "total": "-1.00", "total_tax": "0.00"}]
    await kit.post(sale("10.00", total="9.00", fee_lines=fee, meta_data=meta))
    await kit.until(20, "created")
    assert (totals(kit.panel), (await kit.order(20))["attention"]) == ([Decimal("9.00")], [])


def _end_outage(connection: Connection, now: datetime) -> None:
    """Open the gate, and make every owed call due."""
    connection.execute(orders.update().where(orders.c.owes.is_not(None)).values(next_attempt_at=now))
    connection.execute(rate_limits.delete())


async def test_a_total_keeps_the_facts_that_were_found_out_during_its_call(kit: Kit) -> None:
    kit.panel.settings.honours_unit_price = False
    await kit.runtime.catalogue.products()
    bridge = kit.runtime.bridge
    kit.forget_probe()
    kit.panel.faults.add("throttle", times=2, retry_after=600)  # the order's call and the probe
    assert (await kit.post(sale("8.00"))).json()["state"] == "queued"
    await bridge.write(_end_outage)
    claim = await bridge.claim_due()
    assert isinstance(claim, Claim)
    await bridge.write(learn_about_quotes, knows=True)
    await bridge.carry_out(claim)
    facts = await kit.runtime.database.read(read_facts)
    assert (facts.knows_quotes, facts.honours_unit_price) == (True, False)


async def test_an_outage_during_a_quote_is_no_answer_about_the_cart(kit: Kit) -> None:
    kit.panel.bundle_rules = [BundleRule("pair", [1, 1], "fixed", Decimal(3))]
    await discover_reckoning(kit)
    bridge = kit.runtime.bridge
    kit.forget_probe()
    kit.panel.faults.add("throttle", times=2, retry_after=600)  # the call for the quote and the probe
    assert (await kit.post(line(sale("20.00"), quantity=2))).json()["state"] == "queued"
    assert [each["code"] for each in (await kit.order(20))["reasons"]] == ["throttled"]
    await bridge.write(_end_outage)
    quote = await bridge.claim_due()
    assert isinstance(quote, QuoteClaim)
    await bridge.start_quote(quote)
    assert totals(kit.panel) == [Decimal("20.00")]


async def test_a_cart_whose_quote_is_known_takes_the_fast_path(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    await discover_reckoning(kit)
    two = line(sale("20.00"), quantity=2)
    await kit.post(two)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the transaction was used")

    monkeypatch.setattr(receive_delivery, "receive", refuse)
    for number in (21, 22):
        assert (await kit.post(two | {"id": number})).json()["state"] == "created"
    assert asked(kit.panel) == ["quote_cart"] + ["create_work_order"] * 3
