"""The orders: one row each, and the row is the lock for everything that belongs to the order.

Whoever changes an order or adds to its attempts holds the order's row first; with one order of locking there are no
deadlocks.
"""

import functools
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Update, and_, bindparam, case, false, null, or_, select, text, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from panelr_bridge.domain.models import OrderState, WorkOrder
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import IN_DOUBT, Row, mapping_revisions, orders

Shape = frozenset[tuple[str, bool]]

_VALUES = {column.name: bindparam(column.name, type_=column.type) for column in orders.c if column.name != "id"}
_ADD = CompiledStatement(
    {
        "postgresql": postgresql.insert(orders).values(_VALUES).on_conflict_do_nothing().returning(orders.c.id),
        "sqlite": sqlite.insert(orders).values(_VALUES).on_conflict_do_nothing().returning(orders.c.id),
    }
)
_OF_STORE = and_(orders.c.store == bindparam("of_store"), orders.c.woo_order_id == bindparam("of_woo_order_id"))
_FIND = select(orders).where(_OF_STORE)
_LOCK = _FIND.with_for_update()
_REVISIONS = select(mapping_revisions.c.store, mapping_revisions.c.revision)
_BEHIND = (
    select(orders.c.id)
    .where(
        text("awaits_mapping"),  # in the words of its index, for SQLite
        orders.c.store == bindparam("of_store"),
        orders.c.mapping_revision < bindparam("revision"),
    )
    .order_by(orders.c.state == OrderState.IGNORED, orders.c.id)  # what a person waits for comes first
    .limit(bindparam("limit"))
)
_LOCK_BY_ID = select(orders).where(orders.c.id == bindparam("order_id")).with_for_update()

# What the outside sees of an order: the token stays behind its own address.
SHOWN: Select[Any] = select(*(column for column in orders.c if column.name != "confirmation_token"))


@functools.cache
def _change(columns: frozenset[str], *, empty: frozenset[str] = frozenset()) -> Update:
    """Return the statement that writes these columns of an order: built once, for that costs what running does.

    Those that are `empty` are written as such in the statement itself, which saves the driver a value each.
    """
    written = {name: null() if name in empty else _VALUES[name] for name in sorted(columns)}
    return update(orders).where(orders.c.id == bindparam("of_order")).values(written)


def shape(values: Row) -> Shape:
    """Return which columns `values` has, and which of them are empty."""
    return frozenset([(name, value is None) for name, value in values.items()])


def settling(values: Shape) -> ReturningUpdate[Any]:
    """Return the statement of `settle` for values of this shape: `_change` with its fence."""
    # not as a condition that an index could serve: the order is found by its id
    sending = case((orders.c.state == OrderState.SENDING, true()), else_=false())
    columns, empty = frozenset(dict(values)) | {"updated_at"}, frozenset(name for name, none in values if none)
    fenced = _change(columns, empty=empty).where(sending, orders.c.attempts == bindparam("of_attempt"))
    return fenced.returning(orders.c.delivery_id, orders.c.woo_status)


@functools.cache
def _settle(values: Shape) -> CompiledStatement:
    return CompiledStatement(settling(values))


def new(*, store: str, woo_order_id: int, now: datetime) -> Row:
    """Return the columns of an order of which nothing is known yet."""
    empty: Row = dict.fromkeys(_VALUES)
    return empty | {
        "store": store,
        "woo_order_id": woo_order_id,
        "woo_order_number": str(woo_order_id),
        "woo_status": "",
        "reasons": [],
        "attempts": 0,
        "adopted": False,
        "awaits_mapping": False,
        "mapping_revision": 0,
        "created_at": now,
        "updated_at": now,
    }


def add(connection: Connection, values: Row) -> int | None:
    """Insert an order; returns its id, None when another transaction has inserted it first."""
    return next((order_id for (order_id,) in _ADD.run(connection, values)), None)


def lock(connection: Connection, *, store: str, woo_order_id: int) -> Row | None:
    """Return an order as it is now, and keep it from changing until this transaction ends."""
    return _one(connection, _LOCK, {"of_store": store, "of_woo_order_id": woo_order_id})


def lock_by_id(connection: Connection, order_id: int) -> Row | None:
    """Return an order as `lock` does."""
    return _one(connection, _LOCK_BY_ID, {"order_id": order_id})


def find(connection: Connection, *, store: str, woo_order_id: int) -> Row | None:
    """Return an order as it is now."""
    return _one(connection, _FIND, {"of_store": store, "of_woo_order_id": woo_order_id})


def change(connection: Connection, order_id: int, values: Row, *, now: datetime) -> None:
    """Write `values` into a locked order."""
    note(connection, order_id, values | {"updated_at": now})


def note(connection: Connection, order_id: int, values: Row) -> None:
    """Write into a locked order what is no change of it: when its call is made, or what is to be looked at when."""
    connection.execute(_change(frozenset(values)), values | {"of_order": order_id})


def follow(connection: Connection, order_id: int, *, at: datetime | None) -> None:
    """Have it looked at, then or not again, what a locked order calls for. Nothing about the order changes by that."""
    note(connection, order_id, {"follow_at": at})


def settle(connection: Connection, order_id: int, number: int, values: Row, *, now: datetime) -> Row | None:
    """Write the outcome of create attempt `number`, if the order is still waiting for just that one.

    Returns which snapshot the order has now; None when it does not wait: its lease has ended, and others went on.
    """
    fence = {"of_order": order_id, "of_attempt": number}
    found = _settle(shape(values)).run(connection, values | {"updated_at": now} | fence)
    return next(({"delivery_id": delivery_id, "woo_status": status} for delivery_id, status in found), None)


def get(connection: Connection, order_id: int) -> Row | None:
    """Return one order without its token."""
    return _one(connection, SHOWN.where(orders.c.id == order_id), {})


def token(connection: Connection, order_id: int) -> str | None:
    """Return an order's confirmation token."""
    return connection.execute(select(orders.c.confirmation_token).where(orders.c.id == order_id)).scalar()


def owner(connection: Connection, work_order: WorkOrder) -> int | None:
    """Return the id of the order that a work order belongs to."""
    known = [
        column == value
        for column, value in (
            (orders.c.reference_code, work_order.reference_code),
            (orders.c.work_order_id, work_order.work_order_id),
        )
        if value is not None
    ]
    found = (connection.execute(select(orders.c.id).where(condition)).scalar() for condition in known)
    return next((order_id for order_id in found if order_id is not None), None)


def linked(connection: Connection, work_orders: list[WorkOrder], *, besides: int) -> set[str | int]:
    """Return the reference codes and ids of those of `work_orders` that belong to orders besides one."""
    codes = [each.reference_code for each in work_orders if each.reference_code is not None]
    ids = [each.work_order_id for each in work_orders if each.work_order_id is not None]
    known = or_(orders.c.reference_code.in_(codes), orders.c.work_order_id.in_(ids))
    rows = connection.execute(
        select(orders.c.reference_code, orders.c.work_order_id).where(known, orders.c.id != besides)
    )
    return {name for row in rows for name in row if name is not None}


def twin_in_doubt(
    connection: Connection, *, likeness: str, besides: int, since: datetime, only_unconfirmed: bool = False
) -> Row | None:
    """Return an order of the same `likeness`, first sent after `since`, of which Panelr may have a work order unknown.

    `only_unconfirmed` leaves those out that a person has closed.
    """
    in_doubt = select(orders).where(
        orders.c.likeness == likeness, text(IN_DOUBT), orders.c.first_sent_at > since, orders.c.id != besides
    )
    wanted = in_doubt.where(orders.c.state == OrderState.UNCONFIRMED) if only_unconfirmed else in_doubt
    return _one(connection, wanted.order_by(orders.c.id).limit(1), {})


def awaiting_mapping(connection: Connection, *, limit: int) -> list[int]:
    """Return the ids of orders that a mapping may lead on, and that were decided before the last change of one."""
    found: list[int] = []
    # store by store: PostgreSQL would look at every order that waits, however few of them are behind
    for store, revision in connection.execute(_REVISIONS).all():
        left = {"limit": limit - len(found), "of_store": store, "revision": revision}
        found += connection.execute(_BEHIND, left).scalars()
    return found


def _one(connection: Connection, statement: Any, values: Row) -> Row | None:
    found = connection.execute(statement, values).mappings().one_or_none()
    return None if found is None else dict(found)
