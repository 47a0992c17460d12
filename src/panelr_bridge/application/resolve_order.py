"""What an operator found in Panelr: link an order to a work order, or state that Panelr has none of it.

Only a link that a person or a look-up made is undone: then the follow-ups of the old work order are forgotten.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.registry import ATTENTION_CODES
from panelr_bridge.application.operator_actions import lock_order, record_decision
from panelr_bridge.application.transactions.acknowledgements import settled_columns
from panelr_bridge.application.transactions.evaluate_order import (
    attention,
    lasting_attention,
    latest_snapshot,
    work_order_columns,
)
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.plugin_meta import find_work_order
from panelr_bridge.errors import Conflict
from panelr_bridge.store import follow_ups, orders, owed_calls, subscriptions
from panelr_bridge.store.rows import OrderRow, ShownOrderRow, with_columns
from panelr_bridge.store.tables import Columns

LINKS = frozenset({"linked_by_person", "adopted_by_look_up"})
"""Reason codes of created orders whose link can be undone."""
OVERRIDE = 'to link it all the same, state that you do not want it verified ("unverified": true, or --unverified)'


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLink:
    """A work order that Panelr showed for an order: `words` say what Panelr shows and what differs.

    `state` and `reference_code` are the order's at the time of the question.
    """

    work_order: WorkOrder
    words: str
    state: str
    reference_code: str | None


def require_linkable(row: ShownOrderRow, *, verified: bool) -> None:
    """Raise Conflict if an operator cannot link the order.

    If Panelr's own answer or the order in WooCommerce named its work order, another one is linked only unverified.
    """
    if row["state"] == OrderState.UNCONFIRMED:
        if row["call_until"] is not None:
            raise Conflict("the order is being looked up at this moment: ask again in a few seconds")
    elif row["state"] != OrderState.CREATED:
        raise Conflict(f"the order is {row['state']}: only an unconfirmed order, or one with a work order, is linked")
    elif verified and not _is_linked(row):
        raise Conflict(f"{_origin(row)}. Link another one only if that one is canceled in Panelr; {OVERRIDE}")


def link_work_order(
    connection: Connection,
    now: datetime,
    order_id: int,
    work_order: WorkOrder,
    *,
    actor: str,
    verified: VerifiedLink | None = None,
) -> OrderState:
    """Link the work order that an operator found. Without `verified`, Panelr was not asked about it.

    Raises NotFound or Conflict.
    """
    row = lock_order(connection, order_id)
    require_linkable(row, verified=verified is not None)
    if verified is not None and (row["state"], row["reference_code"]) != (verified.state, verified.reference_code):
        raise Conflict(f"the order is {row['state']} now: it changed while Panelr was asked. Look at it again")
    require_free(connection, work_order, order_id)
    found = "Panelr was not asked about it" if verified is None else verified.words
    words = f"an operator linked work order {work_order.reference_code}: {found}"
    undone = _undo_link(connection, row)
    order = latest_snapshot(connection, row)
    left = with_columns(row, undone)
    values = undone | _link_columns(work_order, adopted=True)
    values |= {
        "state": OrderState.CREATED,
        "reasons": [{"code": "linked_by_person", "words": words}],
        "attention": attention(connection, left, order) if order else lasting_attention(left) or None,
        "follow_at": now,
    }
    _record(connection, row, values, actor=actor, now=now, verified=verified is not None)
    return OrderState.CREATED


def require_free(connection: Connection, work_order: WorkOrder, order_id: int) -> None:
    """Raise Conflict if the work order belongs to an order already."""
    owner = orders.find_owner(connection, work_order)
    if owner == order_id:
        raise Conflict("the order is linked to this work order already")
    if owner is not None:
        raise Conflict(f"this work order belongs to order {owner} already")


def confirm_not_created(connection: Connection, now: datetime, order_id: int, *, actor: str) -> OrderState:
    """Record that Panelr has no work order of an unconfirmed or linked order: its create call is owed again.

    Raises NotFound, or Conflict: Panelr's own answer named the work order, or the order in WooCommerce still names one.
    """
    row = lock_order(connection, order_id)
    require_linkable(row, verified=False)
    if row["state"] == OrderState.CREATED:
        if not _is_linked(row):
            raise Conflict(f"{_origin(row)}: only an order that a person or a look-up linked is sent again")
        _require_unnamed(connection, row)
    words = "an operator found no work order: it is sent again"
    if row["reference_code"]:
        words = f"an operator found that work order {row['reference_code']} is not this order's: it is sent again"
    values = _undo_link(connection, row) | _link_columns(WorkOrder(reference_code=None), adopted=False)
    values |= {
        "state": OrderState.QUEUED,
        "reasons": [{"code": "not_created_by_person", "words": words}],
        "attention": lasting_attention(with_columns(row, values)) or None,
        "first_sent_at": None,
        "follow_at": None,
    }
    values |= owed_calls.owed_columns(action=CallAction.CREATE_WORK_ORDER, due=now, now=now)
    _record(connection, row, values, actor=actor, now=now)
    return OrderState.QUEUED


def _require_unnamed(connection: Connection, row: OrderRow) -> None:
    """Raise Conflict if the order's meta names a work order: the bridge would adopt it again."""
    order = latest_snapshot(connection, row)
    named = None if order is None else find_work_order(order)
    if named is not None:
        words = f"the order is linked to work order {named[0].reference_code} in WooCommerce, too"
        raise Conflict(f"{words}: remove panelr_reference_code from the order's meta there, then repeat this")


def _undo_link(connection: Connection, row: OrderRow) -> Columns:
    """Forget the follow-ups of an order's old work order, and return the order's attention without theirs."""
    if row["state"] != OrderState.CREATED:
        return {"attention": row["attention"], "acknowledged": row["acknowledged"]}
    undone = settled_columns(row, ATTENTION_CODES)
    subscriptions.forget_activations(connection, row["id"])
    if follow_ups.delete_all(connection, row["id"]):
        words = f"its payment was reported for {row['reference_code']}: check the payments of both orders in Panelr"
        undone["attention"] = [*(undone["attention"] or []), {"code": "payment_not_told", "words": words}]
    return undone


def _link_columns(work_order: WorkOrder, *, adopted: bool) -> Columns:
    return work_order_columns(work_order, adopted=adopted) | {"order_total": work_order.order_total}


def _origin(row: ShownOrderRow) -> str:
    """Return where the work order of a created order comes from, as the beginning of a sentence."""
    source = "the order in WooCommerce" if row["adopted"] else "Panelr's own answer"
    return f"the order is created: its work order {row['reference_code']} was named by {source}"


def _is_linked(row: ShownOrderRow) -> bool:
    return row["adopted"] and any(reason["code"] in LINKS for reason in row["reasons"])


def _record(connection: Connection, row: OrderRow, values: Columns, *, actor: str, now: datetime, **more: bool) -> None:
    """Change the order, and keep in the audit log which work order it had before."""
    before = row["reference_code"]
    record_decision(connection, row, values, actor=actor, action="resolve", now=now, work_order_before=before, **more)
