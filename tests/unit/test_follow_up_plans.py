"""The follow-ups of a created order, by tables."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.application.follow_ups.status_poll import POLL_PERIOD, next_daily_poll, next_poll
from panelr_bridge.domain.follow_up_rules import (
    Cancel,
    Escalate,
    FollowUpState,
    Schedule,
    StoreOptions,
    first_planning,
)
from panelr_bridge.domain.models import CartItem, FollowUpKind, ItemIntent, OnPaid, PluginKeys, WorkOrderRequest
from panelr_bridge.woocommerce.order_received import CheckoutPaths
from tests.support.bridge_kit import line, order
from tests.support.decisions import meta
from tests.support.planned_orders import NOW, PAID, REQUEST, SHOP, UNPAID, WORK_ORDER, created, wanted

SUBMIT = {"action": "submit_payment", "amount": "10.00"}


def test_an_unpaid_manual_order_is_sent_payment_instructions_and_asked_about() -> None:
    found = wanted(created(UNPAID))
    url = f"https://shop.test/checkout/order-received/20/?key={order()['order_key']}"
    assert found == {
        FollowUpKind.INSTRUCTIONS: Schedule(FollowUpKind.INSTRUCTIONS, NOW, {"confirm_url": url}),
        FollowUpKind.STATUS: Schedule(FollowUpKind.STATUS, NOW + timedelta(minutes=1), {"since": NOW.isoformat()}),
    }


@pytest.mark.parametrize(
    ("shop", "page"),
    [
        (StoreOptions(url="https://shop.test"), "https://shop.test/kasse"),
        (StoreOptions(url="https://internal.test", source="https://shop.test/"), "https://shop.test/kasse"),
        (StoreOptions(url="https://other.test"), "https://other.test/checkout"),
        (StoreOptions(url="https://shop.test", checkout=CheckoutPaths(page="caisse")), "https://shop.test/caisse"),
    ],
)
def test_payment_instructions_lead_back_to_the_shops_own_checkout_page(shop: StoreOptions, page: str) -> None:
    shop = replace(shop, checkout=replace(shop.checkout, endpoint="bestellung-erhalten"))
    pays = "https://shop.test/kasse/zahlung-bezahlen/20/?pay_for_order=true&key=wc_order_x"
    step = wanted(created(UNPAID | {"payment_url": pays, "order_key": "wc_order_x"}), shop=shop)
    instructions = step[FollowUpKind.INSTRUCTIONS]
    assert isinstance(instructions, Schedule)
    assert instructions.content == {"confirm_url": f"{page}/bestellung-erhalten/20/?key=wc_order_x"}


def test_a_paid_order_is_sent_to_panelr_once() -> None:
    told = {
        "action": "submit_payment",
        "amount": "58.45",
        "paid": "58.45",
        "currency": "USD",
        "transaction_id": "ch_1",
        "payment_method_id": 1,
    }
    assert wanted(created(PAID))[FollowUpKind.PAYMENT] == Schedule(FollowUpKind.PAYMENT, NOW, told)
    done = {FollowUpKind.PAYMENT: FollowUpState(content=told, done_at=NOW, sent=True)}
    assert FollowUpKind.PAYMENT not in wanted(created(PAID), known=done)


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (UNPAID, {}),
        (PAID, {"on_paid": OnPaid.NONE}),
        (PAID, {"on_paid": OnPaid.NONE, "request": replace(REQUEST, payment_method_id=None)}),
        (PAID, {"work_order": replace(WORK_ORDER, status="awaiting_webhook"), "on_paid": OnPaid.NONE}),
        (PAID, {"work_order": replace(WORK_ORDER, status="payment_submitted")}),
        (PAID, {"work_order": replace(WORK_ORDER, status="completed"), "on_paid": OnPaid.COMPLETE_ORDER}),
        (PAID | {"status": "refunded"}, {}),
        (PAID | {"status": "trash"}, {}),
    ],
    ids=[
        "unpaid",
        "not wanted",
        "mapped later",
        "paid at Panelr's checkout, but not wanted",
        "told at its creation",
        "completed already",
        "refunded",
        "deleted",
    ],
)
def test_no_payment_is_sent(content: dict[str, Any], changes: dict[str, Any]) -> None:
    assert FollowUpKind.PAYMENT not in wanted(created(content, **changes))


def test_complete_order_is_called_also_where_the_amount_was_told_at_the_creation() -> None:
    told_before = replace(REQUEST, status="payment_submitted", payment_amount=Decimal("58.45"))
    work_order = replace(WORK_ORDER, status="payment_submitted")
    changes = {"on_paid": OnPaid.COMPLETE_ORDER, "request": told_before, "work_order": work_order}
    step = wanted(created(PAID, **changes))[FollowUpKind.PAYMENT]
    assert isinstance(step, Schedule)
    assert (step.content["action"], step.content["amount"]) == ("complete_order", None)  # amounts add up


@pytest.mark.parametrize(
    ("content", "changes", "shop", "kind"),
    [
        (
            PAID,
            {"on_paid": OnPaid.COMPLETE_ORDER, "work_order": replace(WORK_ORDER, confirmation_token=None)},
            SHOP,
            FollowUpKind.PAYMENT,
        ),
        (PAID, {"amount": None}, SHOP, FollowUpKind.PAYMENT),
        (PAID, {"request": None}, SHOP, FollowUpKind.PAYMENT),
        (PAID, {"on_paid": OnPaid.NONE, "payment_method_id": None}, SHOP, FollowUpKind.PAYMENT),
        (UNPAID, {"work_order": replace(WORK_ORDER, work_order_id=None)}, SHOP, FollowUpKind.INSTRUCTIONS),
        (UNPAID, {}, StoreOptions(), FollowUpKind.INSTRUCTIONS),
        (UNPAID | {"order_key": ""}, {}, SHOP, FollowUpKind.INSTRUCTIONS),
        (UNPAID, {}, StoreOptions(url=f"https://shop.test/{'s' * 1000}"), FollowUpKind.INSTRUCTIONS),
    ],
    ids=[
        "no token",
        "no amount",
        "adopted after a loss",
        "paid by another method",
        "no number",
        "no address",
        "no key",
        "an address that is too long",
    ],
)
def test_what_cannot_be_done_is_left_to_an_operator(
    content: dict[str, Any], changes: dict[str, Any], shop: StoreOptions, kind: FollowUpKind
) -> None:
    assert isinstance(wanted(created(content, **changes), shop=shop)[kind], Escalate)


@pytest.mark.parametrize("kind", [FollowUpKind.PAYMENT, FollowUpKind.INSTRUCTIONS])
def test_what_is_not_called_for_any_more_is_withdrawn_unless_it_may_have_left(kind: FollowUpKind) -> None:
    cancelled = created(PAID | {"status": "cancelled"})
    assert wanted(cancelled, known={kind: FollowUpState(content={}, owed=True)})[kind] == Cancel(kind)
    assert kind not in wanted(cancelled, known={kind: FollowUpState(content={}, owed=True, sent=True)})
    assert kind not in wanted(cancelled, known={kind: FollowUpState(content={}, done_at=NOW)})


COULD_NOT = {
    FollowUpKind.PAYMENT: FollowUpState(content={"cannot": "payment_not_told"}),
    FollowUpKind.INSTRUCTIONS: FollowUpState(content={"cannot": "instructions_not_sent"}),
}


def test_what_could_not_be_done_is_reported_once() -> None:
    assert FollowUpKind.PAYMENT not in wanted(created(PAID, request=None), known=COULD_NOT)
    assert FollowUpKind.INSTRUCTIONS not in wanted(created(UNPAID), shop=StoreOptions(), known=COULD_NOT)
    before = {FollowUpKind.PAYMENT: FollowUpState(content={"cannot": "another"})}
    assert isinstance(wanted(created(PAID, request=None), known=before)[FollowUpKind.PAYMENT], Escalate)


def test_what_could_not_be_done_is_owed_when_it_can() -> None:
    assert isinstance(wanted(created(PAID), known=COULD_NOT)[FollowUpKind.PAYMENT], Schedule)
    assert isinstance(wanted(created(UNPAID), known=COULD_NOT)[FollowUpKind.INSTRUCTIONS], Schedule)


@pytest.mark.parametrize(
    ("content", "changes", "kind"),
    [
        (PAID, {"request": None, "work_order": replace(WORK_ORDER, status="completed")}, FollowUpKind.PAYMENT),
        (PAID | {"status": "refunded"}, {"request": None}, FollowUpKind.PAYMENT),
        (PAID, {"work_order": replace(WORK_ORDER, work_order_id=None)}, FollowUpKind.INSTRUCTIONS),
    ],
    ids=["paid in Panelr", "refunded", "paid without instructions"],
)
def test_what_could_not_be_done_and_is_not_called_for_any_more_is_withdrawn(
    content: dict[str, Any], changes: dict[str, Any], kind: FollowUpKind
) -> None:
    assert wanted(created(content, **changes), known=COULD_NOT)[kind] == Cancel(kind)


@pytest.mark.parametrize(
    ("instructions", "told"),
    [
        (FollowUpState(content={}, done_at=NOW, sent=True), True),
        (FollowUpState(content={}, owed=True, sent=True), True),
        (FollowUpState(content={}), True),
        (FollowUpState(content={}, owed=True), False),
        (FollowUpState(content={"cannot": "instructions_not_sent"}), False),
    ],
    ids=["told how to pay", "perhaps", "a person's", "not yet", "could not be"],
)
def test_a_payment_of_which_panelr_learns_nothing_is_a_persons_only_where_it_sent_payment_instructions(
    instructions: FollowUpState, told: bool
) -> None:
    """Otherwise the next plan would cancel the instructions."""
    found = wanted(created(PAID, on_paid=OnPaid.NONE), known={FollowUpKind.INSTRUCTIONS: instructions})
    assert isinstance(found.get(FollowUpKind.PAYMENT), Escalate) is told


def test_the_store_is_written_to_when_something_is_new() -> None:
    shop = replace(SHOP, writes_back=True)
    step = wanted(created(UNPAID), shop=shop)[FollowUpKind.WRITE_BACK]
    assert isinstance(step, Schedule)
    meta = {
        "panelr_work_order_id": "7",
        "panelr_reference_code": "WO-2026-00007",
        "panelr_status": "pending_payment",
    }
    assert step.content == {"wanted": {"meta": meta}}
    written = FollowUpState(content={"wanted": {"meta": meta}, "written": {"meta": meta}, "noted": True}, done_at=NOW)
    assert FollowUpKind.WRITE_BACK not in wanted(created(UNPAID), shop=shop, known={FollowUpKind.WRITE_BACK: written})
    moved = created(UNPAID, work_order=replace(WORK_ORDER, status="queued"))
    again = wanted(moved, shop=shop, known={FollowUpKind.WRITE_BACK: written})[FollowUpKind.WRITE_BACK]
    assert isinstance(again, Schedule)
    assert again.content["wanted"]["meta"]["panelr_status"] == "queued"
    assert again.content["noted"]  # there is still one note


def test_the_token_is_written_only_where_that_is_wanted_and_never_kept_with_it() -> None:
    shop = replace(SHOP, writes_back=True, with_token=True)
    step = wanted(created(UNPAID), shop=shop)[FollowUpKind.WRITE_BACK]
    assert isinstance(step, Schedule)
    assert step.content["wanted"]["with_token"] is True
    assert "tok" not in str(step.content).replace("with_token", "")


PLUGIN_META = {"_panelr_work_order_id", "_panelr_reference_code", "_panelr_status"}
ITS_STATE = {"meta_data": meta(_panelr_state="never_sent")}
ITS_LINE = line(order(), meta_data=meta(_panelr_intent="new_activation"))


@pytest.mark.parametrize(
    ("keys", "content", "changes", "are_written"),
    [
        (PluginKeys.AUTO, {}, {}, False),
        (PluginKeys.AUTO, {"meta_data": meta(panelr_reference_code="WO-2026-00007")}, {}, False),
        (PluginKeys.AUTO, ITS_STATE, {}, True),
        (PluginKeys.AUTO, ITS_LINE, {}, True),
        (PluginKeys.ALWAYS, {}, {}, True),
        (PluginKeys.NEVER, ITS_STATE, {}, False),
        (PluginKeys.ALWAYS, ITS_STATE, {"by_plugin": True, "request": None}, False),
        (PluginKeys.ALWAYS, {"meta_data": meta(_panelr_balance_payment="1")}, {}, False),
    ],
    ids=["no plugin", "our echo", "a state", "a line", "always", "never", "the plugin's order", "a balance payment"],
)
def test_the_plugins_keys_are_written_where_the_plugin_would_list_the_order_as_never_sent(
    keys: PluginKeys, content: dict[str, Any], changes: dict[str, Any], are_written: bool
) -> None:
    shop = replace(SHOP, writes_back=True, plugin_keys=keys)
    step = wanted(created({**content, **UNPAID}, **changes), shop=shop)[FollowUpKind.WRITE_BACK]
    assert isinstance(step, Schedule)
    written = step.content["wanted"]["meta"]
    assert {key for key in written if key.startswith("_")} == (PLUGIN_META if are_written else set())
    assert all(written[key] == written[key[1:]] for key in written if key.startswith("_"))


@pytest.mark.parametrize(
    ("status", "panelr", "completes", "moved"),
    [
        ("processing", "completed", True, True),
        ("processing", "completed", False, False),
        ("processing", "queued", True, False),
        ("on-hold", "completed", True, False),
        ("cancelled", "completed", True, False),
    ],
)
def test_a_completed_work_order_completes_an_order_in_processing(
    status: str, panelr: str, completes: bool, moved: bool
) -> None:
    shop = replace(SHOP, writes_back=True, completes=completes)
    one = created(PAID | {"status": status}, work_order=replace(WORK_ORDER, status=panelr))
    step = wanted(one, shop=shop)[FollowUpKind.WRITE_BACK]
    assert isinstance(step, Schedule)
    assert ("status" in step.content["wanted"]) is moved


def test_an_order_that_is_refunded_meanwhile_is_not_completed_any_more() -> None:
    shop = replace(SHOP, writes_back=True, completes=True)
    work_order = replace(WORK_ORDER, status="completed")
    step = wanted(created(PAID, work_order=work_order), shop=shop)[FollowUpKind.WRITE_BACK]
    assert isinstance(step, Schedule)
    refunded = created(PAID | {"status": "refunded"}, work_order=work_order)
    again = wanted(refunded, shop=shop, known={FollowUpKind.WRITE_BACK: FollowUpState(content=step.content, owed=True)})
    assert "status" not in again[FollowUpKind.WRITE_BACK].content["wanted"]  # type: ignore[union-attr]


def test_after_its_payment_a_work_order_is_asked_for_anew() -> None:
    asked = FollowUpState(content={"since": (NOW - timedelta(days=9)).isoformat()}, done_at=NOW - timedelta(days=2))
    paid = {FollowUpKind.STATUS: asked, FollowUpKind.PAYMENT: FollowUpState(content=SUBMIT, done_at=NOW, sent=True)}
    work_order = replace(WORK_ORDER, status="payment_submitted")
    step = wanted(created(PAID, work_order=work_order), known=paid)[FollowUpKind.STATUS]
    content = {"since": NOW.isoformat(), "is_reported": True}
    assert step == Schedule(FollowUpKind.STATUS, NOW + timedelta(minutes=1), content)
    since = {FollowUpKind.STATUS: FollowUpState(content={"since": NOW.isoformat()}, owed=True)}
    assert FollowUpKind.STATUS not in wanted(created(PAID, work_order=work_order), known=paid | since)


@pytest.mark.parametrize("status", ["processing", "pending", "on-hold"])
def test_only_who_pays_before_the_goods_gets_instructions(status: str) -> None:
    found = wanted(created(UNPAID | {"status": status}))
    assert (FollowUpKind.INSTRUCTIONS in found) is (
        status != "processing"
    )  # cash on delivery has the status processing


@pytest.mark.parametrize(
    ("at_creation", "adjusts", "named"),
    [(1, False, 1), (1, True, 1), (2, True, 2), (None, False, 2), (None, True, None)],
)
def test_a_payment_names_a_method_that_does_not_change_panelrs_total(
    at_creation: int | None, adjusts: bool, named: int | None
) -> None:
    request = replace(REQUEST, payment_method_id=at_creation)
    step = wanted(created(PAID, request=request, payment_method_id=2, method_adjusts=adjusts))[FollowUpKind.PAYMENT]
    assert isinstance(step, Schedule)
    assert step.content["payment_method_id"] == named


def test_an_order_that_was_completed_so_is_not_written_to_again() -> None:
    shop = replace(SHOP, writes_back=True, completes=True)
    work_order = replace(WORK_ORDER, status="completed")
    step = wanted(created(PAID, work_order=work_order), shop=shop)[FollowUpKind.WRITE_BACK]
    assert isinstance(step, Schedule)
    echo = created(PAID | {"status": "completed"}, work_order=work_order)
    assert FollowUpKind.WRITE_BACK not in wanted(
        echo, shop=shop, known={FollowUpKind.WRITE_BACK: FollowUpState(content=step.content)}
    )


def test_a_work_order_is_asked_for_as_the_plugin_does() -> None:
    due, moments, now = NOW, [], NOW
    while (found := next_poll(since=NOW, now=now)) is not None:
        due = now = found
        moments.append(round((due - NOW) / timedelta(minutes=1)))
    assert moments[:5] == [1, 2, 5, 15, 60]
    assert moments[5:8] == [360, 720, 1080]
    assert moments[-1] == POLL_PERIOD / timedelta(minutes=1)
    assert len(moments) == 5 + 28


def test_a_new_work_order_is_looked_at_at_once_only_where_something_may_be_urgent() -> None:
    assert first_planning("pending_payment", follows=True, now=NOW) == NOW
    assert first_planning("completed", follows=True, now=NOW) == NOW
    assert first_planning("pending_payment", follows=False, now=NOW) == NOW + timedelta(minutes=1)
    assert first_planning("completed", follows=False, now=NOW) == NOW + timedelta(minutes=1)
    assert first_planning("canceled", follows=False, now=NOW) is None


def test_a_canceled_work_order_is_not_asked_for() -> None:
    assert FollowUpKind.STATUS not in wanted(created(UNPAID, work_order=replace(WORK_ORDER, status="canceled")))


def test_a_completed_work_order_is_asked_for_at_its_own_time_of_the_day() -> None:
    step = wanted(created(PAID, work_order=replace(WORK_ORDER, status="completed")))[FollowUpKind.STATUS]
    due = next_daily_poll(20, after=NOW)
    content = {"since": NOW.isoformat(), "completed_at": NOW.isoformat()}
    assert step == Schedule(FollowUpKind.STATUS, due, content)
    assert next_daily_poll(20, after=due) - due == timedelta(days=1)


def test_daily_polls_of_many_orders_are_spread_over_the_day() -> None:
    due = sorted(next_daily_poll(number, after=NOW) for number in range(1, 1001))
    assert all(NOW < moment <= NOW + timedelta(days=1) for moment in due)
    busiest = max(sum(1 for each in due if start <= each < start + timedelta(minutes=1)) for start in due)
    assert busiest <= 2


COMPLETED = replace(WORK_ORDER, status="completed")
NO_LINES_SHOWN = {FollowUpKind.STATUS: FollowUpState(content={"since": NOW.isoformat(), "activations": []})}
RENEWS = CartItem(product_id=4, intent=ItemIntent.RENEWAL, qty=1, activation_id=77)
TWO = CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=2)
ASKS = {"products": [3], "is_one_each": True, "named": []}


def test_the_lines_of_a_completed_work_order_that_shows_none_are_asked_for() -> None:
    found = wanted(created(PAID, work_order=COMPLETED), known=NO_LINES_SHOWN)
    assert found[FollowUpKind.ACTIVATIONS] == Schedule(FollowUpKind.ACTIVATIONS, NOW, ASKS)


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        (replace(REQUEST, items=(TWO,)), ASKS | {"is_one_each": False}),
        (replace(REQUEST, items=(*REQUEST.items, RENEWS)), ASKS | {"named": [77]}),
        (None, {}),
    ],
)
def test_what_is_known_of_the_lines_goes_with_the_question(
    sent: WorkOrderRequest | None, content: dict[str, Any]
) -> None:
    step = wanted(created(PAID, work_order=COMPLETED, request=sent), known=NO_LINES_SHOWN)[FollowUpKind.ACTIVATIONS]
    assert step == Schedule(FollowUpKind.ACTIVATIONS, NOW, content)


def test_the_items_of_another_work_order_that_a_person_linked_are_not_known() -> None:
    step = wanted(created(PAID, work_order=COMPLETED, by_person=True), known=NO_LINES_SHOWN)[FollowUpKind.ACTIVATIONS]
    assert step == Schedule(FollowUpKind.ACTIVATIONS, NOW, {})


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({"work_order": replace(WORK_ORDER, status="processing")}, NO_LINES_SHOWN),
        ({}, {FollowUpKind.STATUS: FollowUpState(content={"since": NOW.isoformat()})}),  # no poll has seen it
        ({}, {FollowUpKind.STATUS: FollowUpState(content={"since": NOW.isoformat(), "activations": [41]})}),
        ({}, {}),
        ({"request": replace(REQUEST, items=(RENEWS,))}, NO_LINES_SHOWN),
        ({"has_email": False}, NO_LINES_SHOWN),
        ({}, NO_LINES_SHOWN | {FollowUpKind.ACTIVATIONS: FollowUpState(content={}, done_at=NOW)}),
    ],
)
def test_lines_are_not_asked_for_without_need(
    changes: dict[str, Any], known: dict[FollowUpKind, FollowUpState]
) -> None:
    found = wanted(created(PAID, **{"work_order": COMPLETED} | changes), known=known)
    assert FollowUpKind.ACTIVATIONS not in found
