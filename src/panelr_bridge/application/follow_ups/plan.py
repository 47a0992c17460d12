"""Plan an order's follow-ups: ask each kind what the order calls for, and record what is owed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.first_order import hasten
from panelr_bridge.application.follow_ups.registry import SPECS, spec_of
from panelr_bridge.application.follow_ups.specification import LostAnswer
from panelr_bridge.application.transactions.acknowledgements import without_acknowledged
from panelr_bridge.application.transactions.evaluate_order import evaluate, latest_snapshot
from panelr_bridge.domain.cart import map_lines
from panelr_bridge.domain.currency import omits_amounts
from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.decision import (
    amount_paid_for_panelr,
    awaits_first_order,
    needs_customer_lines,
    needs_first_order,
)
from panelr_bridge.domain.follow_up_rules import (
    Cancel,
    CreatedOrder,
    Escalate,
    FollowUpState,
    HeldOrder,
    OrderToPlan,
    Schedule,
    Step,
    StoreOptions,
)
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, OrderState, Reason
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.refunds import lacks_refunds
from panelr_bridge.domain.relation import read_relation
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import deliveries, follow_ups, orders, subscriptions
from panelr_bridge.store.rows import FollowUpRow, OrderRow, not_null
from panelr_bridge.woocommerce.order_payload import Order
from panelr_bridge.woocommerce.order_received import is_shop_address
from panelr_bridge.woocommerce.refund_payload import ShopRefunds


def plan_steps(order: OrderToPlan) -> tuple[Step, ...]:
    """Return what `order` calls for beside what is owed, done, or escalated already. Pure.

    An escalated follow-up is planned as if it did not exist: it may be possible now, or no longer called for.
    """
    possible = {kind: state for kind, state in order.follow_ups.items() if state.cannot is None}
    planned = replace(order, follow_ups=possible)
    steps = (
        _unless_repeated(spec.kind, spec.plan(planned), order.follow_ups.get(spec.kind))
        for spec in SPECS
        if isinstance(order, spec.plans_for)
    )
    return tuple(step for step in steps if step is not None)


def _unless_repeated(kind: FollowUpKind, step: Step | None, state: FollowUpState | None) -> Step | None:
    """Escalate a follow-up only once, and cancel the escalation when it is no longer called for."""
    if state is None or state.cannot is None:
        return step
    if isinstance(step, Escalate) and step.reason.code == state.cannot:
        return None
    return step or Cancel(kind)


def plan(
    connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, stores: Mapping[str, StoreOptions]
) -> tuple[FollowUpKind, ...]:
    """Plan the follow-ups of one order that is due for it; return the kinds that it owes newly."""
    row = orders.lock_by_id(connection, order_id)
    if row is None or row["follow_at"] is None or row["follow_at"] > now:
        return ()
    orders.schedule_planning(connection, order_id, at=None)
    order = latest_snapshot(connection, row)
    if order is None:
        return ()
    if row["state"] == OrderState.HELD and awaits_first_order(_reasons(row)):
        hasten(connection, row, order, policy=policy, now=now)
    rows = follow_ups.list_for_order(connection, order_id)
    store = stores.get(row["store"], StoreOptions())
    planned = _planned_order(connection, row, order, rows, policy=policy, store=store, now=now)
    if planned is None:
        return ()
    if isinstance(planned, CreatedOrder) and planned.request is not None:
        renewed = panelr_request.activations_in(planned.request)
        subscriptions.add_activations(connection, renewed, order_id=order_id)
    recorded = [
        step for step in plan_steps(planned) if _record_step(connection, row, step, known=rows.get(step.kind), now=now)
    ]
    return tuple(step.kind for step in recorded if isinstance(step, Schedule))


def _planned_order(
    connection: Connection,
    row: OrderRow,
    order: Order,
    rows: Mapping[FollowUpKind, FollowUpRow],
    *,
    policy: OrderPolicy,
    store: StoreOptions,
    now: datetime,
) -> OrderToPlan | None:
    """Return the order in the form that its state's kinds plan by; None if no kind plans for its state."""
    states = {kind: _state(each) for kind, each in rows.items()}
    relation = read_relation(order, policy.relation_keys)
    if row["state"] == OrderState.HELD:
        reasons, shown = _reasons(row), row["shop_refunds"]
        return HeldOrder(
            order=order,
            now=now,
            store=store,
            follow_ups=states,
            lacks_lines=needs_customer_lines(order, reasons) and not _has_lines(row, order),
            unknown_subscriptions=relation.subscriptions if relation and needs_first_order(reasons) else (),
            lacks_refunds=lacks_refunds(order, reasons, None if shown is None else ShopRefunds.from_json(shown)),
        )
    if row["state"] != OrderState.CREATED:
        return None
    evaluation, _ = evaluate(connection, order, store=row["store"], policy=policy, now=now)
    if store.url is None or (order.payment_url and not is_shop_address(order.payment_url, (store.url,))):
        source = deliveries.source(connection, not_null(row["delivery_id"]))
        store = replace(store, url=store.url or source, source=source)
    return CreatedOrder(
        order=order,
        relation=relation,
        now=now,
        store=store,
        follow_ups=states,
        work_order=work_order_of(row),
        request=None if row["request"] is None else panelr_request.load(row["request"]),
        created_at=row["first_sent_at"] or now,
        on_paid=evaluation.mappings.on_paid,
        payment_method_id=evaluation.mappings.payment_method_id,
        method_adjusts=evaluation.mappings.method_adjustment is not None,
        amount=amount_paid_for_panelr(order, evaluation.mappings, policy),
        omits_amounts=omits_amounts(order, map_lines(order, evaluation.mappings, policy), policy),
        by_plugin=_has_reason(row, "adopted_from_plugin"),
        by_person=_has_reason(row, "linked_by_person"),
        items_changed=any(each["code"] == "items_changed" for each in row["attention"] or []),
        has_email=row["request"] is not None or find_email(order) is not None,
        free_orders=policy.free_orders,
    )


def _has_reason(row: OrderRow, code: str) -> bool:
    return any(reason["code"] == code for reason in row["reasons"])


def _has_lines(row: OrderRow, order: Order) -> bool:
    """Return whether the row holds the lines of the order's present customer."""
    return row["customer_lines"] is not None and row["customer_lines"]["email"] == find_email(order)


def _record_step(
    connection: Connection, row: OrderRow, step: Step, *, known: FollowUpRow | None, now: datetime
) -> bool:
    """Record a step. Returns False if a task of its kind is under way: planning is due again when its lease ends."""
    if known is not None and known["lease_until"] is not None:
        orders.schedule_planning(connection, row["id"], at=known["lease_until"])
        return False
    if isinstance(step, Escalate):
        follow_ups.schedule(connection, row, step.kind, due=None, content={"cannot": step.reason.code}, now=now)
        _set_attention(connection, row, add_attention(row, step.reason), now=now)
        return True
    escalated = None if known is None else known["told"].get("cannot")
    if isinstance(step, Schedule):
        # the operator may have done it in Panelr after the escalation, so it is looked up first
        looks_up = spec_of(step.kind).after_lost_answer is LostAnswer.LOOK_UP
        sent_at = known["owed_since"] if known and escalated and looks_up else None
        content = dict(step.content)
        follow_ups.schedule(connection, row, step.kind, due=step.due_at, content=content, now=now, sent_at=sent_at)
    else:
        follow_ups.cancel(connection, row["id"], step.kind)
    if escalated is not None:
        others = [each for each in row["attention"] or [] if each["code"] != escalated]
        _set_attention(connection, row, others, now=now)
    return True


def _set_attention(
    connection: Connection, row: OrderRow, attention: list[dict[str, str]] | None, *, now: datetime
) -> None:
    row["attention"] = attention or None  # the next step adds to it
    orders.change(connection, row["id"], {"attention": row["attention"]}, now=now)


def add_attention(row: OrderRow, reason: Reason) -> list[dict[str, str]] | None:
    """Return an order's attention with `reason` in it once, unless an operator has acknowledged it; None for none."""
    others = [each for each in row["attention"] or [] if each["code"] != reason.code]
    return [*others, *without_acknowledged(row, [reason.as_json()])] or None


def work_order_of(row: OrderRow) -> WorkOrder:
    """Return the work order of a created order."""
    return WorkOrder(
        reference_code=row["reference_code"],
        work_order_id=row["work_order_id"],
        confirmation_token=row["confirmation_token"],
        status=row["panelr_status"],
        order_total=row["order_total"],
    )


def _state(row: FollowUpRow) -> FollowUpState:
    return FollowUpState(
        content=row["told"],
        done_at=row["done_at"],
        owed=row["due_at"] is not None or row["lease_until"] is not None,
        sent=row["sent_at"] is not None,
    )


def _reasons(row: OrderRow) -> list[Reason]:
    return [Reason(each["code"], each["words"], each.get("line")) for each in row["reasons"]]
