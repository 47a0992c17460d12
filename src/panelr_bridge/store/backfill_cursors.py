"""Backfill cursors, in the table `marks`: up to which modification time each store's orders have been fetched.

The process that holds a cursor's lease makes the store's backfill run.
"""

import functools
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from panelr_bridge.domain.models import OrderState
from panelr_bridge.store.rows import BackfillCursorRow, KnownOrderRow, fetch_all, fetch_one
from panelr_bridge.store.tables import Columns, deliveries, marks, orders

ORDERS = "orders"
ANY_DELAY = timedelta(days=366)
"""Longer than any run is ever postponed."""
_C = marks.c
_ZERO_COUNTS: Columns = dict.fromkeys(("looked_at", "known", "found", "failed", "found_in_all", "failures"), 0)
_INSERT = {
    "postgresql": postgresql.insert(marks).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(marks).on_conflict_do_nothing(),
}
_IS_OF_STORE = and_(_C.store == bindparam("of_store"), _C.kind == bindparam("of_kind"))
_FIND = select(marks).where(_IS_OF_STORE)
_IS_FREE = or_(_C.lease_until.is_(None), _C.lease_until < bindparam("now"), _C.holder == bindparam("of_holder"))
_ACQUIRE_LEASE = (
    update(marks)
    .where(_IS_OF_STORE, _IS_FREE, _C.next_at <= bindparam("due"))
    .values(
        holder=bindparam("of_holder"),
        lease_until=bindparam("until"),
        began_at=bindparam("now"),
        looked_at=0,
        known=0,
        found=0,
        failed=0,
    )
    .returning(*marks.c)
)
KNOWN_ORDERS = select(
    orders.c.woo_order_id,
    orders.c.woo_modified_at,
    orders.c.woo_status,
    orders.c.woo_total,
    orders.c.snapshot_sha256,
    orders.c.state,
).where(orders.c.store == bindparam("of_store"), orders.c.woo_order_id.in_(bindparam("ids", expanding=True)))


_IGNORED = select(orders.c.woo_order_id, orders.c.reasons).where(
    orders.c.store == bindparam("of_store"),
    orders.c.woo_order_id.in_(bindparam("ids", expanding=True)),
    orders.c.state == OrderState.IGNORED,
)
_REPORTED = (
    select(orders.c.woo_order_id, orders.c.woo_modified_at, deliveries.c.headers)
    .join(deliveries, deliveries.c.id == orders.c.delivery_id)
    .where(orders.c.store == bindparam("of_store"), orders.c.woo_order_id.in_(bindparam("ids", expanding=True)))
)


def create(connection: Connection, *, store: str, moment: datetime, now: datetime) -> None:
    """Create a store's cursor at `moment`, if it has none; its first run is due at once."""
    values = _ZERO_COUNTS | {"store": store, "kind": ORDERS, "moment": moment, "next_at": now}
    connection.execute(_INSERT[connection.dialect.name], values)


def acquire_lease(
    connection: Connection, *, store: str, holder: str, until: datetime, now: datetime, at_once: bool = False
) -> BackfillCursorRow | None:
    """Acquire the lease of a store's cursor, reset the run's counts and return the row.

    Returns None if another process holds the lease, or if no run is due; with `at_once` a run is always due.
    """
    due = now + ANY_DELAY if at_once else now
    values = _store_values(store) | {"of_holder": holder, "until": until, "now": now, "due": due}
    return fetch_one(connection, _ACQUIRE_LEASE, values, BackfillCursorRow)


def save(connection: Connection, values: Columns, *, store: str, holder: str) -> bool:
    """Update a store's cursor if `holder` still has its lease; return whether it has."""
    fence = _store_values(store) | {"of_holder": holder}
    return connection.execute(_build_update(frozenset(values)), values | fence).rowcount == 1


def get(connection: Connection, *, store: str) -> BackfillCursorRow | None:
    """Return a store's cursor; None if it has none."""
    return fetch_one(connection, _FIND, _store_values(store), BackfillCursorRow)


def list_all(connection: Connection) -> list[BackfillCursorRow]:
    """Return the cursors of all stores."""
    return fetch_all(connection, select(marks).order_by(_C.store), {}, BackfillCursorRow)


def known_orders(connection: Connection, *, store: str, ids: list[int]) -> dict[int, KnownOrderRow]:
    """Return the stored orders among `ids` by their WooCommerce ids, with the columns that a backfill run compares."""
    rows = fetch_all(connection, KNOWN_ORDERS, {"of_store": store, "ids": ids}, KnownOrderRow)
    return {row["woo_order_id"]: row for row in rows}


def ignored_orders(connection: Connection, *, store: str, ids: list[int], code: str) -> frozenset[int]:
    """Return the WooCommerce ids of the orders among `ids` that are ignored with the reason `code`."""
    rows = connection.execute(_IGNORED, {"of_store": store, "ids": ids})
    return frozenset(row.woo_order_id for row in rows if any(reason["code"] == code for reason in row.reasons))


def reported_modifications(connection: Connection, *, store: str, ids: list[int]) -> dict[int, datetime]:
    """Return the modifications of the orders whose newest snapshot came by a webhook, by their WooCommerce ids."""
    rows = connection.execute(_REPORTED, {"of_store": store, "ids": ids})
    return {
        row.woo_order_id: row.woo_modified_at
        for row in rows
        if row.woo_modified_at is not None and "source" not in (row.headers or {})
    }


def _store_values(store: str) -> Columns:
    return {"of_store": store, "of_kind": ORDERS}


@functools.cache
def _build_update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name, type_=_C[name].type) for name in sorted(columns)}
    return update(marks).where(_IS_OF_STORE, _C.holder == bindparam("of_holder")).values(values)
