"""What an operator does to an order: retry, acknowledge, close. None of it can create a second work order."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.lease import retry_stuck
from panelr_bridge.application.follow_ups.registry import ATTENTION_CODES
from panelr_bridge.application.transactions.acknowledgements import acknowledged_columns, settled_columns
from panelr_bridge.application.transactions.continuation import evaluate_renewals_again
from panelr_bridge.application.transactions.evaluate_order import UNHANDLED, evaluate, latest_snapshot, reevaluate
from panelr_bridge.domain.decision import overridden_by_retry
from panelr_bridge.domain.models import CallAction, OrderPolicy, OrderState
from panelr_bridge.errors import Conflict, NotFound
from panelr_bridge.store import audit_log, follow_ups, orders, owed_calls
from panelr_bridge.store.rows import OrderRow, with_columns
from panelr_bridge.store.tables import Columns


def retry(
    connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, actor: str, overrides: bool = True
) -> OrderState:
    """Evaluate an order again and owe its call at once if it calls for one; return its state.

    An unconfirmed order is looked up, never sent. A closed order is reopened, and looked up first if it may have been
    sent. With `overrides`, the reasons that a retry overrides stay overridden.
    Raises NotFound, or Conflict if there is nothing to retry.
    """
    row = lock_order(connection, order_id)
    state = OrderState(row["state"])
    can_follow_up = state is OrderState.CREATED and (
        bool(follow_ups.list_stuck(connection, order_id)) or _is_unhandled(row)
    )
    if state is OrderState.SENDING or (state is OrderState.CREATED and not can_follow_up):
        raise Conflict(f"the order is {state}: there is nothing to try again")
    audit_log.add(connection, actor=actor, action="retry", store=row["store"], subject=f"order {order_id}", now=now)
    if state is OrderState.CREATED:
        return _retry_follow_ups(connection, row, now=now)
    if state is OrderState.UNCONFIRMED or (state is OrderState.CLOSED and row["first_sent_at"] is not None):
        return _look_up_now(connection, row, now=now)
    order = latest_snapshot(connection, row)
    if order is None:
        raise Conflict("the order was deleted before the bridge ever saw it")
    if forgotten := _forgotten_answers(row):
        orders.change(connection, order_id, forgotten, now=now)
    overridden = overridden_by_retry({reason["code"] for reason in row["reasons"]}) if overrides else set()
    if overridden:
        chosen = {"overridden": sorted(overridden | set(row["overridden"] or ()))}
        orders.change(connection, order_id, chosen, now=now)
    evaluation, _ = evaluate(connection, order, store=row["store"], policy=policy, now=now)
    reopened = with_columns(row, {"state": OrderState.HELD}) if state is OrderState.CLOSED else row
    values = reevaluate(reopened, evaluation, now=now, resend=True)
    after = OrderState(values.get("state", state))
    if state is OrderState.QUEUED and after is OrderState.QUEUED:
        values |= owed_calls.release_columns(due=now)
    orders.change(connection, order_id, values, now=now)
    return after


def _forgotten_answers(row: OrderRow) -> Columns:
    """Return the columns to forget what Panelr and the shop answered about an order: it may have changed since."""
    columns: Columns = {} if row["customer_lines"] is None else {"customer_lines": None}
    continuation = row["continuation"] or {}
    if "asked" in continuation:
        kept = {name: value for name, value in continuation.items() if name != "asked"}
        columns["continuation"] = kept or None
    return columns


def _is_unhandled(row: OrderRow) -> bool:
    """Return whether the bridge failed to process the order."""
    return any(reason["code"] == UNHANDLED for reason in [*(row["attention"] or []), *(row["acknowledged"] or [])])


def _retry_follow_ups(connection: Connection, row: OrderRow, *, now: datetime) -> OrderState:
    retry_stuck(connection, now, row)
    values = settled_columns(row, ATTENTION_CODES | {UNHANDLED})
    orders.change(connection, row["id"], values | {"follow_at": now}, now=now)
    return OrderState.CREATED


def _look_up_now(connection: Connection, row: OrderRow, *, now: datetime) -> OrderState:
    if row["owes"] is None:
        reasons = [{"code": "unconfirmed", "words": "an operator asked for another look-up"}]
        values: Columns = {"state": OrderState.UNCONFIRMED, "reasons": reasons, "attention": None}
        values |= owed_calls.owed_columns(action=CallAction.LOOK_UP, due=now, now=now)
        orders.change(connection, row["id"], values, now=now)
    elif row["call_until"] is None:
        orders.change_quietly(connection, row["id"], owed_calls.release_columns(due=now))
    return OrderState.UNCONFIRMED


def acknowledge(
    connection: Connection, now: datetime, order_id: int, *, note: str, codes: Collection[str] | None = None, actor: str
) -> OrderState:
    """Acknowledge an order's attention, or only the reasons with one of `codes`: they are not raised again.

    Raises NotFound, or Conflict if the order has no such attention.
    """
    row = lock_order(connection, order_id)
    present = [reason["code"] for reason in row["attention"] or []]
    missing = [code for code in codes or () if code not in present]
    if not present:
        raise Conflict("the order has no attention: there is nothing to acknowledge")
    if missing:
        raise Conflict(f"the order has no attention {', '.join(missing)}; it has {', '.join(present)}")
    values = acknowledged_columns(row, codes or present, note=note, by=actor, now=now) | {"follow_at": now}
    orders.change(connection, order_id, values, now=now)
    subject, seen = f"order {order_id}", [each for each in row["attention"] or [] if each["code"] in (codes or present)]
    audit_log.add(
        connection,
        actor=actor,
        action="acknowledge",
        store=row["store"],
        subject=subject,
        now=now,
        note=note,
        reasons=seen,
    )
    return OrderState(row["state"])


def close(connection: Connection, now: datetime, order_id: int, *, why: str, actor: str) -> OrderState:
    """Close an order that owes nothing, by an operator's decision. Raises NotFound or Conflict."""
    row = lock_order(connection, order_id)
    if row["state"] in {OrderState.CREATED, OrderState.SENDING, OrderState.CLOSED}:
        raise Conflict(f"the order is {row['state']} and cannot be closed")
    reasons = [{"code": "closed", "words": f"closed by an operator: {why}"}]
    values = {"state": OrderState.CLOSED, "reasons": reasons, "attention": None, "awaits_mapping": False}
    record_decision(connection, row, values, actor=actor, action="close", now=now)
    return OrderState.CLOSED


def confirmation_token(connection: Connection, now: datetime, order_id: int, *, actor: str) -> str | None:
    """Return an order's confirmation token and record who asked for it. Raises NotFound."""
    row = lock_order(connection, order_id)
    subject = f"order {order_id}"
    audit_log.add(connection, actor=actor, action="confirmation_token", store=row["store"], subject=subject, now=now)
    return orders.confirmation_token(connection, order_id)


def lock_order(connection: Connection, order_id: int) -> OrderRow:
    """Return an order and lock its row; raises NotFound."""
    row = orders.lock_by_id(connection, order_id)
    if row is None:
        raise NotFound(f"there is no order with the bridge's id {order_id}")
    return row


def record_decision(
    connection: Connection, row: OrderRow, values: Columns, *, actor: str, action: str, now: datetime, **more: Any
) -> None:
    """Change the order by an operator's decision, and record who decided. It owes only the call in `values`.

    The audit log also keeps `more`.
    """
    orders.change(connection, row["id"], owed_calls.NO_OWED_CALL | values, now=now)
    if values["state"] == OrderState.CLOSED:
        evaluate_renewals_again(connection, woo_order_id=row["woo_order_id"], store=row["store"])
    subject = f"order {row['id']}"
    details = {"before": row["state"], "after": values["state"], "reasons": values["reasons"]} | more
    audit_log.add(connection, actor=actor, action=action, store=row["store"], subject=subject, now=now, **details)
