"""Payments: each reaches Panelr exactly once, whatever answers are lost, and the amounts are right."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of
from tests.support.panelr_faults import FAULTS, HIDES, TIMEOUT, order_of_customer
from tests.support.payments import (
    EVEN_LATER,
    LATER,
    LOOK_UP,
    ON_HOLD,
    PAID,
    SUBMIT,
    amounts_paid,
    attention_codes,
    find_follow_up,
    is_settled,
    list_tries,
    map_bank_transfer,
)


@dataclass(frozen=True)
class End:
    """The end of a payment: the attempts, the order's attention, and how often Panelr has the money."""

    tries: tuple[str, ...]
    attention: tuple[str, ...]
    paid: int


ENDS = {
    "done": End((f"{SUBMIT} done",), (), 1),
    "refused": End((f"{SUBMIT} refused", f"{LOOK_UP} done"), ("payment_not_told",), 0),
    "lost after": End((f"{SUBMIT} unknown", f"{LOOK_UP} done"), (), 1),
    "lost before": End((f"{SUBMIT} unknown", f"{LOOK_UP} done", f"{LOOK_UP} done", f"{SUBMIT} done"), (), 1),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings for many orders at once, with the shop's address."""
    changes = {
        "panelr_rate_per_minute": 1200,
        "panelr_timeout_seconds": TIMEOUT,
        "sync_budget_seconds": 25.0,
        "woo_url": "https://shop.test",
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def kit(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge with a mapping for PANEL-1000, and a Panelr without a rate limit."""
    panelr[1].settings.rate_per_minute = 0
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        yield kit


@pytest.mark.parametrize(("dialect", "mode"), [("sqlite", "repeats"), ("sqlite", HIDES), ("postgresql", "repeats")])
async def test_every_fault_ends_with_the_payment_sent_once(kit: Kit, mode: str) -> None:
    await map_bank_transfer(kit, "submit_payment")
    kit.panel.settings.accepts_repeated_payments = mode == "repeats"  # Panelr would accept a second payment
    kit.panel.settings.shows_wc_order_id = mode != HIDES
    numbered = dict(enumerate(FAULTS, 701))
    for number in numbered:
        assert (await kit.post(order_of_customer(number) | ON_HOLD)).json()["state"] == "created"
        await kit.until(number, is_settled("instructions"))
    for number, fault in numbered.items():
        kit.panel.faults.add(fault.kind, action=SUBMIT, wc_order_id=str(number), **fault.more)
    await asyncio.gather(*(kit.post(order_of_customer(number) | PAID) for number in numbered))
    found = {}
    for number, fault in numbered.items():
        story = await kit.until(number, is_settled("payment"), seconds=90)
        found[fault.name] = End(
            list_tries(story, SUBMIT, LOOK_UP), attention_codes(story), len(amounts_paid(kit, number))
        )
        assert set(amounts_paid(kit, number)) <= {Decimal("58.45")}
    assert found == {fault.name: ENDS[fault.fate] for fault in FAULTS}


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_paid_snapshot_that_is_delivered_again_and_again_is_paid_once(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    kit.panel.settings.accepts_repeated_payments = True
    await kit.post(order_of_customer(20) | ON_HOLD)
    topics = ["order.updated", "order.created"] * 4
    await asyncio.gather(*(kit.post(order_of_customer(20) | PAID, topic=topic) for topic in topics))
    await kit.until(20, is_settled("payment"))
    await kit.post(order_of_customer(20) | PAID | {"status": "completed", "date_modified_gmt": EVEN_LATER})
    story = await kit.until(20, lambda story: story["woo_status"] == "completed")
    await asyncio.sleep(0.3)
    assert amounts_paid(kit, 20) == [Decimal("58.45")]
    assert (await kit.order(20))["panelr_status"] == "payment_submitted"
    assert attention_codes(story) == ()
    (payment,) = kit.panel.work_orders[1].payments
    assert payment.transaction_id == "tx-1"


async def test_a_manual_order_gets_payment_instructions_once(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    content = order_of_customer(20) | ON_HOLD
    await kit.post(content)
    story = await kit.until(20, is_settled("instructions"))
    await kit.post(content | {"date_modified_gmt": LATER, "customer_note": "please"})
    await asyncio.sleep(0.2)
    (sent,) = kit.panel.work_orders[1].instructions
    assert sent.confirm_url == f"https://shop.test/checkout/order-received/20/?key={content['order_key']}"
    assert list_tries(story) == ("send_payment_instructions done",)


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(
    ("kind", "when", "attempts", "told", "mails"),
    [
        ("reset", "after", ("send_payment_instructions unknown",), "instructions_unclear", 1),
        ("reset", "before", ("send_payment_instructions unknown",), "instructions_unclear", 0),
        ("refuse", "before", ("send_payment_instructions refused",), "instructions_not_sent", 0),
    ],
)
async def test_an_e_mail_whose_answer_is_lost_is_a_persons_choice(
    kit: Kit, kind: str, when: str, attempts: tuple[str, ...], told: str, mails: int
) -> None:
    await map_bank_transfer(kit, "submit_payment")
    kit.panel.faults.add(kind, action="send_payment_instructions", when=when)
    await kit.post(order_of_customer(20) | ON_HOLD)
    story = await kit.until(20, is_settled("instructions"))
    assert (list_tries(story), attention_codes(story)) == (attempts, (told,))
    assert len(kit.panel.work_orders[1].instructions) == mails
    assert (await kit.api("POST", f"/orders/{story['id']}/retry")).status_code == 200
    story = await kit.until(20, lambda story: (find_follow_up(story, "instructions") or {})["done_at"] is not None)
    assert (attention_codes(story), len(kit.panel.work_orders[1].instructions)) == ((), mails + 1)


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_429_pauses_and_the_payment_comes_once(kit: Kit, when: str) -> None:
    await map_bank_transfer(kit, "submit_payment")
    kit.panel.settings.accepts_repeated_payments = True
    await kit.post(order_of_customer(20) | ON_HOLD)
    await kit.until(20, is_settled("instructions"))
    kit.panel.faults.add("throttle", action=SUBMIT, when="before", retry_after=1)
    if when == "after":
        kit.panel.faults.add("reset", action=SUBMIT, when="after")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert list_tries(story, SUBMIT)[:1] == ("submit_payment throttled",)
    assert (amounts_paid(kit, 20), attention_codes(story)) == ([Decimal("58.45")], ())


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_order_that_is_paid_when_it_comes_says_so_at_its_creation(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, lambda story: find_follow_up(story, "status") is not None)
    assert (amounts_paid(kit, 20), list_tries(story)) == ([Decimal("58.45")], ())
    assert kit.panel.work_orders[1].status == "payment_submitted"


async def test_an_automated_order_is_completed_once(kit: Kit) -> None:
    await map_bank_transfer(kit, "complete_order", method=2)
    kit.panel.settings.accepts_repeated_payments = True
    kit.panel.faults.add("reset", action="complete_order", when="after")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert list_tries(story) == ("complete_order unknown", "look_up_payment done")
    assert amounts_paid(kit, 20) == [Decimal("58.45")]
    assert len(kit.panel.work_orders) == 1
    assert story["panelr_status"] == "queued"
    assert kit.panel.work_orders[1].payment_method_id == 2


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_panelr_that_cannot_complete_by_token_is_left_to_an_operator(kit: Kit) -> None:
    await map_bank_transfer(kit, "complete_order", method=2)
    kit.panel.settings.knows_complete_by_token = False
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert attention_codes(story) == ("payment_not_told",)
    assert len(kit.panel.work_orders) == 1
    kit.panel.settings.knows_complete_by_token = True
    await kit.api("POST", f"/orders/{story['id']}/retry")
    story = await kit.until(20, lambda story: (find_follow_up(story, "payment") or {})["done_at"] is not None)
    assert (attention_codes(story), amounts_paid(kit, 20)) == ((), [Decimal("58.45")])


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_payment_that_an_admin_has_confirmed_already_troubles_nobody(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    await kit.post(order_of_customer(20) | ON_HOLD)
    await kit.until(20, is_settled("instructions"))
    kit.panel.set_status(1, "completed")
    await kit.post(order_of_customer(20) | PAID)
    story = await kit.until(20, is_settled("payment"))
    assert (list_tries(story, SUBMIT, LOOK_UP), attention_codes(story)) == (
        (f"{SUBMIT} refused", f"{LOOK_UP} done"),
        (),
    )
    assert story["panelr_status"] == "completed"


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_cash_on_delivery_is_paid_when_it_is_completed(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    unpaid = {"status": "processing", "date_paid": None, "date_paid_gmt": None, "payment_method": "bacs"}
    await kit.post(order_of_customer(20) | unpaid)
    assert kit.panel.work_orders[1].status == "pending_payment"
    await kit.post(order_of_customer(20) | PAID | {"status": "completed"})
    story = await kit.until(20, is_settled("payment"))
    assert (amounts_paid(kit, 20), find_follow_up(story, "instructions")) == ([Decimal("58.45")], None)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_payment_that_moves_no_status_is_sent_too(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    unpaid = {"status": "processing", "date_paid": None, "date_paid_gmt": None, "payment_method": "bacs"}
    await kit.post(order_of_customer(20) | unpaid)
    await kit.post(order_of_customer(20) | PAID)
    await kit.until(20, is_settled("payment"))
    assert amounts_paid(kit, 20) == [Decimal("58.45")]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_was_given_back_before_the_work_order_is_not_counted_as_paid(kit: Kit) -> None:
    await kit.post(order_of_customer(20) | PAID | {"refunds": [{"id": 1, "reason": "", "total": "-8.45"}]})
    assert (await kit.api("POST", f"/orders/{(await kit.order(20))['id']}/retry")).status_code == 200
    await kit.until(20, "created")
    assert amounts_paid(kit, 20) == [Decimal("50.00")]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_order_in_the_trash_asks_nobody_to_pay(kit: Kit) -> None:
    await map_bank_transfer(kit, "submit_payment")
    kit.panel.faults.add("throttle", action="send_payment_instructions", retry_after=2)
    await kit.post(order_of_customer(20) | ON_HOLD)
    await kit.until(20, lambda story: list_tries(story) == ("send_payment_instructions throttled",))
    await kit.post({"id": 20}, topic="order.deleted")
    await kit.until(20, lambda story: find_follow_up(story, "instructions") is None)
    assert kit.panel.work_orders[1].instructions == []


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("status", ["cancelled", "refunded", "failed", "trash"])
async def test_an_order_that_ends_is_not_paid_and_an_operator_is_informed(kit: Kit, status: str) -> None:
    await map_bank_transfer(kit, "submit_payment")
    await kit.post(order_of_customer(20) | ON_HOLD)
    await kit.until(20, is_settled("instructions"))
    await kit.post(order_of_customer(20) | PAID | {"status": status})
    await asyncio.sleep(0.3)
    story = await kit.order(20)
    assert (amounts_paid(kit, 20), find_follow_up(story, "payment")) == ([], None)
    assert "ended_after_creation" in attention_codes(story)
