"""What an order owes Panelr: the row is the queue. Whoever holds its lease makes the call.

The lease is the fence: a process that wakes up after its lease has ended cannot write over what happened since. What
is owed is part of the order's own row, so it changes with the order or not at all: most functions here return columns,
which whoever holds the row writes with the others.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from panelr_bridge.domain.models import CallAction
from panelr_bridge.store.tables import LOOKED_UP, SENDING, WAITS, Row, orders

NOTHING: Row = dict.fromkeys(
    ("owes", "owes_since", "tries", "not_found_since", "next_attempt_at", "call_until", "call_slot")
)
"""The columns of an order that owes nothing."""
_FREE: Row = {"call_until": None, "call_slot": None}
DUE: Select[Any] = (
    select(orders)
    .where(text(WAITS), orders.c.owes == bindparam("owed"), orders.c.next_attempt_at <= bindparam("now"))
    .order_by(orders.c.next_attempt_at, orders.c.id)
    .limit(1)
    # PostgreSQL looks again at the row that it locks, once others have committed
    .with_for_update(skip_locked=True)
)
_NEXT = select(func.min(orders.c.next_attempt_at)).where(text(WAITS), orders.c.owes == bindparam("owed"))
_ENDED = [
    select(orders)
    .where(text(under_way), orders.c.call_until < bindparam("now"))
    .order_by(orders.c.call_until)
    .limit(1)
    .with_for_update(skip_locked=True)
    for under_way in (SENDING, LOOKED_UP)
]


def owed(
    *, action: CallAction, due: datetime, now: datetime, lease_until: datetime | None = None, slot: int | None = None
) -> Row:
    """Return the columns of an order that owes `action` from `due` on.

    With `lease_until` and `slot` the caller makes the call itself, now.
    """
    return {
        "owes": action,
        "owes_since": now,
        "tries": 0 if lease_until is None else 1,
        "not_found_since": None,
        "next_attempt_at": due,
        "call_until": lease_until,
        "call_slot": slot,
    }


def leased(*, tries: int, until: datetime, slot: int | None) -> Row:
    """Return the columns that take the lease, with a slot of the rate limit: this is try number `tries` now."""
    return {"tries": tries, "call_until": until, "call_slot": slot}


def put_back(*, due: datetime) -> Row:
    """Return the columns that give the lease back; the same action is owed again at `due`."""
    return _FREE | {"next_attempt_at": due}


def switched(*, action: CallAction, due: datetime) -> Row:
    """Return the columns that give the lease back and owe another action instead, from its first try on."""
    return put_back(due=due) | {"owes": action, "tries": 0, "not_found_since": None}


def found_nothing(*, since: datetime, due: datetime) -> Row:
    """Return the columns that tell that look-ups have found nothing since `since`; the next one is owed at `due`."""
    return put_back(due=due) | {"not_found_since": since}


def holds(row: Row, *, lease_until: datetime) -> bool:
    """Return whether a locked order still waits for the holder of this very lease."""
    return bool(row["call_until"] == lease_until)


def next_due(connection: Connection, *, now: datetime, first: CallAction = CallAction.CREATE_WORK_ORDER) -> Row | None:
    """Return the order whose call has been due the longest and that nobody makes; it stays locked until the commit.

    One that owes `first` goes before one that owes anything else, however long that has been due.
    """
    for action in sorted(CallAction, key=lambda each: each is not first):
        found = connection.execute(DUE, {"now": now, "owed": action}).mappings().one_or_none()
        if found is not None:
            return dict(found)
    return None


def ended_lease(connection: Connection, *, now: datetime) -> Row | None:
    """Return an order whose call's lease has ended without an outcome; it stays locked until the commit."""
    for ended in _ENDED:
        found = connection.execute(ended, {"now": now}).mappings().one_or_none()
        if found is not None:
            return dict(found)
    return None


def next_at(connection: Connection) -> datetime | None:
    """Return when the next call falls due; it may be past."""
    moments = [connection.execute(_NEXT, {"owed": action}).scalar() for action in CallAction]
    return min((moment for moment in moments if moment is not None), default=None)


def call_of(row: Row) -> Row | None:
    """Return the call that an order owes, as people are told of it."""
    if row["owes"] is None:
        return None
    return {
        "store": row["store"],
        "action": row["owes"],
        "attempt": row["tries"],
        "empty_since": row["not_found_since"],
        "next_attempt_at": row["next_attempt_at"],
        "lease_until": row["call_until"],
        "owed_since": row["owes_since"],
    }


def requests_on_the_wire(connection: Connection, *, besides: int) -> list[str]:
    """Return the bodies of the create calls that are under way for other orders."""
    wanted = select(orders.c.request).where(text(SENDING), orders.c.id != besides)
    return [body for body in connection.execute(wanted).scalars() if body is not None]
