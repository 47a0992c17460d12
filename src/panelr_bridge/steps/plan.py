"""What an order calls for beside its create call is looked at, and owed; `follow.py` decides, without I/O."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from panelr_bridge import follow
from panelr_bridge.decide import asks_for_lines, paid_for_panelr
from panelr_bridge.follow import Cannot, Created, Known, Owe, Shop, Withdraw
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.steps.weigh import snapshot, weigh
from panelr_bridge.store import follow_ups, orders
from panelr_bridge.store.tables import Row
from panelr_bridge.values import FollowUp, Policy, Reason, State, WorkOrder
from panelr_bridge.woo.payload import Order


def plan(
    connection: Connection, now: datetime, order_id: int, *, policy: Policy, shops: Mapping[str, Shop]
) -> tuple[FollowUp, ...]:
    """Look at one order of which that is due; returns what it owes now that it did not owe before."""
    row = orders.lock_by_id(connection, order_id)
    if row is None or row["follow_at"] is None or row["follow_at"] > now:
        return ()
    follow_ups.planned(connection, order_id)
    order = snapshot(connection, row)
    if order is None:
        return ()
    if row["state"] == State.CREATED:
        return _after_creation(connection, row, order, policy=policy, shop=shops.get(row["store"], Shop()), now=now)
    if row["state"] == State.HELD and row["customer_lines"] is None and asks_for_lines(_reasons(row)):
        follow_ups.owe(connection, row, FollowUp.LINES, due=now, told={}, now=now)
        return (FollowUp.LINES,)
    return ()


def _after_creation(
    connection: Connection, row: Row, order: Order, *, policy: Policy, shop: Shop, now: datetime
) -> tuple[FollowUp, ...]:
    weighed, _ = weigh(connection, order, store=row["store"], policy=policy)
    known = follow_ups.of_order(connection, row["id"])
    created = Created(
        order=order,
        work_order=work_order_of(row),
        request=None if row["request"] is None else panelr_request.load(row["request"]),
        created_at=row["first_sent_at"] or now,
        on_paid=weighed.catalogue.on_paid,
        amount=paid_for_panelr(order, weighed.catalogue, policy),
    )
    wanted = follow.steps(created, shop, {kind: _known(each) for kind, each in known.items()}, now=now)
    for step in wanted:
        _take(connection, row, step, known=known.get(step.kind), now=now)
    return tuple(step.kind for step in wanted if isinstance(step, Owe))


def _take(connection: Connection, row: Row, step: follow.Step, *, known: Row | None, now: datetime) -> None:
    if isinstance(step, Owe):
        if known is not None and known["lease_until"] is not None:  # under way: what is wanted now comes after it
            orders.follow(connection, row["id"], at=known["lease_until"])
            return
        follow_ups.owe(connection, row, step.kind, due=step.due_at, told=dict(step.told), now=now)
    elif isinstance(step, Withdraw):
        follow_ups.withdraw(connection, row["id"], step.kind)
    elif isinstance(step, Cannot):
        follow_ups.owe(connection, row, step.kind, due=None, told={"cannot": step.reason.code}, now=now)
        orders.change(connection, row["id"], {"attention": told_a_person(row, step.reason)}, now=now)


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


def _known(each: Row) -> Known:
    return Known(
        told=each["told"],
        done=each["done_at"] is not None,
        owed=each["due_at"] is not None or each["lease_until"] is not None,
        sent=each["sent_at"] is not None,
    )


def _reasons(row: Row) -> list[Reason]:
    found: list[dict[str, Any]] = row["reasons"]
    return [Reason(each["code"], each["words"], each.get("line")) for each in found]
