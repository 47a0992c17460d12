"""Whether the bridge knows an order already as the store tells it: read for a whole page of orders at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import evaluate
from panelr_bridge.domain.decision import next_state
from panelr_bridge.domain.models import OrderPolicy, OrderState, Reason
from panelr_bridge.store import backfill_cursors, deliveries
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.order_payload import Order


@dataclass(frozen=True, slots=True)
class KnownOrders:
    """What is known of a page: its orders' rows by WooCommerce's ids, and verdicts by their bodies' SHA-256."""

    rows: Mapping[int, Row]
    verdicts: Mapping[bytes, str]


def read_known_orders(
    connection: Connection, *, store: str, topic: str, ids: Sequence[int], unreadable: Sequence[bytes]
) -> KnownOrders:
    """Read what is known of orders, and of bodies (by their SHA-256) that are none."""
    rows = backfill_cursors.known_orders(connection, store=store, ids=list(ids)) if ids else {}
    kept = (
        deliveries.stored_verdicts(connection, store=store, topic=topic, digests=list(unreadable)) if unreadable else {}
    )
    return KnownOrders(rows, kept)


def is_known(row: Row, order: Order, *, sha256: bytes) -> bool:
    """Return whether an order's row tells of `order` as it is, or as it was later; `sha256` is its body's.

    WooCommerce tells modifications to the second: what differs within one is news.
    """
    known, told = row["woo_modified_at"], order.date_modified_gmt
    if known is None or told is None:
        return bool(row["snapshot_sha256"] == sha256 and row["woo_status"] == order.status)
    if told != known:
        return bool(told < known)
    return bool(row["woo_status"] == order.status and row["woo_total"] == order.total)


def would_become(
    connection: Connection, order: Order, row: Row | None, *, store: str, policy: OrderPolicy
) -> tuple[OrderState, tuple[Reason, ...]]:
    """Return the state that `order` calls for by the mappings as they are, and why; nothing is written."""
    weighed, _ = evaluate(connection, order, store=store, policy=policy)
    decision = weighed.decision
    state = (
        decision.state if row is None else next_state(state=OrderState(row["state"]), decision=decision, refused=None)
    )
    return state, (decision.reasons if state is decision.state else ())
