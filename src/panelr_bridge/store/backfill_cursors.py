"""How far each store has been asked for its orders. One process at a time walks a store: it holds the row's lease."""

import functools
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from panelr_bridge.store.tables import Row, marks, orders

ORDERS = "orders"
LONG = timedelta(days=366)
"""No walk is put off for as long as this."""
_C = marks.c
_NOTHING: Row = dict.fromkeys(("looked_at", "known", "found", "failed", "found_in_all", "failures"), 0)
_BEGIN = {
    "postgresql": postgresql.insert(marks).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(marks).on_conflict_do_nothing(),
}
_IS = and_(_C.store == bindparam("of_store"), _C.kind == bindparam("of_kind"))
_FIND = select(marks).where(_IS)
_FREE = or_(_C.lease_until.is_(None), _C.lease_until < bindparam("now"), _C.holder == bindparam("of_holder"))
_TAKE = (
    update(marks)
    .where(_IS, _FREE, _C.next_at <= bindparam("due"))
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
_KNOWN = select(
    orders.c.woo_order_id,
    orders.c.woo_modified_at,
    orders.c.woo_status,
    orders.c.woo_total,
    orders.c.snapshot_sha256,
    orders.c.state,
).where(orders.c.store == bindparam("of_store"), orders.c.woo_order_id.in_(bindparam("ids", expanding=True)))


def create(connection: Connection, *, store: str, moment: datetime, now: datetime) -> None:
    """Make a store's mark at `moment`, if it has none; it is due at once."""
    values = _NOTHING | {"store": store, "kind": ORDERS, "moment": moment, "next_at": now}
    connection.execute(_BEGIN[connection.dialect.name], values)


def acquire_lease(
    connection: Connection, *, store: str, holder: str, until: datetime, now: datetime, at_once: bool = False
) -> Row | None:
    """Take the lease of a store's walk; None where another has it, or none is due yet, unless it is to be `at_once`."""
    due = now + LONG if at_once else now
    values = _of(store) | {"of_holder": holder, "until": until, "now": now, "due": due}
    found = connection.execute(_TAKE, values).mappings().one_or_none()
    return None if found is None else dict(found)


def save(connection: Connection, values: Row, *, store: str, holder: str) -> bool:
    """Write `values` into a store's mark; returns whether `holder` still has its lease."""
    fence = _of(store) | {"of_holder": holder}
    return connection.execute(_changing(frozenset(values)), values | fence).rowcount == 1


def get(connection: Connection, *, store: str) -> Row | None:
    """Return a store's mark."""
    found = connection.execute(_FIND, _of(store)).mappings().one_or_none()
    return None if found is None else dict(found)


def list_all(connection: Connection) -> list[Row]:
    """Return the marks of all stores."""
    return [dict(row) for row in connection.execute(select(marks).order_by(_C.store)).mappings()]


def known_orders(connection: Connection, *, store: str, ids: list[int]) -> dict[int, Row]:
    """Return what is known of those of a store's orders that have rows, by WooCommerce's ids."""
    rows = connection.execute(_KNOWN, {"of_store": store, "ids": ids}).mappings()
    return {row["woo_order_id"]: dict(row) for row in rows}


def _of(store: str) -> Row:
    return {"of_store": store, "of_kind": ORDERS}


@functools.cache
def _changing(columns: frozenset[str]) -> Update:
    written: dict[str, Any] = {name: bindparam(name, type_=_C[name].type) for name in sorted(columns)}
    return update(marks).where(_IS, _C.holder == bindparam("of_holder")).values(written)
