"""Plans the follow-ups of a created order: a pure function of the order, its work order and past follow-ups.

A payment is reported once and instructions are sent once, however many snapshots follow. The work order's status is
polled as Panelr's own plugin polls it. A write-back is due when its content differs from the last one.
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
"""The polling times of Panelr's own plugin (source: the reference of Panelr's API)."""
SETTLED = frozenset({"completed", "canceled"})
"""Final statuses of a work order."""
PAID = frozenset({"payment_submitted", "awaiting_webhook", "processing", "queued", "completed"})
QUEUED = frozenset({"processing", "queued", "completed"})
"""A work order's statuses after submit_payment (PAID) and after complete_order (QUEUED)."""
AWAITING_PAYMENT = frozenset({"pending", "on-hold"})
CLOCKS_APART = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """The operator's choices for a store: its address and the content of its write-backs."""

    url: str | None = None
    writes_back: bool = False
    with_token: bool = False
    completes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpState:
    """The progress of one follow-up. `told` is its stored detail."""

    told: Mapping[str, Any]
    done_at: datetime | None = None
    owed: bool = False
    sent: bool = False

    @property
    def cannot(self) -> str | None:
        """The code of the escalation to the operator, if the follow-up was impossible."""
        return self.told.get("cannot")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedOrder:
    """An order with its work order. `request` created it; None if it was adopted, `by_plugin` or after a loss.

    `amount` is the payment for Panelr's part in the newest snapshot, or None if unknown.
    `on_paid` and `payment_method_id` come from the mapping of the order's present payment method.
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
    """The follow-up is owed from `due_at` on, with `told` as its detail."""

    kind: FollowUpKind
    due_at: datetime
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """The follow-up, owed or escalated, is not needed any more."""

    kind: FollowUpKind


@dataclass(frozen=True, slots=True)
class Escalate:
    """The follow-up is needed, but the bridge cannot do it: the operator gets `reason` as attention."""

    kind: FollowUpKind
    reason: Reason


Step = Schedule | Cancel | Escalate


def plan_follow_ups(
    created: CreatedOrder, shop: StoreOptions, known: Mapping[FollowUpKind, FollowUpState], *, now: datetime
) -> tuple[Step, ...]:
    """Return the steps that `created` needs now, besides follow-ups already owed, done or escalated.

    An escalated follow-up is planned afresh: it may be possible by now, or not needed any more.
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
    """Return `step`, but escalate a problem only once, and cancel an escalation without a further step."""
    if known is None or known.cannot is None:
        return step
    if isinstance(step, Escalate) and step.reason.code == known.cannot:
        return None
    return step or Cancel(kind)


def _payment(created: CreatedOrder, known: FollowUpState | None, *, instructed: bool, now: datetime) -> Step | None:
    """Plan the report of a payment made after the work order; create_work_order reported an earlier one."""
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
    """Return whether the order is paid and Panelr must still learn of it."""
    if created.on_paid is OnPaid.NONE or not created.order.is_paid or created.order.status in ENDED:
        return False
    over = QUEUED if created.on_paid is OnPaid.COMPLETE_ORDER else PAID
    return created.work_order.status not in over


def _cannot_pay(created: CreatedOrder, *, called_for: bool, instructed: bool) -> str | None:
    """Return why a needed payment report is impossible; None if it is possible or not needed."""
    request = created.request
    if called_for:
        if request is None:
            return (
                None
                if created.by_plugin
                else "the order is paid, but its work order was adopted: record the payment in Panelr"
            )
        if created.on_paid is OnPaid.COMPLETE_ORDER and created.work_order.confirmation_token is None:
            return "the order is paid, but its work order's token is not known: complete it in Panelr"
        if created.amount is None and request.payment_amount is None:
            return "the order is paid, but its mappings have changed and the amount is unknown: record it in Panelr"
        return None
    # a method without a mapping at creation does not count as a changed one
    elsewhere = request is not None and (
        instructed or request.payment_method_id not in {None, created.payment_method_id}
    )
    paid = created.order.is_paid and created.order.status not in ENDED
    if elsewhere and paid and created.on_paid is OnPaid.NONE and created.work_order.status == UNPAID:
        return "the order is paid by a method without reports to Panelr (on_paid): record the payment in Panelr"
    return None


def _instructions(
    created: CreatedOrder, shop: StoreOptions, known: FollowUpState | None, *, now: datetime
) -> Step | None:
    """Plan Panelr's payment instructions to the customer: once, for a manual method, while the order is unpaid."""
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
    """Plan the write-back of the work order to WooCommerce if its content differs from the last one."""
    if not shop.writes_back or created.order.status == "trash":
        return None
    before: Mapping[str, Any] = known.told if known is not None else {}
    wanted = written(created, shop, before)
    if before.get("wanted") == wanted:
        return None
    return Schedule(FollowUpKind.WRITE_BACK, now, {**before, "wanted": wanted})


def written(created: CreatedOrder, shop: StoreOptions, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a write-back. Its meta keys have no underscore: the Orders resource refuses those.

    The token itself is left out; `with_token` says to add it.
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
    """Plan the polling of the work order's status, from its creation on and again after its payment's report."""
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
    """Return when a new work order's follow-ups are planned: at once if some may be due (`follows`).

    Otherwise at the first status poll, or never (None) with a final status.
    """
    if follows:
        return now
    return None if status in SETTLED else now + FIRST_POLLS[0]


def next_poll(*, since: datetime, now: datetime) -> datetime | None:
    """Return the next status poll after `since` (the work order's creation or payment); None after a week."""
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
    """Return whether a payment report with a lost answer reached Panelr, by get_work_order's data.

    The call moves the status. A recorded payment of the same amount since `sent_at` proves it too.
    """
    if status in (QUEUED if told["action"] == OnPaid.COMPLETE_ORDER else PAID):
        return True
    amount = told.get("amount")
    return amount is not None and any(
        paid == Decimal(amount) and (at is None or at >= sent_at - CLOCKS_APART) for paid, at in payments
    )
