"""Compare orders fetched from a shop with the stored ones."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import evaluate, latest_snapshot
from panelr_bridge.domain.continuation import OWN_MARKS_KEY
from panelr_bridge.domain.decision import next_state
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, OrderState, Reason
from panelr_bridge.domain.order_age import OLDER
from panelr_bridge.domain.snapshot_time import is_older
from panelr_bridge.store import follow_ups, orders
from panelr_bridge.store.rows import KnownOrderRow
from panelr_bridge.woocommerce.order_payload import Order

WRITTEN_META = frozenset(
    {
        *("panelr_work_order_id", "panelr_reference_code", "panelr_status", "panelr_confirmation_token"),
        OWN_MARKS_KEY,
    }
)
"""The meta keys of a write-back, without the underscore that the plugin's own have."""


def is_known(row: KnownOrderRow, order: Order, *, sha256: bytes, now: datetime) -> bool:
    """Return whether an order's row holds this snapshot or a later one; `sha256` is the snapshot's body's.

    WooCommerce's modification times have a resolution of one second, so snapshots of the same second are compared by
    status and total. A time in the future, by a wrong clock, hides no other snapshot.
    """
    stored, fetched = row["woo_modified_at"], order.date_modified_gmt
    if stored is None or fetched is None:
        return bool(row["snapshot_sha256"] == sha256 and row["woo_status"] == order.status)
    if fetched != stored:
        return is_older(received=fetched, known=stored, now=now)
    return bool(row["woo_status"] == order.status and row["woo_total"] == order.total)


def is_echo(connection: Connection, order: Order, *, store: str) -> bool:
    """Return whether only the bridge's own write-back has changed the order since its newest snapshot."""
    row = orders.find(connection, store=store, woo_order_id=order.id)
    stored = latest_snapshot(connection, row) if row is not None and row["state"] == OrderState.CREATED else None
    if row is None or stored is None:
        return False
    write_back = follow_ups.list_for_order(connection, row["id"]).get(FollowUpKind.WRITE_BACK)
    written = {} if write_back is None else write_back["told"].get("written", {})
    is_own_status = order.status in {stored.status, written.get("status")}
    return bool(written) and is_own_status and _essence(order, other=stored) == _essence(stored, other=order)


def _essence(order: Order, *, other: Order) -> Order:
    """Return what both snapshots show of an order, without what a write-back changes."""
    if order.order_key and other.order_key:
        meta = tuple(entry for entry in order.meta_data if entry[0].removeprefix("_") not in WRITTEN_META)
        return order.model_copy(update={"status": "", "date_modified_gmt": None, "meta_data": meta})
    hidden = {"sku": "", "subtotal_tax": 0, "total_tax": 0, "meta_data": ()}  # by an Orders resource
    shown = {name: getattr(order, name) for name in ("id", "number", "currency", "total", "payment_method", "billing")}
    return Order.model_construct(
        **shown, status="", line_items=tuple(line.model_copy(update=hidden) for line in order.line_items)
    )


def preview_state(
    connection: Connection,
    order: Order,
    row: KnownOrderRow | None,
    *,
    store: str,
    policy: OrderPolicy,
    now: datetime,
    is_included: bool,
) -> tuple[OrderState, tuple[Reason, ...]]:
    """Return the state and reasons that `order` would get by the current mappings; write nothing.

    `is_included` says that an operator named a date that includes the order, however old it is.
    """
    override = frozenset({OLDER}) if is_included else frozenset[str]()
    evaluation, _ = evaluate(connection, order, store=store, policy=policy, now=now, source="", override=override)
    decision = evaluation.decision
    state = (
        decision.state if row is None else next_state(state=OrderState(row["state"]), decision=decision, refused=None)
    )
    return state, (decision.reasons if state is decision.state else ())
