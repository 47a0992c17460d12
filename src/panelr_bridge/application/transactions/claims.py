"""Claims: the calls that a process has taken and must make now, and the columns of an order that is being sent."""

from dataclasses import dataclass
from datetime import datetime

from panelr_bridge.application.transactions.evaluate_order import Evaluation
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import CallAction, OrderState, WorkOrderRequest
from panelr_bridge.domain.panelr_values import PanelrFacts
from panelr_bridge.domain.reckoning import Reckoning
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store.rate_limit import RateSlot
from panelr_bridge.store.rows import NewOrderRow, OrderRow
from panelr_bridge.store.tables import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A call that its holder makes now. If the holder does not record an outcome, the lease ends.

    `body` is the request as the order's row holds it: the bridge sends what it has stored. `attempt` counts the tries
    of this action. `number` counts the order's create calls and fences late outcomes. `follows_up` says whether more
    is due once the work order exists. `reckoning` checks Panelr's total by `facts`; None for a look-up. `paid_at` is
    WooCommerce's; None if it gives none.
    """

    order_id: int
    store: str
    woo_order_id: int
    action: CallAction
    request: WorkOrderRequest
    body: bytes
    attempt: int
    number: int
    empty_since: datetime | None
    delivery_id: int | None
    woo_status: str
    first_sent_at: datetime
    claimed_at: datetime
    lease_until: datetime
    owed_since: datetime
    slot: RateSlot
    follows_up: bool = False
    reckoning: Reckoning | None = None
    facts: PanelrFacts | None = None
    paid_at: datetime | None = None


def sending_columns(row: NewOrderRow, decision: Create, *, fingerprint: str | None, now: datetime) -> Columns:
    """Return the columns of an order whose create call starts now; `row` is the order before it."""
    return {
        "state": OrderState.SENDING,
        "request": panelr_request.dump(decision.request).decode(),
        "likeness": fingerprint,
        "attempts": row["attempts"] + 1,
        "first_sent_at": row["first_sent_at"] or now,
        "sent_delivery_id": row["delivery_id"],
    }


def claim_create(
    row: OrderRow, evaluation: Evaluation, decision: Create, *, slot: RateSlot, call_policy: CallPolicy, now: datetime
) -> Claim:
    """Return the claim of an order's create call; `row` is the order with its `sending_columns`."""
    body, tries, first_sent_at, owed_since = _call_columns(row)
    return Claim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        action=CallAction.CREATE_WORK_ORDER,
        request=decision.request,
        body=body,
        attempt=tries,
        number=row["attempts"],
        empty_since=None,
        delivery_id=row["delivery_id"],
        woo_status=row["woo_status"],
        first_sent_at=first_sent_at,
        claimed_at=now,
        lease_until=now + call_policy.lease,
        owed_since=owed_since,
        slot=slot,
        follows_up=evaluation.follows_up,
        reckoning=decision.reckoning,
        facts=evaluation.mappings.facts,
        paid_at=evaluation.order.date_paid_gmt,
    )


def claim_look_up(row: OrderRow, *, slot: RateSlot, call_policy: CallPolicy, now: datetime) -> Claim:
    """Return the claim of an order's look-up; it may take two calls, so its lease is twice as long."""
    body, tries, first_sent_at, owed_since = _call_columns(row)
    return Claim(
        order_id=row["id"],
        store=row["store"],
        woo_order_id=row["woo_order_id"],
        action=CallAction.LOOK_UP,
        request=panelr_request.load(body),
        body=body,
        attempt=tries + 1,
        number=row["attempts"],
        empty_since=row["not_found_since"],
        delivery_id=row["sent_delivery_id"],
        woo_status=row["woo_status"],
        first_sent_at=first_sent_at,
        claimed_at=now,
        owed_since=owed_since,
        lease_until=now + 2 * call_policy.lease,
        slot=slot,
    )


def _call_columns(row: OrderRow) -> tuple[bytes, int, datetime, datetime]:
    """Return the owed call's body, tries, first_sent_at and owes_since; raises LookupError if one of them is null."""
    request, tries, first_sent_at, owed_since = row["request"], row["tries"], row["first_sent_at"], row["owes_since"]
    if request is None or tries is None or first_sent_at is None or owed_since is None:
        raise LookupError(f"order {row['id']} has no call that can be claimed")
    return request.encode(), tries, first_sent_at, owed_since
