"""The table `follow_ups`: at most one row of each kind for an order, claimed by a lease as calls are.

A transaction that changes a row locks its order first. The row stays when the follow-up is done, so that it is never
scheduled twice.
"""

import functools
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Update,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.rows import FollowUpRow, FollowUpWithOrderRow, OrderRow, fetch_all, fetch_one
from panelr_bridge.store.tables import Columns, follow_ups, orders

_C = follow_ups.c
_IS_OPEN = text("lease_until IS NULL AND due_at IS NOT NULL")  # the partial index's exact condition, for SQLite
_OF_ORDER = select(follow_ups).where(_C.order_id == bindparam("of_order")).order_by(_C.id)
_TO_PLAN = (
    select(orders.c.id)
    .where(text("follow_at IS NOT NULL"), orders.c.follow_at <= bindparam("now"))
    .order_by(orders.c.follow_at)
    .limit(bindparam("limit"))
)
_DELETE_ALL = delete(follow_ups).where(_C.order_id == bindparam("of_order"))
_DELETE_UNCLAIMED = delete(follow_ups).where(
    _C.order_id == bindparam("of_order"), _C.kind == bindparam("of_kind"), _C.lease_until.is_(None)
)
_OWN_COLUMNS: list[Any] = [
    *(_C[name].label(f"of_{name}") for name in ("id", "attempt", "due_at", "lease_until", "owed_since")),
    *(_C.kind, _C.sent_at, _C.empty_since, _C.slot, _C.told),
]
WITH_ORDER: Select[Any] = (
    select(*_OWN_COLUMNS, orders)
    .join_from(follow_ups, orders, orders.c.id == _C.order_id)
    .limit(1)
    .with_for_update(of=[orders, follow_ups], skip_locked=True)
)
_NEXT_DUE = WITH_ORDER.where(_IS_OPEN, _C.kind == bindparam("of_kind"), _C.due_at <= bindparam("now")).order_by(
    _C.due_at, _C.id
)
_ENDED_LEASE = WITH_ORDER.where(_C.lease_until < bindparam("now")).order_by(_C.lease_until)
_RELEASE_OUTAGE = (
    update(follow_ups)
    .where(
        _C.id.in_(
            select(_C.id)
            .where(text("waits_for_outage"), _C.due_at.is_not(None))
            .order_by(_C.id)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        due_at=case((_C.owed_since < bindparam("now"), _C.owed_since), else_=bindparam("now", type_=UtcDateTime())),
        waits_for_outage=False,
    )
)
_PUT_OFF = (
    update(follow_ups)
    .where(
        _IS_OPEN,
        _C.kind == bindparam("of_kind"),
        _C.due_at > bindparam("soon"),  # a range of the index
        or_(_C.due_at > bindparam("latest"), _C.owed_since > bindparam("soon")),
    )
    .values(due_at=bindparam("now", type_=UtcDateTime()))
)
# one subquery for each kind: each reads a range of the index of open follow-ups
_COUNT_DUE = select(
    *(
        select(func.count())
        .select_from(follow_ups)
        .where(_IS_OPEN, _C.kind == kind, _C.due_at <= bindparam("now", type_=UtcDateTime()))
        .scalar_subquery()
        .label(str(kind))
        for kind in FollowUpKind
    )
)


def list_due_for_planning(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Return the ids of the orders whose follow-ups are to be planned now, longest due first."""
    return list(connection.execute(_TO_PLAN, {"now": now, "limit": limit}).scalars())


def count_due(connection: Connection, *, now: datetime) -> dict[str, int]:
    """Return how many follow-ups of each kind are due."""
    return {name: int(n) for name, n in connection.execute(_COUNT_DUE, {"now": now}).mappings().one().items()}


def list_for_order(connection: Connection, order_id: int) -> dict[FollowUpKind, FollowUpRow]:
    """Return an order's follow-ups by kind."""
    rows = fetch_all(connection, _OF_ORDER, {"of_order": order_id}, FollowUpRow)
    return {FollowUpKind(row["kind"]): row for row in rows}


def list_stuck(connection: Connection, order_id: int) -> list[FollowUpRow]:
    """Return an order's follow-ups that are neither done nor due nor claimed: an operator must act."""
    return [
        row
        for row in list_for_order(connection, order_id).values()
        if row["done_at"] is None and row["due_at"] is None and row["lease_until"] is None
    ]


def schedule(
    connection: Connection,
    row: OrderRow,
    kind: FollowUpKind,
    *,
    due: datetime | None,
    content: Any,
    now: datetime,
    sent_at: datetime | None = None,
) -> None:
    """Schedule a follow-up of the locked order `row` at `due`, with no tries so far; None leaves it to an operator.

    `content` is what to send. `sent_at` says when it may have been sent already: then it is looked up first.
    """
    values = {
        "due_at": due,
        "attempt": 0,
        "sent_at": sent_at,
        "empty_since": None,
        "told": content,
        "owed_since": now,
        "done_at": None,
        "waits_for_outage": False,
    }
    if _update(connection, row["id"], kind, values) == 0:
        new = {"store": row["store"], "order_id": row["id"], "kind": kind, "lease_until": None, "slot": None}
        connection.execute(insert(follow_ups).values(values | new))


def delete_all(connection: Connection, order_id: int) -> bool:
    """Delete every follow-up of a locked order, done or not; return whether its payment may have been sent."""
    payment = list_for_order(connection, order_id).get(FollowUpKind.PAYMENT)
    connection.execute(_DELETE_ALL, {"of_order": order_id})
    return payment is not None and payment["sent_at"] is not None


def cancel(connection: Connection, order_id: int, kind: FollowUpKind) -> None:
    """Delete a follow-up of a locked order, unless it is claimed."""
    connection.execute(_DELETE_UNCLAIMED, {"of_order": order_id, "of_kind": kind})


def change(connection: Connection, order_id: int, kind: FollowUpKind, values: Columns) -> None:
    """Update a follow-up of a locked order with `values`."""
    _update(connection, order_id, kind, values)


def release_outage(connection: Connection, *, now: datetime, limit: int) -> int:
    """Make up to `limit` follow-ups due that wait for the end of an outage; return their number."""
    return connection.execute(_RELEASE_OUTAGE, {"now": now, "limit": limit}).rowcount


def bring_back(connection: Connection, kind: FollowUpKind, *, now: datetime, soon: datetime, latest: datetime) -> int:
    """Make follow-ups of a kind due that a clock far ahead put off; return their number.

    None is due later than `latest`. One that is due after `soon` came to be owed before it.
    """
    return connection.execute(_PUT_OFF, {"of_kind": kind, "now": now, "soon": soon, "latest": latest}).rowcount


def next_due(connection: Connection, kind: FollowUpKind, *, now: datetime) -> FollowUpWithOrderRow | None:
    """Return the longest due, unclaimed follow-up of a kind, joined to its order; lock both.

    Columns that the order has, too, are named `of_...`.
    """
    return fetch_one(connection, _NEXT_DUE, {"of_kind": kind, "now": now}, FollowUpWithOrderRow)


def ended_lease(connection: Connection, *, now: datetime) -> FollowUpWithOrderRow | None:
    """Return a follow-up whose lease has expired without an outcome, joined and locked as by `next_due`."""
    return fetch_one(connection, _ENDED_LEASE, {"now": now}, FollowUpWithOrderRow)


def holds(connection: Connection, order_id: int, kind: FollowUpKind, *, lease_until: datetime) -> bool:
    """Return whether a locked order's follow-up still has the lease that ends at `lease_until`."""
    query = select(_C.lease_until).where(_C.order_id == order_id, _C.kind == kind)
    return bool(connection.execute(query).scalar() == lease_until)


def _update(connection: Connection, order_id: int, kind: FollowUpKind, values: Columns) -> int:
    """Update a follow-up and return the number of rows: 0 if there is none of this kind."""
    statement = _build_update(frozenset(values))
    return connection.execute(statement, values | {"of_order": order_id, "of_kind": kind}).rowcount


@functools.cache
def _build_update(columns: frozenset[str]) -> Update:
    values = {name: bindparam(name, type_=_C[name].type) for name in sorted(columns)}
    return (
        update(follow_ups).where(_C.order_id == bindparam("of_order"), _C.kind == bindparam("of_kind")).values(values)
    )
