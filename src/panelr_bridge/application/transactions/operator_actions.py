"""What a person, or a change of the mappings, does to an order. None of it can make a second work order."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import (
    FOLLOW_UPS,
    UNHANDLED,
    attention,
    evaluate,
    latest_snapshot,
    reevaluate,
    unhandled_attention,
    work_order_columns,
)
from panelr_bridge.domain.models import CallAction, FollowUpKind, OrderPolicy, OrderState, WorkOrder
from panelr_bridge.errors import Conflict, NotFound
from panelr_bridge.store import audit_log, follow_ups, orders, owed_calls
from panelr_bridge.store.tables import Row


def retry(connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, actor: str) -> OrderState:
    """Decide an order anew, now, and owe its call at once if it calls for one; returns its state.

    An unconfirmed order is looked up, never just sent. A closed one is opened again, and looked up too if something
    may have been sent for it. Raises NotFound, or Conflict where there is nothing to try.
    """
    row = _locked(connection, order_id)
    state = OrderState(row["state"])
    stuck = follow_ups.stuck(connection, order_id) if state is OrderState.CREATED else []
    if state is OrderState.SENDING or (state is OrderState.CREATED and not stuck and not _unhandled(row)):
        raise Conflict(f"the order is {state}: there is nothing to try again")
    audit_log.add(connection, actor=actor, action="retry", store=row["store"], subject=f"order {order_id}", now=now)
    if state is OrderState.CREATED:
        return _follow_again(connection, row, stuck, now=now)
    if state is OrderState.UNCONFIRMED or (state is OrderState.CLOSED and row["first_sent_at"] is not None):
        return _look_up_now(connection, row, now=now)
    order = latest_snapshot(connection, row)
    if order is None:
        raise Conflict("the order was deleted before the bridge ever saw it")
    if row["customer_lines"] is not None:  # they may have changed at Panelr: it is asked again
        orders.change(connection, order_id, {"customer_lines": None}, now=now)
    weighed, _ = evaluate(connection, order, store=row["store"], policy=policy)
    opened = row | {"state": OrderState.HELD} if state is OrderState.CLOSED else row
    values = reevaluate(opened, weighed, now=now, again=True)
    after = OrderState(values.get("state", state))
    if state is OrderState.QUEUED and after is OrderState.QUEUED:
        values |= owed_calls.put_back(due=now)
    orders.change(connection, order_id, values, now=now)
    return after


def _unhandled(row: Row) -> bool:
    """Return whether the bridge itself has failed at an order."""
    return any(reason["code"] == UNHANDLED for reason in row["attention"] or [])


def _follow_again(connection: Connection, row: Row, stuck: list[Row], *, now: datetime) -> OrderState:
    """Owe again what a person was needed for. A payment in doubt is looked up first, an e-mail is sent once more."""
    for each in stuck:
        kind = FollowUpKind(each["kind"])
        if "cannot" in each["told"]:  # it was never possible: whether it is now is looked at anew
            follow_ups.withdraw(connection, row["id"], kind)
            continue
        told = {name: value for name, value in each["told"].items() if name != "refused"}
        again: Row = {"due_at": now, "attempt": 0, "owed_since": now, "empty_since": None, "told": told}
        if kind is not FollowUpKind.PAYMENT:
            again["sent_at"] = None
        follow_ups.change(connection, row["id"], kind, again)
    left = [reason for reason in row["attention"] or [] if reason["code"] not in FOLLOW_UPS | {UNHANDLED}]
    orders.change(connection, row["id"], {"attention": left or None, "follow_at": now}, now=now)
    return OrderState.CREATED


def _look_up_now(connection: Connection, row: Row, *, now: datetime) -> OrderState:
    if row["owes"] is None:
        reasons = [{"code": "unconfirmed", "words": "a person asked for another look-up"}]
        values = {"state": OrderState.UNCONFIRMED, "reasons": reasons, "attention": None}
        orders.change(
            connection, row["id"], values | owed_calls.owed(action=CallAction.LOOK_UP, due=now, now=now), now=now
        )
    elif row["call_until"] is None:
        orders.note(connection, row["id"], owed_calls.put_back(due=now))
    return OrderState.UNCONFIRMED


def link_work_order(
    connection: Connection, now: datetime, order_id: int, work_order: WorkOrder, *, actor: str
) -> OrderState:
    """A person has found the work order of an unconfirmed order; raises NotFound or Conflict."""
    row = _unconfirmed(connection, order_id)
    owner = orders.owner(connection, work_order)
    if owner is not None:
        raise Conflict(f"this work order belongs to order {owner} already")
    reasons = [{"code": "linked_by_person", "words": f"a person linked work order {work_order.reference_code}"}]
    values = work_order_columns(work_order, adopted=True) | {
        "state": OrderState.CREATED,
        "reasons": reasons,
        "follow_at": now,
    }
    order = latest_snapshot(connection, row)
    values |= {"attention": None if order is None else attention(connection, row, order)}
    _decided(connection, row, values, actor=actor, action="resolve", now=now)
    return OrderState.CREATED


def confirm_not_created(connection: Connection, now: datetime, order_id: int, *, actor: str) -> OrderState:
    """A person knows that Panelr has no work order of an unconfirmed order: it is owed again."""
    row = _unconfirmed(connection, order_id)
    reasons = [{"code": "not_created_by_person", "words": "a person found no work order: it is sent again"}]
    values = {"state": OrderState.QUEUED, "reasons": reasons, "attention": None, "first_sent_at": None}
    values |= owed_calls.owed(action=CallAction.CREATE_WORK_ORDER, due=now, now=now)
    _decided(connection, row, values, actor=actor, action="resolve", now=now)
    return OrderState.QUEUED


def close(connection: Connection, now: datetime, order_id: int, *, why: str, actor: str) -> OrderState:
    """A person decides that nothing is owed for an order; raises NotFound or Conflict."""
    row = _locked(connection, order_id)
    if row["state"] in {OrderState.CREATED, OrderState.SENDING, OrderState.CLOSED}:
        raise Conflict(f"the order is {row['state']} and cannot be closed")
    reasons = [{"code": "closed", "words": f"closed by a person: {why}"}]
    values = {"state": OrderState.CLOSED, "reasons": reasons, "attention": None, "awaits_mapping": False}
    _decided(connection, row, values, actor=actor, action="close", now=now)
    return OrderState.CLOSED


def confirmation_token(connection: Connection, now: datetime, order_id: int, *, actor: str) -> str | None:
    """Return an order's token and write down who asked; raises NotFound without such an order."""
    row = _locked(connection, order_id)
    subject = f"order {order_id}"
    audit_log.add(connection, actor=actor, action="confirmation_token", store=row["store"], subject=subject, now=now)
    return orders.token(connection, order_id)


def reevaluate_waiting(
    connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, ignored_since: datetime
) -> OrderState | None:
    """Decide an order anew that waits for a mapping which has changed since; returns its state if that moved it.

    Orders without Panelr items wake only if they came after `ignored_since`: a new mapping is not meant for them all.
    """
    row = orders.lock_by_id(connection, order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is None or order is None or not row["awaits_mapping"]:
        return None
    if row["state"] == OrderState.IGNORED and row["created_at"] < ignored_since:
        orders.change(connection, order_id, {"awaits_mapping": False}, now=now)
        return None
    weighed, _ = evaluate(connection, order, store=row["store"], policy=policy)
    values = reevaluate(row, weighed, now=now)
    orders.change(connection, order_id, values, now=now)
    moved = values.get("state", row["state"]) != row["state"]
    return OrderState(values["state"]) if moved else None


def stop_waiting(connection: Connection, now: datetime, order_id: int) -> None:
    """Let an order sleep whose waking has failed, and tell a person; a retry decides it anew."""
    row = _locked(connection, order_id)
    orders.change(connection, order_id, {"awaits_mapping": False, "attention": unhandled_attention(row)}, now=now)


def _locked(connection: Connection, order_id: int) -> Row:
    row = orders.lock_by_id(connection, order_id)
    if row is None:
        raise NotFound(f"there is no order {order_id}")
    return row


def _unconfirmed(connection: Connection, order_id: int) -> Row:
    row = _locked(connection, order_id)
    if row["state"] != OrderState.UNCONFIRMED:
        raise Conflict(f"the order is {row['state']}: only an unconfirmed one is resolved")
    if row["call_until"] is not None:
        raise Conflict("the order is being looked up at this moment: ask again in a few seconds")
    return row


def _decided(connection: Connection, row: Row, values: Row, *, actor: str, action: str, now: datetime) -> None:
    """Write a person's decision: the order, which owes what `values` say and else nothing, and who decided."""
    orders.change(connection, row["id"], owed_calls.NOTHING | values, now=now)
    subject = f"order {row['id']}"
    details = {"before": row["state"], "after": values["state"], "reasons": values["reasons"]}
    audit_log.add(connection, actor=actor, action=action, store=row["store"], subject=subject, now=now, **details)
