"""What is owed to Panelr: the row is the queue. Whoever holds a row's lease makes its call.

The lease is the fence: a process that wakes up after its lease has ended cannot write over what happened since.
"""

import functools
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    select,
    text,
    true,
    update,
)

from panelr_bridge.store.prepared import Prepared
from panelr_bridge.store.tables import LOOKED_UP, SENDING, Row, attempts, orders, outbox
from panelr_bridge.values import Action, State


def _adding(table: Table) -> Prepared:
    columns = {column.name: bindparam(column.name, type_=column.type) for column in table.c if column.name != "id"}
    return Prepared(insert(table).values(columns))


_ADD = _adding(outbox)
_ATTEMPT = _adding(attempts)
_IS_ORDERS = outbox.c.order_id == bindparam("of_order")
_REMOVE = Prepared(delete(outbox).where(_IS_ORDERS))
_OF_ORDER = select(outbox).where(_IS_ORDERS)
DUE: Select[Any] = (
    select(
        outbox.c.action,
        outbox.c.attempt,
        outbox.c.empty_since,
        outbox.c.owed_since,
        orders,
    )
    .join_from(outbox, orders, orders.c.id == outbox.c.order_id)
    .where(
        outbox.c.lease_until.is_(None),
        outbox.c.action == bindparam("owed"),
        outbox.c.next_attempt_at <= bindparam("now"),
        # no condition that an index of the orders could serve: the way is from what is due to its order, also where
        # PostgreSQL takes an old count of queued orders for the present one
        case((orders.c.state == bindparam("state"), true()), else_=false()),
    )
    .order_by(outbox.c.next_attempt_at, outbox.c.order_id)
    .limit(1)
    # both rows: PostgreSQL looks again at those that it locks, and only at those, once others have committed
    .with_for_update(of=[orders, outbox], skip_locked=True)
)
_STATES = {Action.CREATE_WORK_ORDER: State.QUEUED, Action.LOOK_UP: State.UNCONFIRMED}
_NEXT = select(func.min(outbox.c.next_attempt_at)).where(
    outbox.c.lease_until.is_(None), outbox.c.action == bindparam("owed")
)
SENT = outbox.c.order_id.in_(text(f"SELECT id FROM orders WHERE {SENDING}"))  # noqa: S608  our own words
"""Of what an order owes: its create call is under way. Few are, and an index has them, for SQLite in these words."""
_ENDED = [
    select(outbox.c.action, outbox.c.attempt, outbox.c.lease_until, outbox.c.slot, orders)
    .join_from(outbox, orders, orders.c.id == outbox.c.order_id)
    .where(under_way, outbox.c.lease_until < bindparam("now"))
    .order_by(outbox.c.lease_until)
    .limit(1)
    # of both: a state that another transaction has just changed is looked at again
    .with_for_update(of=[orders, outbox], skip_locked=True)
    for under_way in (and_(SENT, orders.c.state == State.SENDING), text(LOOKED_UP))
]


_UNTRIED = (
    update(outbox)
    .where(_IS_ORDERS)
    .values(
        lease_until=bindparam("lease_until"),
        next_attempt_at=bindparam("next_attempt_at"),
        attempt=outbox.c.attempt - 1,
    )
)


def owed(
    *,
    store: str,
    action: Action,
    due: datetime,
    now: datetime,
    lease_until: datetime | None = None,
    slot: int | None = None,
) -> Row:
    """Return the row of an order that owes `action` from `due` on, but for the order's id.

    With `lease_until` and `slot` the caller makes the call itself, now.
    """
    return {
        "store": store,
        "action": action,
        "attempt": 0 if lease_until is None else 1,
        "empty_since": None,
        "next_attempt_at": due,
        "lease_until": lease_until,
        "slot": slot,
        "owed_since": now,
    }


def add(connection: Connection, *, store: str, order_id: int, action: Action, due: datetime, now: datetime) -> None:
    """Owe `action` for an order from `due` on."""
    put(connection, owed(store=store, action=action, due=due, now=now) | {"order_id": order_id})


def put(connection: Connection, values: Row) -> None:
    """Write what an order owes: `owed` with its `order_id`."""
    _ADD.run(connection, values)


def of_order(connection: Connection, order_id: int) -> Row | None:
    """Return what an order owes."""
    found = connection.execute(_OF_ORDER, {"of_order": order_id}).mappings().one_or_none()
    return None if found is None else dict(found)


def next_due(connection: Connection, *, now: datetime, first: Action = Action.CREATE_WORK_ORDER) -> Row | None:
    """Return the longest due row that nobody works on, joined to its order, which stays locked until the commit.

    One that owes `first` goes before one that owes anything else, however long that has been due.
    """
    for action in sorted(_STATES, key=lambda each: each is not first):
        values = {"now": now, "owed": action, "state": _STATES[action]}
        found = connection.execute(DUE, values).mappings().one_or_none()
        if found is not None:
            return dict(found)
    return None


def ended_lease(connection: Connection, *, now: datetime) -> Row | None:
    """Return a row whose lease has ended without an outcome, joined to its order, which stays locked."""
    for ended in _ENDED:
        found = connection.execute(ended, {"now": now}).mappings().one_or_none()
        if found is not None:
            return dict(found)
    return None


def next_at(connection: Connection) -> datetime | None:
    """Return when the next row falls due; it may be past."""
    moments = [connection.execute(_NEXT, {"owed": action}).scalar() for action in _STATES]
    return min((moment for moment in moments if moment is not None), default=None)


def lease(connection: Connection, order_id: int, *, attempt: int, until: datetime, slot: int | None) -> None:
    """Take the lease of a locked order's row, with a slot of the rate limit: this is try number `attempt` now."""
    _change(connection, order_id, {"attempt": attempt, "lease_until": until, "slot": slot})


def put_back(connection: Connection, order_id: int, *, due: datetime, tried: bool = True) -> None:
    """Give the lease back; the same action is owed again at `due`. A try that was none (`tried`) is not counted."""
    values = {"lease_until": None, "next_attempt_at": due}
    if tried:
        _change(connection, order_id, values)
    else:
        connection.execute(_UNTRIED, values | {"of_order": order_id})


def switch(connection: Connection, order_id: int, *, action: Action, due: datetime) -> None:
    """Give the lease back and owe another action instead, from its first try on."""
    _change(
        connection,
        order_id,
        {"lease_until": None, "next_attempt_at": due, "action": action, "attempt": 0, "empty_since": None},
    )


def found_nothing(connection: Connection, order_id: int, *, since: datetime, due: datetime) -> None:
    """Note that look-ups have found nothing since `since`; the next one is owed at `due`."""
    _change(connection, order_id, {"lease_until": None, "next_attempt_at": due, "empty_since": since})


def remove(connection: Connection, order_id: int) -> None:
    """Owe nothing for an order any more."""
    _REMOVE.run(connection, {"of_order": order_id})


def holds(connection: Connection, order_id: int, *, lease_until: datetime) -> bool:
    """Return whether a locked order still waits for the holder of this very lease."""
    row = of_order(connection, order_id)
    return row is not None and row["lease_until"] == lease_until


def note_attempt(connection: Connection, values: Row) -> None:
    """Write one row into the attempts."""
    _ATTEMPT.run(connection, values)


def requests_on_the_wire(connection: Connection, *, besides: int) -> list[str]:
    """Return the bodies of the create calls that are under way for other orders."""
    wanted = select(orders.c.request).where(text(SENDING), orders.c.id != besides)
    return [body for body in connection.execute(wanted).scalars() if body is not None]


def _change(connection: Connection, order_id: int, values: Row) -> None:
    connection.execute(_changing(frozenset(values)), values | {"of_order": order_id})


@functools.cache
def _changing(columns: frozenset[str]) -> Update:
    """Return the statement that writes these columns of an order's row: built once, as in orders.py."""
    written = {name: bindparam(name, type_=outbox.c[name].type) for name in sorted(columns)}
    return update(outbox).where(_IS_ORDERS).values(written)
