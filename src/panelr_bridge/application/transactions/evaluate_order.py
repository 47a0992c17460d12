"""Put an order's newest snapshot on the scales: what it calls for now, and what that makes of its row."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.domain.cart import lookup_keys
from panelr_bridge.domain.decision import (
    FIXED,
    Adopt,
    Decision,
    Hold,
    advance,
    asks_for_lines,
    awaits_mapping,
    changes_since,
    decide,
)
from panelr_bridge.domain.models import CallAction, OrderMappings, OrderPolicy, OrderState, Reason, WorkOrder
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import deliveries, order_mappings, orders, owed_calls
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.order_payload import Order

UNHANDLED = "cannot_be_processed"
FOLLOW_UPS = frozenset(
    {
        "payment_not_told",
        "instructions_not_sent",
        "instructions_unclear",
        "work_order_gone",
        "work_order_canceled",
        "write_back_failed",
        "lines_not_told",
        "status_not_told",
    }
)
"""What went wrong after the work order was created, until a person acts or it is planned anew."""
LASTING = FOLLOW_UPS | {"second_work_order", "created_after_all", UNHANDLED}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An order, what it calls for, and the mappings by which that was decided."""

    order: Order
    decision: Decision
    catalogue: OrderMappings


def evaluate(connection: Connection, order: Order, *, store: str, policy: OrderPolicy) -> tuple[Evaluation, int | None]:
    """Decide `order` by the mappings as they are now; also returns the order's id, if it has one already."""
    catalogue, order_id = order_mappings.find(
        connection,
        store=store,
        woo_order_id=order.id,
        keys=lookup_keys(order),
        payment_method=order.payment_method,
    )
    decision = _unless_taken(connection, decide(order, catalogue, policy), order_id)
    return Evaluation(order, decision, catalogue), order_id


def _unless_taken(connection: Connection, decision: Decision, order_id: int | None) -> Decision:
    """Hold an order whose meta names another order's work order: subscription plugins copy meta to renewals."""
    if not isinstance(decision, Adopt):
        return decision
    owner = orders.owner(connection, decision.work_order)
    if owner in {None, order_id}:
        return decision
    words = f"its meta names a work order that belongs to another order (number {owner} here): remove it in WooCommerce"
    return Hold((Reason("work_order_taken", words),))


def latest_snapshot(connection: Connection, row: Row) -> Order | None:
    """Return an order's newest snapshot in the status that the row knows: a deletion brings no snapshot."""
    if row["delivery_id"] is None:
        return None
    order = order_payload.read_order(deliveries.body(connection, row["delivery_id"]))
    return order.model_copy(update={"status": row["woo_status"]})


def snapshot_columns(order: Order, *, delivery_id: int | None, sha256: bytes) -> Row:
    """Return the columns that tell of a snapshot."""
    return {
        "woo_order_number": order.number or str(order.id),
        "woo_status": order.status,
        "woo_total": order.total,
        "woo_currency": order.currency,
        "woo_modified_at": order.date_modified_gmt,
        "delivery_id": delivery_id,
        "snapshot_sha256": sha256,
    }


def state_columns(weighed: Evaluation, *, state: OrderState, delivery_id: int | None, now: datetime) -> Row:
    """Return the columns that tell where an order stands once its decision has led it to `state`."""
    decision = weighed.decision
    values: Row = {
        "state": state,
        "reasons": reasons_as_json(decision.reasons),
        "awaits_mapping": awaits_mapping(state=state, decision=decision),
        "mapping_revision": weighed.catalogue.revision,
    }
    if isinstance(decision, Adopt):
        values |= work_order_columns(decision.work_order, adopted=True) | {"sent_delivery_id": delivery_id}
    if isinstance(decision, Adopt) or (state is OrderState.HELD and asks_for_lines(weighed.order, decision.reasons)):
        values |= {"follow_at": now}
    return values


def work_order_columns(work_order: WorkOrder, *, adopted: bool) -> Row:
    """Return the columns that keep a work order."""
    return {
        "work_order_id": work_order.work_order_id,
        "reference_code": work_order.reference_code,
        "confirmation_token": work_order.confirmation_token,
        "panelr_status": work_order.status,
        "adopted": adopted,
    }


def reevaluate(row: Row, weighed: Evaluation, *, now: datetime, again: bool = False) -> Row:
    """Return the columns that change when a locked order is decided anew, what it owes among them.

    `row` tells the snapshot that was weighed. `again` sends once more what Panelr has refused, though it is the same.
    """
    before = OrderState(row["state"])
    if before in FIXED:
        return {"mapping_revision": weighed.catalogue.revision}
    refused = None if again or row["request"] is None else panelr_request.load(row["request"])
    after = advance(state=before, decision=weighed.decision, refused=refused)
    if after is before and after is not weighed.decision.state:
        return {"mapping_revision": weighed.catalogue.revision}
    values = state_columns(weighed, state=after, delivery_id=row["delivery_id"], now=now)
    if after is OrderState.QUEUED and before is not OrderState.QUEUED:
        values |= owed_calls.owed(action=CallAction.CREATE_WORK_ORDER, due=now, now=now)
    if before is OrderState.QUEUED and after is not OrderState.QUEUED:
        values |= owed_calls.NOTHING
    if before is OrderState.QUEUED and after is OrderState.QUEUED:
        del values["reasons"]  # why it waits is as true as before
    return values


def attention(connection: Connection, row: Row, now_order: Order) -> list[dict[str, str]] | None:
    """Return what a person should know of a created order; None for nothing.

    That is what changed in WooCommerce since its work order was made, and what lasts until a person acts.
    """
    told = lasting_attention(row)
    if row["sent_delivery_id"] is not None:
        sent = order_payload.read_order(deliveries.body(connection, row["sent_delivery_id"]))
        told += reasons_as_json(changes_since(sent=sent, now=now_order))
    return told or None


def lasting_attention(row: Row, *, handled: bool = False) -> list[dict[str, str]]:
    """Return the part of an order's attention that no newer snapshot settles.

    `handled` says that the order can be processed again.
    """
    codes = LASTING - {UNHANDLED} if handled else LASTING
    return [reason for reason in row["attention"] or [] if reason["code"] in codes]


def unhandled_attention(row: Row) -> list[dict[str, str]]:
    """Return the attention of an order at which the bridge itself has failed."""
    told = {"code": "cannot_be_processed", "words": "handling this order failed; the log says why"}
    return [*lasting_attention(row, handled=True), told]


def reasons_as_json(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    """Return reasons as they are stored and shown."""
    return [reason.as_json() for reason in reasons]
