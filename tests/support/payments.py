"""Orders that are paid later, and how a test reads their follow-ups."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr.pricing import PriceAdjustment
from tests.support.bridge_kit import Kit, tried
from tests.support.clockwork import due_now, plan_now

LATER = "2026-11-21T20:00:00"
EVEN_LATER = "2026-11-21T21:00:00"
ON_HOLD = {"status": "on-hold", "date_paid": None, "date_paid_gmt": None, "payment_method": "bacs"}
PAID = {
    "status": "processing",
    "payment_method": "bacs",
    "transaction_id": "tx-1",
    "date_modified_gmt": LATER,
    "date_paid_gmt": LATER,
}
SUBMIT, COMPLETE, CHECK, LOOK_UP = "submit_payment", "complete_order", "check_payment", "look_up_payment"
EVERYTHING = (SUBMIT, COMPLETE, "send_payment_instructions", CHECK, LOOK_UP)


async def map_bank_transfer(kit: Kit, on_paid: str, *, method: int = 1) -> None:
    """Map bank transfers; `on_paid` is how Panelr learns that one has been paid."""
    mapping = {"woo_payment_method": "bacs", "panelr_payment_method_id": method, "on_paid": on_paid}
    assert (await kit.api("POST", "/payment-method-mappings", json=mapping)).status_code == 201


def list_tries(story: dict[str, Any], *actions: str) -> tuple[str, ...]:
    """Return the attempts of these actions, or of all that concern a payment, as `action outcome`."""
    wanted = [each for each in tried(story) if each["action"] in (actions or EVERYTHING)]
    return tuple(f"{each['action']} {each['outcome']}" for each in wanted)


def attention_codes(story: dict[str, Any]) -> tuple[str, ...]:
    """Return the codes of an order's attention."""
    return tuple(each["code"] for each in story["attention"])


def find_follow_up(story: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """Return an order's follow-up of a kind, None without one."""
    return next((each for each in story["follow_ups"] if each["kind"] == kind), None)


def is_settled(kind: str) -> Any:
    """Return a test for stories: whether a follow-up is done, or waits for an operator."""

    def is_settled(story: dict[str, Any]) -> bool:
        found = find_follow_up(story, kind)
        return found is not None and found["due_at"] is None and found["lease_until"] is None

    return is_settled


def amounts_paid(kit: Kit, number: int) -> list[Decimal]:
    """Return the payments that Panelr has recorded for an order of the shop."""
    (work_order,) = kit.panel.of_wc_order(str(number))
    return [payment.amount for payment in work_order.payments]


def charge_more(kit: Kit, amount: str, *, work_order_id: int = 1) -> None:
    """Add a fee to a work order in Panelr, or with a negative amount a discount, as an administrator does."""
    work_order = kit.panel.work_orders[work_order_id]
    before = work_order.charges.adjustment
    signed = Decimal(amount) + (before.signed_amount if before else 0)
    direction = "fee" if signed > 0 else "discount"
    changed = PriceAdjustment(direction=direction, label="Changed", amount=abs(signed)) if signed else None
    work_order.charges = replace(work_order.charges, adjustment=changed)


def payment_is_reported(story: dict[str, Any]) -> bool:
    """Return whether the follow-up `payment` is done."""
    payment = find_follow_up(story, "payment")
    return payment is not None and payment["done_at"] is not None


async def poll_status(kit: Kit, number: int) -> dict[str, Any]:
    """Read an order's work order now instead of at its next poll; return the order's story."""
    await plan_now(kit.runtime, (await kit.order(number))["id"])
    story = await kit.until(number, lambda story: (find_follow_up(story, "status") or {"due_at": None})["due_at"])
    calls = count_status_polls(kit)
    await due_now(kit.runtime, story["id"], "status")
    await kit.until(number, lambda _: count_status_polls(kit) > calls)
    return await kit.until(
        number, lambda story: (find_follow_up(story, "status") or {"lease_until": 1})["lease_until"] is None
    )


def count_status_polls(kit: Kit) -> int:
    """Return how often Panelr answered get_work_order."""
    return sum(entry.action == "get_work_order" and entry.status is not None for entry in kit.panel.journal)
