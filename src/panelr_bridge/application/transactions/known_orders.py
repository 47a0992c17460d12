"""Compare orders fetched from a shop with the stored ones."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import evaluate
from panelr_bridge.domain.decision import next_state
from panelr_bridge.domain.models import OrderPolicy, OrderState, Reason
from panelr_bridge.store.rows import KnownOrderRow
from panelr_bridge.woocommerce.order_payload import Order


def is_known(row: KnownOrderRow, order: Order, *, sha256: bytes) -> bool:
    """Return whether an order's row holds this snapshot or a later one; `sha256` is the snapshot's body's.

    WooCommerce's modification times have a resolution of one second, so snapshots of the same second are compared by
    status and total.
    """
    stored, fetched = row["woo_modified_at"], order.date_modified_gmt
    if stored is None or fetched is None:
        return bool(row["snapshot_sha256"] == sha256 and row["woo_status"] == order.status)
    if fetched != stored:
        return bool(fetched < stored)
    return bool(row["woo_status"] == order.status and row["woo_total"] == order.total)


def preview_state(
    connection: Connection, order: Order, row: KnownOrderRow | None, *, store: str, policy: OrderPolicy, now: datetime
) -> tuple[OrderState, tuple[Reason, ...]]:
    """Return the state and reasons that `order` would get by the current mappings; write nothing."""
    evaluation, _ = evaluate(connection, order, store=store, policy=policy, now=now)
    decision = evaluation.decision
    state = (
        decision.state if row is None else next_state(state=OrderState(row["state"]), decision=decision, refused=None)
    )
    return state, (decision.reasons if state is decision.state else ())
