"""What orders call for beside their create calls: one row of each kind an order, claimed by a lease like its call.

Whoever changes a row holds its order's row first. A row that is done stays, so that once is once.
"""

import functools
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, delete, insert, select, text, update

from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.store.tables import Row, follow_ups, orders

_C = follow_ups.c
_OPEN = text("lease_until IS NULL AND due_at IS NOT NULL")  # in the words of its index, for SQLite
_OF_ORDER = select(follow_ups).where(_C.order_id == bindparam("of_order")).order_by(_C.id)
_TO_PLAN = (
    select(orders.c.id)
    .where(text("follow_at IS NOT NULL"), orders.c.follow_at <= bindparam("now"))
    .order_by(orders.c.follow_at)
    .limit(bindparam("limit"))
)
_FORGET = delete(follow_ups).where(_C.order_id == bindparam("of_order"))
_WITHDRAW = delete(follow_ups).where(
    _C.order_id == bindparam("of_order"), _C.kind == bindparam("of_kind"), _C.lease_until.is_(None)
)
_OWN: list[Any] = [_C[name].label(f"of_{name}") for name in ("id", "attempt", "due_at", "lease_until", "owed_since")]
_OWN += [_C.kind, _C.sent_at, _C.empty_since, _C.slot, _C.told]
_DUE: Select[Any] = (
    select(*_OWN, orders)
    .join_from(follow_ups, orders, orders.c.id == _C.order_id)
    .where(_OPEN, _C.kind == bindparam("of_kind"), _C.due_at <= bindparam("now"))
    .order_by(_C.due_at, _C.id)
    .limit(1)
    .with_for_update(of=[orders, follow_ups], skip_locked=True)
)
_ENDED: Select[Any] = (
    select(*_OWN, orders)
    .join_from(follow_ups, orders, orders.c.id == _C.order_id)
    .where(_C.lease_until < bindparam("now"))
    .order_by(_C.lease_until)
    .limit(1)
    .with_for_update(of=[orders, follow_ups], skip_locked=True)
)


def to_plan(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Return the ids of orders of which it is to be looked at what they call for."""
    return list(connection.execute(_TO_PLAN, {"now": now, "limit": limit}).scalars())


def list_for_order(connection: Connection, order_id: int) -> dict[FollowUpKind, Row]:
    """Return an order's follow-ups by their kinds."""
    return {
        FollowUpKind(row["kind"]): dict(row) for row in connection.execute(_OF_ORDER, {"of_order": order_id}).mappings()
    }


def stuck(connection: Connection, order_id: int) -> list[Row]:
    """Return an order's follow-ups that are neither done nor owed: a person is needed."""
    return [
        row
        for row in list_for_order(connection, order_id).values()
        if row["done_at"] is None and row["due_at"] is None and row["lease_until"] is None
    ]


def owe(
    connection: Connection,
    row: Row,
    kind: FollowUpKind,
    *,
    due: datetime | None,
    told: Any,
    now: datetime,
    sent_at: datetime | None = None,
) -> None:
    """Owe a follow-up of the locked order `row` from `due` on, from its first try on; None leaves it to a person.

    `sent_at` is since when it may have been done already: then it is looked up first.
    """
    values = {
        "due_at": due,
        "attempt": 0,
        "sent_at": sent_at,
        "empty_since": None,
        "told": told,
        "owed_since": now,
        "done_at": None,
    }
    if (
        connection.execute(_changing(frozenset(values)), values | {"of_order": row["id"], "of_kind": kind}).rowcount
        == 0
    ):
        new = {"store": row["store"], "order_id": row["id"], "kind": kind, "lease_until": None, "slot": None}
        connection.execute(insert(follow_ups).values(values | new))


def forget(connection: Connection, order_id: int) -> bool:
    """Owe nothing for a locked order any more, and forget what was done; returns whether its payment may be told."""
    known = list_for_order(connection, order_id).get(FollowUpKind.PAYMENT)
    connection.execute(_FORGET, {"of_order": order_id})
    return known is not None and known["sent_at"] is not None


def withdraw(connection: Connection, order_id: int, kind: FollowUpKind) -> None:
    """Owe a follow-up of a locked order no longer, as if it had never been owed; one under way goes on."""
    connection.execute(_WITHDRAW, {"of_order": order_id, "of_kind": kind})


def change(connection: Connection, order_id: int, kind: FollowUpKind, values: Row) -> None:
    """Write `values` into a follow-up of a locked order."""
    connection.execute(_changing(frozenset(values)), values | {"of_order": order_id, "of_kind": kind})


def next_due(connection: Connection, kind: FollowUpKind, *, now: datetime) -> Row | None:
    """Return the longest due follow-up of a kind that nobody works on, joined to its order; both stay locked.

    The columns of its own that an order has as well are named `of_...`.
    """
    return _one(connection, _DUE, {"of_kind": kind, "now": now})


def ended_lease(connection: Connection, *, now: datetime) -> Row | None:
    """Return a follow-up whose lease has ended without an outcome, as `next_due` does."""
    return _one(connection, _ENDED, {"now": now})


def holds(connection: Connection, order_id: int, kind: FollowUpKind, *, lease_until: datetime) -> bool:
    """Return whether a locked order's follow-up still waits for the holder of this very lease."""
    held = select(_C.lease_until).where(_C.order_id == order_id, _C.kind == kind)
    return bool(connection.execute(held).scalar() == lease_until)


def _one(connection: Connection, statement: Any, values: Row) -> Row | None:
    found = connection.execute(statement, values).mappings().one_or_none()
    return None if found is None else dict(found)


@functools.cache
def _changing(columns: frozenset[str]) -> Update:
    written = {name: bindparam(name, type_=_C[name].type) for name in sorted(columns)}
    return (
        update(follow_ups).where(_C.order_id == bindparam("of_order"), _C.kind == bindparam("of_kind")).values(written)
    )
