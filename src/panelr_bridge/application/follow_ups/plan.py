"""What an order calls for beside its create call is looked at, and owed; `follow_up_rules.py` decides, without I/O."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.application.transactions.evaluate_order import evaluate, latest_snapshot
from panelr_bridge.domain import follow_up_rules
from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.decision import amount_paid_for_panelr, needs_customer_lines
from panelr_bridge.domain.follow_up_rules import CreatedOrder, Escalate, FollowUpState, Schedule, StoreOptions
from panelr_bridge.domain.models import FollowUpKind, OrderPolicy, OrderState, Reason, WorkOrder
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.store import deliveries, follow_ups, orders
from panelr_bridge.store.tables import Row
from panelr_bridge.woocommerce.order_payload import Order


def plan(
    connection: Connection, now: datetime, order_id: int, *, policy: OrderPolicy, shops: Mapping[str, StoreOptions]
) -> tuple[FollowUpKind, ...]:
    """Look at one order of which that is due; returns what it owes now that it did not owe before."""
    row = orders.lock_by_id(connection, order_id)
    if row is None or row["follow_at"] is None or row["follow_at"] > now:
        return ()
    orders.follow(connection, order_id, at=None)
    order = latest_snapshot(connection, row)
    if order is None:
        return ()
    if row["state"] == OrderState.CREATED:
        return _after_creation(
            connection, row, order, policy=policy, shop=shops.get(row["store"], StoreOptions()), now=now
        )
    if (
        row["state"] == OrderState.HELD
        and needs_customer_lines(order, _reasons(row))
        and not _told_of_lines(row, order)
    ):
        owed = Schedule(FollowUpKind.LINES, now, {})
        known = follow_ups.list_for_order(connection, order_id).get(FollowUpKind.LINES)
        return (FollowUpKind.LINES,) if _take(connection, row, owed, known=known, now=now) else ()
    return ()


def _told_of_lines(row: Row, order: Order) -> bool:
    """Return whether Panelr has told of the lines of the customer that the order has now."""
    return row["customer_lines"] is not None and row["customer_lines"]["email"] == find_email(order)


def _after_creation(
    connection: Connection, row: Row, order: Order, *, policy: OrderPolicy, shop: StoreOptions, now: datetime
) -> tuple[FollowUpKind, ...]:
    weighed, _ = evaluate(connection, order, store=row["store"], policy=policy)
    known = follow_ups.list_for_order(connection, row["id"])
    created = CreatedOrder(
        order=order,
        work_order=work_order_of(row),
        request=None if row["request"] is None else panelr_request.load(row["request"]),
        created_at=row["first_sent_at"] or now,
        on_paid=weighed.catalogue.on_paid,
        payment_method_id=weighed.catalogue.payment_method_id,
        amount=amount_paid_for_panelr(order, weighed.catalogue, policy),
        by_plugin=any(reason["code"] == "adopted_from_plugin" for reason in row["reasons"]),
        has_email=row["request"] is not None or find_email(order) is not None,
    )
    if shop.url is None:
        shop = replace(shop, url=deliveries.source(connection, row["delivery_id"]))
    wanted = follow_up_rules.plan_follow_ups(
        created, shop, {kind: _known(each) for kind, each in known.items()}, now=now
    )
    taken = [step for step in wanted if _take(connection, row, step, known=known.get(step.kind), now=now)]
    return tuple(step.kind for step in taken if isinstance(step, Schedule))


def _take(connection: Connection, row: Row, step: follow_up_rules.Step, *, known: Row | None, now: datetime) -> bool:
    """Write a step down; returns whether it was, and not put off until what is under way has ended."""
    if known is not None and known["lease_until"] is not None:
        orders.follow(connection, row["id"], at=known["lease_until"])
        return False
    if isinstance(step, Escalate):
        follow_ups.owe(connection, row, step.kind, due=None, told={"cannot": step.reason.code}, now=now)
        _attend(connection, row, told_a_person(row, step.reason), now=now)
        return True
    could_not = None if known is None else known["told"].get("cannot")
    if isinstance(step, Schedule):
        # who was told that a payment cannot be told may have seen to it in Panelr: it is looked up first
        doubt = known["owed_since"] if known and could_not and step.kind is FollowUpKind.PAYMENT else None
        told = dict(step.told)
        follow_ups.owe(connection, row, step.kind, due=step.due_at, told=told, now=now, sent_at=doubt)
    else:
        follow_ups.withdraw(connection, row["id"], step.kind)
    if could_not is not None:
        _attend(connection, row, [each for each in row["attention"] or [] if each["code"] != could_not], now=now)
    return True


def _attend(connection: Connection, row: Row, attention: list[dict[str, str]], *, now: datetime) -> None:
    row["attention"] = attention or None  # the next step adds to it
    orders.change(connection, row["id"], {"attention": row["attention"]}, now=now)


def told_a_person(row: Row, reason: Reason) -> list[dict[str, str]]:
    """Return an order's attention with `reason` in it, once."""
    others = [each for each in row["attention"] or [] if each["code"] != reason.code]
    return [*others, reason.as_json()]


def work_order_of(row: Row) -> WorkOrder:
    """Return the work order of a created order."""
    return WorkOrder(
        reference_code=row["reference_code"],
        work_order_id=row["work_order_id"],
        confirmation_token=row["confirmation_token"],
        status=row["panelr_status"],
    )


def _known(each: Row) -> FollowUpState:
    return FollowUpState(
        told=each["told"],
        done_at=each["done_at"],
        owed=each["due_at"] is not None or each["lease_until"] is not None,
        sent=each["sent_at"] is not None,
    )


def _reasons(row: Row) -> list[Reason]:
    found: list[dict[str, Any]] = row["reasons"]
    return [Reason(each["code"], each["words"], each.get("line")) for each in found]
