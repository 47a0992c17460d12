"""What an order calls for once its work order exists: a pure function of what is known of it.

Payment and instructions are told once, whatever arrives again; the status is asked for as Panelr's own plugin does;
the store is written to when what it should carry differs from what was written last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from panelr_bridge.domain.decision import ENDED, UNPAID
from panelr_bridge.domain.models import FollowUpKind, OnPaid, Reason, WorkOrder, WorkOrderRequest
from panelr_bridge.woocommerce.order_payload import Order

FIRST_POLLS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60))
POLL_EVERY = timedelta(hours=6)
POLLED_FOR = timedelta(days=7)
"""When Panelr's own plugin asks (source: the reference of Panelr's API)."""
SETTLED = frozenset({"completed", "canceled"})
"""Statuses of a work order that nothing follows."""
PAID = frozenset({"payment_submitted", "awaiting_webhook", "processing", "queued", "completed"})
QUEUED = frozenset({"processing", "queued", "completed"})
"""What a work order's status is once submit_payment, or once complete_order, has come to it."""
AWAITING_PAYMENT = frozenset({"pending", "on-hold"})
CLOCKS_APART = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What the operator wants of a store: its address, and what is written back to it."""

    url: str | None = None
    writes_back: bool = False
    with_token: bool = False
    completes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpState:
    """What has come of one follow-up so far."""

    told: Mapping[str, Any]
    done_at: datetime | None = None
    owed: bool = False
    sent: bool = False

    @property
    def cannot(self) -> str | None:
        """The code of what a person was told where it could not be done."""
        return self.told.get("cannot")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedOrder:
    """An order with its work order. `request` is what made it; None where it was adopted, `by_plugin` or after a loss.

    `amount` is what the customer has paid for Panelr's part by the newest snapshot, None where that cannot be told.
    `on_paid` and `payment_method_id` are by the mapping of the order's present payment method.
    """

    order: Order
    work_order: WorkOrder
    request: WorkOrderRequest | None
    created_at: datetime
    on_paid: OnPaid
    payment_method_id: int | None
    amount: Decimal | None
    by_plugin: bool = False
    has_email: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """It is owed from `due_at` on; `told` is what is to be told."""

    kind: FollowUpKind
    due_at: datetime
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """What was owed, or could not be done, is not called for any more."""

    kind: FollowUpKind


@dataclass(frozen=True, slots=True)
class Escalate:
    """It is called for, and the bridge cannot do it: a person is told."""

    kind: FollowUpKind
    reason: Reason


Step = Schedule | Cancel | Escalate


def plan_follow_ups(
    created: CreatedOrder, shop: StoreOptions, known: Mapping[FollowUpKind, FollowUpState], *, now: datetime
) -> tuple[Step, ...]:
    """Return what `created` calls for now, beside what is owed, done or in a person's hands already.

    What could not be done is looked at as if it had never been: it may be possible by now, or called for no more.
    """
    had = {kind: each for kind, each in known.items() if each.cannot is None}
    payment, instructions = had.get(FollowUpKind.PAYMENT), had.get(FollowUpKind.INSTRUCTIONS)
    instructed = instructions is not None and (instructions.sent or not instructions.owed)
    found = {
        FollowUpKind.PAYMENT: _payment(created, payment, instructed=instructed, now=now),
        FollowUpKind.INSTRUCTIONS: _instructions(created, shop, instructions, now=now),
        FollowUpKind.WRITE_BACK: _write_back(created, shop, had.get(FollowUpKind.WRITE_BACK), now=now),
        FollowUpKind.STATUS: _status(created, had.get(FollowUpKind.STATUS), payment),
    }
    anew = (_anew(kind, step, known.get(kind)) for kind, step in found.items())
    return tuple(step for step in anew if step is not None)


def _anew(kind: FollowUpKind, step: Step | None, known: FollowUpState | None) -> Step | None:
    """A person is told once that something cannot be done; that is withdrawn where it is not called for any more."""
    if known is None or known.cannot is None:
        return step
    if isinstance(step, Escalate) and step.reason.code == known.cannot:
        return None
    return step or Cancel(kind)


def _payment(created: CreatedOrder, known: FollowUpState | None, *, instructed: bool, now: datetime) -> Step | None:
    """Tell of a payment that came after the work order; one that was there at its creation was told by it."""
    called_for = _calls_for_payment(created)
    if known is not None:
        return Cancel(FollowUpKind.PAYMENT) if known.owed and not known.sent and not called_for else None
    if (words := _cannot_pay(created, called_for=called_for, instructed=instructed)) is not None:
        return Escalate(FollowUpKind.PAYMENT, Reason("payment_not_told", words))
    if not called_for or created.request is None:
        return None
    told = {
        "action": created.on_paid.value,
        "amount": None if created.request.payment_amount is not None else str(created.amount),
        "transaction_id": created.order.transaction_id or None,
        "payment_method_id": created.payment_method_id,
    }
    return Schedule(FollowUpKind.PAYMENT, now, told)


def _calls_for_payment(created: CreatedOrder) -> bool:
    """Whether the order is paid, and Panelr is to be told of it and does not know it yet."""
    if created.on_paid is OnPaid.NONE or not created.order.is_paid or created.order.status in ENDED:
        return False
    over = QUEUED if created.on_paid is OnPaid.COMPLETE_ORDER else PAID
    return created.work_order.status not in over


def _cannot_pay(created: CreatedOrder, *, called_for: bool, instructed: bool) -> str | None:
    """Why Panelr cannot be told of a payment that it should know; None where it can, or need not."""
    request = created.request
    if called_for:
        if request is None:
            return (
                None if created.by_plugin else "the order is paid, and its work order was only adopted: see to it there"
            )
        if created.on_paid is OnPaid.COMPLETE_ORDER and created.work_order.confirmation_token is None:
            return "the order is paid, but its work order's token is not known: complete it in Panelr"
        if created.amount is None and request.payment_amount is None:
            return "the order is paid, but its mappings have changed and the amount is not known: see to it in Panelr"
        return None
    # a method that had no mapping when the order was sent is no other one
    elsewhere = request is not None and (
        instructed or request.payment_method_id not in {None, created.payment_method_id}
    )
    paid = created.order.is_paid and created.order.status not in ENDED
    if elsewhere and paid and created.on_paid is OnPaid.NONE and created.work_order.status == UNPAID:
        return "the order is paid by a method of which Panelr is told nothing: see to its work order there"
    return None


def _instructions(
    created: CreatedOrder, shop: StoreOptions, known: FollowUpState | None, *, now: datetime
) -> Step | None:
    """Have Panelr tell the customer how to pay: for a manual method, once, while it is not paid."""
    request, order = created.request, created.order
    called_for = (
        request is not None
        and created.on_paid is OnPaid.SUBMIT_PAYMENT
        and request.status == UNPAID
        and not order.is_paid
        and order.status in AWAITING_PAYMENT
    )
    if known is not None:
        withdrawn = known.owed and not known.sent and not called_for
        return Cancel(FollowUpKind.INSTRUCTIONS) if withdrawn else None
    if not called_for:
        return None
    if created.work_order.work_order_id is None:
        words = "the work order's number is not known, so Panelr was not asked to send payment instructions"
        return Escalate(FollowUpKind.INSTRUCTIONS, Reason("instructions_not_sent", words))
    if not shop.url or not order.order_key:
        words = "the store's order-received page is not known, so Panelr was not asked to send payment instructions"
        return Escalate(FollowUpKind.INSTRUCTIONS, Reason("instructions_not_sent", words))
    url = f"{shop.url.rstrip('/')}/checkout/order-received/{order.id}/?key={order.order_key}"
    return Schedule(FollowUpKind.INSTRUCTIONS, now, {"confirm_url": url})


def _write_back(
    created: CreatedOrder, shop: StoreOptions, known: FollowUpState | None, *, now: datetime
) -> Step | None:
    """Let the order in WooCommerce carry its work order. What is as it was written last is not written again."""
    if not shop.writes_back or created.order.status == "trash":
        return None
    before: Mapping[str, Any] = known.told if known is not None else {}
    wanted = written(created, shop, before)
    if before.get("wanted") == wanted:
        return None
    return Schedule(FollowUpKind.WRITE_BACK, now, {**before, "wanted": wanted})


def written(created: CreatedOrder, shop: StoreOptions, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the order shall carry: meta without a leading underscore, which the Orders resource refuses.

    Of the token it is only said that it is to be there.
    """
    work_order = created.work_order
    meta = {
        "panelr_work_order_id": work_order.work_order_id,
        "panelr_reference_code": work_order.reference_code,
        "panelr_status": work_order.status,
    }
    wanted: dict[str, Any] = {"meta": {key: str(value) for key, value in meta.items() if value is not None}}
    if shop.with_token and work_order.confirmation_token is not None:
        wanted["with_token"] = True
    moves = created.order.status == "processing" and work_order.status == "completed" and shop.completes
    if moves or (created.order.status == "completed" and "status" in before.get("wanted", {})):
        wanted["status"] = "completed"
    return wanted


def _status(created: CreatedOrder, known: FollowUpState | None, payment: FollowUpState | None) -> Step | None:
    """Ask what becomes of the work order, from its creation on, and anew once its payment is told."""
    work_order = created.work_order
    proof = work_order.confirmation_token is not None or created.has_email
    if work_order.status in SETTLED or work_order.reference_code is None or not proof:
        return None
    since = created.created_at
    if known is not None:
        paid_at = None if payment is None else payment.done_at
        if paid_at is None or datetime.fromisoformat(known.told["since"]) >= paid_at:
            return None
        since = paid_at
    return Schedule(FollowUpKind.STATUS, since + FIRST_POLLS[0], {"since": since.isoformat()})


def first_look(status: str | None, *, follows: bool, now: datetime) -> datetime | None:
    """Return when it is looked at what a new work order calls for: at once if there may be something (`follows`).

    Else when its status is first asked for, or never where that is settled.
    """
    if follows:
        return now
    return None if status in SETTLED else now + FIRST_POLLS[0]


def next_poll(*, since: datetime, now: datetime) -> datetime | None:
    """Return when a work order is asked for next: it was created, or paid, at `since`. None after a week."""
    for wait in FIRST_POLLS:
        if since + wait > now:
            return since + wait
    passed = (now - since) // POLL_EVERY + 1
    due = since + passed * POLL_EVERY
    return due if due - since <= POLLED_FOR else None


def has_arrived(
    *,
    told: Mapping[str, Any],
    sent_at: datetime,
    status: str | None,
    payments: tuple[tuple[Decimal, datetime | None], ...],
) -> bool:
    """Return whether a payment whose answer was lost has come to Panelr, by what get_work_order tells.

    The call itself moves the status; a payment of the same amount since it was sent says so, too.
    """
    if status in (QUEUED if told["action"] == OnPaid.COMPLETE_ORDER else PAID):
        return True
    amount = told.get("amount")
    return amount is not None and any(
        paid == Decimal(amount) and (at is None or at >= sent_at - CLOCKS_APART) for paid, at in payments
    )
