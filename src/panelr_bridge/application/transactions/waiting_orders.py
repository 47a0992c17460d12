"""Orders that wait for a mapping: evaluate them again when the mappings changed."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import (
    evaluate,
    latest_snapshot,
    reevaluate,
    unhandled_attention,
)
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.store import orders


def reevaluate_waiting(
    connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, ignored_since: datetime
) -> OrderState | None:
    """Evaluate an order again after a mapping change; return its state if that changed.

    An ignored order is evaluated only if it was first stored after `ignored_since`: a new mapping is not meant for
    every old order.
    """
    row = orders.lock_by_id(connection, order_id)
    order = latest_snapshot(connection, row) if row else None
    if row is None or order is None or not row["awaits_mapping"]:
        return None
    if row["state"] == OrderState.IGNORED and row["created_at"] < ignored_since:
        orders.change(connection, order_id, {"awaits_mapping": False}, now=now)
        return None
    evaluation, _ = evaluate(connection, order, store=row["store"], policy=policy, now=now)
    values = reevaluate(row, evaluation, now=now)
    orders.change(connection, order_id, values, now=now)
    changed = values.get("state", row["state"]) != row["state"]
    return OrderState(values["state"]) if changed else None


def stop_waiting(connection: Connection, now: datetime, order_id: int) -> None:
    """Stop evaluating an order that cannot be evaluated, and add attention; a retry evaluates it again."""
    row = orders.lock_by_id(connection, order_id)
    if row is not None:
        values = {"awaits_mapping": False, "attention": unhandled_attention(row)}
        orders.change(connection, order_id, values, now=now)
