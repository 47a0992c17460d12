"""What an operator chose: the lines at Panelr that a held renewal is for."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.operator_actions import lock_order
from panelr_bridge.application.transactions.continuation import continuation_columns
from panelr_bridge.application.transactions.evaluate_order import evaluate, latest_snapshot, reevaluate
from panelr_bridge.domain.decision import Create
from panelr_bridge.domain.models import OrderPolicy, OrderState
from panelr_bridge.errors import Conflict
from panelr_bridge.store import audit_log, orders
from panelr_bridge.store.rows import OrderRow

LACKS_LINE = frozenset(
    {"no_activation_id", "no_fitting_line", "several_fitting_lines", "awaits_first_order", "first_order_unknown"}
)
"""Reason codes of orders with an item whose line is not known."""
SWITCH = "switch"


def choose_activations(
    connection: Connection,
    now: datetime,
    order_id: int,
    activation_ids: Sequence[int],
    *,
    policy: OrderPolicy,
    actor: str,
) -> OrderState:
    """Give a held order's items the lines that an operator chose, in the items' sequence; return the order's state.

    A switch is sent as a renewal of the line then. Raises NotFound, or Conflict: no item lacks a line, or Panelr showed
    that the line is not this customer's.
    """
    row = lock_order(connection, order_id)
    codes = {reason["code"] for reason in row["reasons"]}
    if row["state"] not in {OrderState.HELD, OrderState.REFUSED}:
        raise Conflict(f"the order is {row['state']}: only a held or refused order takes an activation")
    if row["state"] == OrderState.HELD and not codes & (LACKS_LINE | {SWITCH}):
        raise Conflict("no item of this order lacks an activation")
    if len(set(activation_ids)) < len(activation_ids):
        raise Conflict("one activation is given twice: each item renews a line of its own")
    _require_customers(row, activation_ids)
    overridden = sorted({*(row["overridden"] or ()), *(codes & {SWITCH})}) or None
    chosen = continuation_columns(row["continuation"], chosen=list(activation_ids))
    orders.change(connection, order_id, chosen | {"overridden": overridden}, now=now)
    order = latest_snapshot(connection, row)
    if order is None:
        raise Conflict("the order was deleted before the bridge ever saw it")
    evaluation, _ = evaluate(connection, order, store=row["store"], policy=policy, now=now)
    decision = evaluation.decision
    if isinstance(decision, Create):
        left = set(activation_ids) - {item.activation_id for item in decision.request.items}
        if left:
            words = f"no item of this order is left for activation {', '.join(map(str, sorted(left)))}"
            raise Conflict(f"{words}: give one activation for each item that lacks one")
    values = reevaluate(row, evaluation, now=now, resend=True)
    orders.change(connection, order_id, values, now=now)
    audit_log.add(
        connection,
        actor=actor,
        action="choose_activation",
        store=row["store"],
        subject=f"order {order_id}",
        now=now,
        activations=list(activation_ids),
    )
    return OrderState(values.get("state", row["state"]))


def _require_customers(row: OrderRow, activation_ids: Sequence[int]) -> None:
    """Raise Conflict for a line that Panelr did not show among the customer's."""
    known = row["customer_lines"]
    shown = None if known is None else {line["activation_id"] for line in known["lines"]}
    other = [each for each in activation_ids if shown is not None and each not in shown]
    if other:
        words = f"activation {', '.join(map(str, other))} is not among the lines that Panelr shows of this customer"
        raise Conflict(f"{words}: use orders retry to read them again, or set panelr_activation_id in WooCommerce")
