"""The tables `orders` and `attempts`. An order's row is the lock for everything that belongs to the order.

A transaction that changes an order, or adds to its attempts or follow-ups, locks the order's row first. One order of
locking prevents deadlocks.
"""

import functools
from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    null,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.mapping_tables import mapping_revisions
from panelr_bridge.store.rows import (
    AttemptRow,
    NewAttemptRow,
    NewOrderRow,
    OrderRow,
    SettledOrderRow,
    ShownOrderRow,
    fetch_all,
    fetch_one,
)
from panelr_bridge.store.tables import IN_DOUBT, NOT_SENDING, Columns, attempts, orders

Shape = frozenset[tuple[str, bool]]
"""The names of the columns that an update sets, each with whether it is set to null."""

_VALUES = {column.name: bindparam(column.name, type_=column.type) for column in orders.c if column.name != "id"}
_EMPTY: Columns = dict.fromkeys(_VALUES)
_ADD = CompiledStatement(
    {
        "postgresql": postgresql.insert(orders).values(_VALUES).on_conflict_do_nothing().returning(orders.c.id),
        "sqlite": sqlite.insert(orders).values(_VALUES).on_conflict_do_nothing().returning(orders.c.id),
    }
)
_ADD_ATTEMPT = CompiledStatement(
    insert(attempts).values(
        {column.name: bindparam(column.name, type_=column.type) for column in attempts.c if column.name != "id"}
    )
)
_OF_STORE = and_(orders.c.store == bindparam("of_store"), orders.c.woo_order_id == bindparam("of_woo_order_id"))
_FIND = select(orders).where(_OF_STORE)
_LOCK = _FIND.with_for_update()
_LOCK_BY_ID = select(orders).where(orders.c.id == bindparam("order_id")).with_for_update()
_REVISIONS = select(mapping_revisions.c.store, mapping_revisions.c.revision)
_NOTE_STORE = text("INSERT INTO mapping_revisions (store, revision) VALUES (:store, :revision) ON CONFLICT DO NOTHING")
"""The worker looks for orders behind their mappings in these stores alone."""
_BEHIND_REVISION = (
    select(orders.c.id)
    .where(
        text("awaits_mapping"),  # the exact condition of the partial index, which SQLite requires
        orders.c.store == bindparam("of_store"),
        orders.c.mapping_revision < bindparam("revision"),
    )
    .order_by(orders.c.state == OrderState.IGNORED, orders.c.id)  # held orders first: an operator waits for them
    .limit(bindparam("limit"))
)
_COUNT_ATTEMPTS = (
    select(func.count())
    .select_from(attempts)
    .where(
        attempts.c.order_id == bindparam("of_order"),
        attempts.c.action == bindparam("action"),
        attempts.c.outcome == bindparam("outcome"),
        attempts.c.recorded_at >= bindparam("since"),
    )
)
SHOWN: Select[Any] = select(*(column for column in orders.c if column.name != "confirmation_token"))
"""Selects orders without their confirmation tokens, which only `confirmation_token` returns."""


@functools.cache
def _build_update(columns: frozenset[str], *, nulls: frozenset[str] = frozenset()) -> Update:
    """Return the statement that sets these columns; cached, because building it costs as much as running it.

    The columns in `nulls` are set to NULL in the statement itself, which saves the driver a parameter each.
    """
    values = {name: null() if name in nulls else _VALUES[name] for name in sorted(columns)}
    return update(orders).where(orders.c.id == bindparam("of_order")).values(values)


def shape(values: Columns) -> Shape:
    """Return the shape of an update with `values`."""
    return frozenset([(name, value is None) for name, value in values.items()])


def settle_statement(values: Shape) -> ReturningUpdate[Any]:
    """Return the statement of `settle` for values of this shape; its condition is the fence."""
    # as CASE, so that PostgreSQL finds the order by its id and not by an index on the state
    is_sending = case((orders.c.state == OrderState.SENDING, true()), else_=false())
    columns, nulls = frozenset(dict(values)) | {"updated_at"}, frozenset(name for name, is_null in values if is_null)
    fenced = _build_update(columns, nulls=nulls).where(is_sending, orders.c.attempts == bindparam("of_attempt"))
    return fenced.returning(orders.c.delivery_id, orders.c.woo_status)


@functools.cache
def _compile_settle(values: Shape) -> CompiledStatement:
    return CompiledStatement(settle_statement(values))


def empty_row(*, store: str, woo_order_id: int, now: datetime) -> NewOrderRow:
    """Return the row of a new order without a snapshot."""
    row = _EMPTY | {
        "store": store,
        "woo_order_id": woo_order_id,
        "woo_order_number": str(woo_order_id),
        "woo_order_key": "",
        "woo_source": "",
        "woo_status": "",
        "reasons": [],
        "attempts": 0,
        "adopted": False,
        "awaits_mapping": False,
        "waits_for_outage": False,
        "mapping_revision": 0,
        "created_at": now,
        "updated_at": now,
    }
    return cast("NewOrderRow", row)


def add(connection: Connection, row: NewOrderRow) -> int | None:
    """Insert an order and return its id; None if another transaction has inserted it."""
    return next((order_id for (order_id,) in _ADD.run(connection, row)), None)


def lock(connection: Connection, *, store: str, woo_order_id: int) -> OrderRow | None:
    """Return an order and lock its row until the transaction ends."""
    return fetch_one(connection, _LOCK, {"of_store": store, "of_woo_order_id": woo_order_id}, OrderRow)


def lock_by_id(connection: Connection, order_id: int) -> OrderRow | None:
    """Return an order and lock its row until the transaction ends."""
    return fetch_one(connection, _LOCK_BY_ID, {"order_id": order_id}, OrderRow)


def find(connection: Connection, *, store: str, woo_order_id: int) -> OrderRow | None:
    """Return an order without locking it."""
    return fetch_one(connection, _FIND, {"of_store": store, "of_woo_order_id": woo_order_id}, OrderRow)


def change(connection: Connection, order_id: int, values: Columns, *, now: datetime) -> None:
    """Update a locked order with `values` and set `updated_at`."""
    change_quietly(connection, order_id, values | {"updated_at": now})


def change_quietly(connection: Connection, order_id: int, values: Columns) -> None:
    """Update a locked order with `values` but keep `updated_at`: for lease and planning columns."""
    connection.execute(_build_update(frozenset(values)), values | {"of_order": order_id})


def schedule_planning(connection: Connection, order_id: int, *, at: datetime | None) -> None:
    """Schedule the planning of a locked order's follow-ups at `at`; None cancels it. Keeps `updated_at`."""
    change_quietly(connection, order_id, {"follow_at": at})


def settle(
    connection: Connection, order_id: int, number: int, values: Columns, *, now: datetime
) -> SettledOrderRow | None:
    """Write the outcome of create attempt `number`, fenced: only if the order still waits for that attempt.

    Returns the order's `delivery_id` and `woo_status`. Returns None if its lease has ended and others went on.
    """
    fence = {"of_order": order_id, "of_attempt": number}
    rows = _compile_settle(shape(values)).run(connection, values | {"updated_at": now} | fence)
    return next((SettledOrderRow(delivery_id=delivery_id, woo_status=status) for delivery_id, status in rows), None)


def add_attempt(connection: Connection, row: NewAttemptRow) -> None:
    """Insert the row of one call that was made for an order, with its outcome."""
    _ADD_ATTEMPT.run(connection, row)


def count_attempts(connection: Connection, order_id: int, *, action: CallAction, outcome: str, since: datetime) -> int:
    """Return how many calls of this action for an order since `since` ended with `outcome`."""
    values = {"of_order": order_id, "action": action.value, "outcome": outcome, "since": since}
    return int(connection.execute(_COUNT_ATTEMPTS, values).scalar_one())


def list_attempts(connection: Connection, order_id: int) -> list[AttemptRow]:
    """Return every attempt of an order, oldest first."""
    query = select(attempts).where(attempts.c.order_id == order_id).order_by(attempts.c.id)
    return fetch_all(connection, query, {}, AttemptRow)


def get(connection: Connection, order_id: int) -> ShownOrderRow | None:
    """Return one order without its confirmation token."""
    return fetch_one(connection, SHOWN.where(orders.c.id == order_id), {}, ShownOrderRow)


def confirmation_token(connection: Connection, order_id: int) -> str | None:
    """Return an order's confirmation token."""
    return connection.execute(select(orders.c.confirmation_token).where(orders.c.id == order_id)).scalar()


def count_held_by_source(connection: Connection, *, store: str) -> dict[str, int]:
    """Return how many held orders of a store each shop sent, by its host."""
    query = (
        select(orders.c.woo_source, func.count().label("number"))
        .where(text(NOT_SENDING), orders.c.store == store, orders.c.state == OrderState.HELD)
        .group_by(orders.c.woo_source)
    )
    return {row.woo_source: row.number for row in connection.execute(query)}


def find_owner(connection: Connection, work_order: WorkOrder) -> int | None:
    """Return the id of the order that `work_order` belongs to, by its reference code or its id."""
    conditions = [
        column == value
        for column, value in (
            (orders.c.reference_code, work_order.reference_code),
            (orders.c.work_order_id, work_order.work_order_id),
        )
        if value is not None
    ]
    owners = (connection.execute(select(orders.c.id).where(condition)).scalar() for condition in conditions)
    return next((order_id for order_id in owners if order_id is not None), None)


def find_linked(connection: Connection, work_orders: list[WorkOrder], *, besides: int) -> set[str | int]:
    """Return the reference codes and ids among `work_orders` that belong to any order but `besides`."""
    codes = [each.reference_code for each in work_orders if each.reference_code is not None]
    ids = [each.work_order_id for each in work_orders if each.work_order_id is not None]
    is_linked = or_(orders.c.reference_code.in_(codes), orders.c.work_order_id.in_(ids))
    rows = connection.execute(
        select(orders.c.reference_code, orders.c.work_order_id).where(is_linked, orders.c.id != besides)
    )
    return {name for row in rows for name in row if name is not None}


def find_lookalike(
    connection: Connection, *, fingerprint: str, besides: int, since: datetime, only_unconfirmed: bool = False
) -> OrderRow | None:
    """Return another order with this fingerprint whose call was sent after `since` and may have been carried out.

    `only_unconfirmed` leaves out the orders that an operator has closed.
    """
    in_doubt = select(orders).where(
        orders.c.likeness == fingerprint, text(IN_DOUBT), orders.c.first_sent_at > since, orders.c.id != besides
    )
    query = in_doubt.where(orders.c.state == OrderState.UNCONFIRMED) if only_unconfirmed else in_doubt
    return fetch_one(connection, query.order_by(orders.c.id).limit(1), {}, OrderRow)


def continuation(connection: Connection, *, store: str, woo_order_id: int) -> dict[str, Any]:
    """Return what is stored of an order that continues another one; {} for nothing."""
    query = select(orders.c.continuation).where(_OF_STORE)
    return connection.execute(query, {"of_store": store, "of_woo_order_id": woo_order_id}).scalar() or {}


def evaluate_again(connection: Connection, woo_order_ids: Collection[int], *, store: str) -> None:
    """Let the worker evaluate those of the orders that are held, as after a change of the mappings."""
    is_one = and_(orders.c.store == store, orders.c.woo_order_id.in_(woo_order_ids))
    held = select(orders.c.id).where(is_one, orders.c.state == OrderState.HELD).order_by(orders.c.id).with_for_update()
    ids = connection.execute(held).scalars().all()
    if not ids:
        return
    connection.execute(_NOTE_STORE, {"store": store, "revision": 0})
    values = {"awaits_mapping": True, "mapping_revision": -1}
    connection.execute(update(orders).where(orders.c.id.in_(ids)).values(values))


def list_behind_mappings(connection: Connection, *, limit: int) -> list[int]:
    """Return the ids of orders that wait for a mapping and were decided before the last change of their store's."""
    ids: list[int] = []
    # one store at a time: for all at once, PostgreSQL reads every waiting order, however few are behind
    for store, revision in connection.execute(_REVISIONS).all():
        values = {"limit": limit - len(ids), "of_store": store, "revision": revision}
        ids += connection.execute(_BEHIND_REVISION, values).scalars()
    return ids
