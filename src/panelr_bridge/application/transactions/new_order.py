"""What an order's first snapshot makes of it: one value. The transaction and the fast path only write it."""

from dataclasses import dataclass
from datetime import datetime

from panelr_bridge.application.transactions.claims import Claim, claim_create, sending_columns
from panelr_bridge.application.transactions.evaluate_order import Evaluation, snapshot_columns, state_columns
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import CallAction
from panelr_bridge.store import orders, owed_calls
from panelr_bridge.store.rate_limit import RateSlot
from panelr_bridge.store.rows import NewOrderRow, OrderRow, OwedCallColumns, with_columns
from panelr_bridge.store.tables import Columns


@dataclass(frozen=True, slots=True)
class NewOrder:
    """The row of a new order, with its owed call and without an id, and the evaluation that led to it."""

    evaluation: Evaluation
    row: NewOrderRow
    call_policy: CallPolicy
    now: datetime

    def stored(self, *, order_id: int, delivery_id: int | None, slot: RateSlot | None) -> tuple[OrderRow, Claim | None]:
        """Return the row as it was inserted, and the claim of its create call if that call has a slot."""
        row: OrderRow = {**self.row, "id": order_id, "delivery_id": delivery_id}
        decision = self.evaluation.decision
        if slot is None or not isinstance(decision, Create):
            return row, None
        row["sent_delivery_id"] = delivery_id
        return row, claim_create(row, self.evaluation, decision, slot=slot, call_policy=self.call_policy, now=self.now)


def new_order(
    evaluation: Evaluation,
    *,
    delivery_id: int | None,
    sha256: bytes,
    slot: RateSlot | None,
    due: datetime,
    call_policy: CallPolicy,
    now: datetime,
) -> NewOrder:
    """Return the new order. If it is to be created, its call is owed from `due` on, or starts now with a `slot`."""
    order, decision = evaluation.order, evaluation.decision
    columns = snapshot_columns(order, delivery_id=delivery_id, sha256=sha256)
    columns |= state_columns(evaluation, state=decision.state, delivery_id=delivery_id, now=now)
    columns |= {
        "woo_source": evaluation.mappings.source,
        "overridden": sorted(evaluation.mappings.overridden) or None,
    }
    row = with_columns(orders.empty_row(store=evaluation.store, woo_order_id=order.id, now=now), columns)
    if isinstance(decision, Create):
        call = sending_columns(row, decision, fingerprint=evaluation.fingerprint, now=now) if slot else {}
        call |= owed_create(slot, due=due, call_policy=call_policy, now=now)
        row = with_columns(row, call)
    return NewOrder(evaluation, row, call_policy, now)


def owed_create(slot: RateSlot | None, *, due: datetime, call_policy: CallPolicy, now: datetime) -> OwedCallColumns:
    """Return the columns of an owed create call; with a `slot`, the lease starts now."""
    return owed_calls.owed_columns(
        action=CallAction.CREATE_WORK_ORDER,
        due=due,
        now=now,
        lease_until=now + call_policy.lease if slot else None,
        slot=slot.number if slot else None,
    )


def slot_request(evaluation: Evaluation, *, call_policy: CallPolicy, now: datetime) -> Columns:
    """Return the arguments of `rate_limit.take_ahead` for the create call of an evaluated order."""
    return {
        "name": RATE,
        "limit": call_policy.rate_per_minute,
        "now": now,
        "fingerprint": evaluation.fingerprint,
        "doubtful_since": now - call_policy.doubt,
    }
