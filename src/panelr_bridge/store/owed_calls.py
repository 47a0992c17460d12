"""Owed calls: the call that an order owes Panelr is stored in the order's own row, and the row is the queue.

The process that holds the lease makes the call. The lease is also the fence: a process that resumes after its lease
has expired cannot overwrite what happened since. Most functions here return columns, because the call changes together
with its order: the caller writes them with the order's other columns while it holds the row's lock.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Text, and_, bindparam, case, cast, func, or_, select, text, update

from panelr_bridge.domain.models import CallAction
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.rows import OrderRow, OwedCallColumns, OwedCallView, ShownOrderRow, fetch_one
from panelr_bridge.store.tables import LOOKED_UP, SENDING, WAITS, Columns, orders

NO_OWED_CALL: OwedCallColumns = {
    "owes": None,
    "owes_since": None,
    "tries": None,
    "not_found_since": None,
    "next_attempt_at": None,
    "call_until": None,
    "call_slot": None,
    "waits_for_outage": False,
}
"""The columns of an order that owes no call."""
_NO_LEASE: Columns = {"call_until": None, "call_slot": None}
DUE: Select[Any] = (
    select(orders)
    .where(text(WAITS), orders.c.owes == bindparam("owed"), orders.c.next_attempt_at <= bindparam("now"))
    .order_by(orders.c.next_attempt_at, orders.c.id)
    .limit(1)
    # PostgreSQL evaluates the conditions again on the row that it locks, after other transactions have committed
    .with_for_update(skip_locked=True)
)
_NEXT_AT = select(func.min(orders.c.next_attempt_at)).where(text(WAITS), orders.c.owes == bindparam("owed"))
_ENDED_LEASES = [
    select(orders)
    .where(text(is_leased), orders.c.call_until < bindparam("now"))
    .order_by(orders.c.call_until)
    .limit(1)
    .with_for_update(skip_locked=True)
    for is_leased in (SENDING, LOOKED_UP)
]


_RELEASE_OUTAGE = (
    update(orders)
    .where(
        orders.c.id.in_(
            select(orders.c.id)
            .where(text("waits_for_outage"))
            .order_by(orders.c.id)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        next_attempt_at=case(
            (orders.c.owes_since < bindparam("now"), orders.c.owes_since),
            else_=bindparam("now", type_=UtcDateTime()),
        ),
        waits_for_outage=False,
    )
)
_TRIED_LATER = (
    update(orders)
    .where(
        text(WAITS),
        orders.c.owes == bindparam("owed"),
        orders.c.next_attempt_at > bindparam("latest"),
        orders.c.tries > 0,  # a call that backfill spreads over time was not tried yet
    )
    .values(next_attempt_at=bindparam("now", type_=UtcDateTime()))
)
_OWED_LATER = (
    update(orders)
    .where(text(WAITS), orders.c.owes_since > bindparam("soon"))
    .values(next_attempt_at=bindparam("now", type_=UtcDateTime()), owes_since=bindparam("now", type_=UtcDateTime()))
)
_LEASED_LONGER = [
    update(orders)
    .where(text(is_leased), orders.c.call_until > bindparam("latest"))
    .values(call_until=bindparam("now", type_=UtcDateTime()))
    for is_leased in (SENDING, LOOKED_UP)
]
_COUNT_WAITING = (
    select(func.count()).select_from(orders).where(text(WAITS), orders.c.owes.in_([str(each) for each in CallAction]))
)
_OLDEST_OWED = select(func.min(orders.c.owes_since)).where(text(WAITS))
# a call that is repeated because nothing was found after a lost answer, again and again
_OLDEST_FAILING = select(func.min(orders.c.owes_since)).where(
    text(WAITS),
    or_(
        orders.c.waits_for_outage,
        and_(
            orders.c.owes == CallAction.LOOK_UP,
            orders.c.attempts > 1,
            cast(orders.c.reasons, Text).not_like('%"blocked"%'),
        ),
    ),
)
_OLDEST_IN_OUTAGE = select(func.min(orders.c.owes_since)).where(text("waits_for_outage"))


def owed_columns(
    *, action: CallAction, due: datetime, now: datetime, lease_until: datetime | None = None, slot: int | None = None
) -> OwedCallColumns:
    """Return the columns of an order that owes `action` from `due` on.

    With `lease_until` and `slot` the call is claimed at once, as its first try.
    """
    return {
        "owes": action,
        "owes_since": now,
        "tries": 0 if lease_until is None else 1,
        "not_found_since": None,
        "next_attempt_at": due,
        "call_until": lease_until,
        "call_slot": slot,
        "waits_for_outage": False,
    }


def lease_columns(*, tries: int, until: datetime, slot: int | None) -> Columns:
    """Return the columns that claim the call for try number `tries`, with a slot of the rate limit."""
    return {"tries": tries, "call_until": until, "call_slot": slot, "waits_for_outage": False}


def release_columns(*, due: datetime, waits_for_outage: bool = False) -> Columns:
    """Return the columns that release the lease; the same action is owed again at `due`, or when an outage ends."""
    return _NO_LEASE | {"next_attempt_at": due, "waits_for_outage": waits_for_outage}


def switch_columns(*, action: CallAction, due: datetime) -> Columns:
    """Return the columns that release the lease; another action is owed at `due`, with no tries so far."""
    return release_columns(due=due) | {"owes": action, "tries": 0, "not_found_since": None}


def not_found_columns(*, since: datetime, due: datetime) -> Columns:
    """Return the columns that release the lease of a look-up without a result; the next one is owed at `due`.

    `since` is when the first such look-up ended.
    """
    return release_columns(due=due) | {"not_found_since": since}


def holds(row: OrderRow, *, lease_until: datetime) -> bool:
    """Return whether the locked order `row` still has the lease that ends at `lease_until`."""
    return bool(row["call_until"] == lease_until)


def next_due(
    connection: Connection, *, now: datetime, first: CallAction = CallAction.CREATE_WORK_ORDER
) -> OrderRow | None:
    """Return the order with the longest due, unclaimed call, and lock its row until the transaction ends.

    Orders that owe `first` precede all others.
    """
    for action in sorted(CallAction, key=lambda each: each is not first):
        row = fetch_one(connection, DUE, {"now": now, "owed": action}, OrderRow)
        if row is not None:
            return row
    return None


def ended_lease(connection: Connection, *, now: datetime) -> OrderRow | None:
    """Return an order whose call's lease has expired without an outcome, and lock its row."""
    for query in _ENDED_LEASES:
        row = fetch_one(connection, query, {"now": now}, OrderRow)
        if row is not None:
            return row
    return None


def release_outage(connection: Connection, *, now: datetime, limit: int) -> int:
    """Make up to `limit` calls due that wait for the end of an outage, oldest orders first; return their number."""
    return connection.execute(_RELEASE_OUTAGE, {"now": now, "limit": limit}).rowcount


def count_waiting(connection: Connection) -> int:
    """Return how many calls are owed and not under way."""
    return int(connection.execute(_COUNT_WAITING).scalar_one())


def bring_back(connection: Connection, *, now: datetime, soon: datetime, latest: datetime) -> int:
    """Make calls due that a clock far ahead put off, and end its leases; return their number.

    No retry and no lease is later than `latest`, and no call came to be owed after `soon`.
    """
    values = {"now": now, "latest": latest, "soon": soon}
    changed = sum(connection.execute(_TRIED_LATER, values | {"owed": action}).rowcount for action in CallAction)
    return changed + sum(connection.execute(each, values).rowcount for each in (_OWED_LATER, *_LEASED_LONGER))


def oldest_owed(connection: Connection) -> datetime | None:
    """Return since when the oldest unclaimed call has been owed; None if no call waits."""
    since: datetime | None = connection.execute(_OLDEST_OWED).scalar()
    return since


def oldest_failing(connection: Connection) -> datetime | None:
    """Return since when the oldest call has been owed of those that fail again and again; None if there is none.

    A blocked order is not among them: it is its own problem, and is held soon.
    """
    since: datetime | None = connection.execute(_OLDEST_FAILING).scalar()
    return since


def oldest_in_outage(connection: Connection) -> datetime | None:
    """Return since when the oldest call has been owed of those that wait for the end of an outage."""
    since: datetime | None = connection.execute(_OLDEST_IN_OUTAGE).scalar()
    return since


def next_at(connection: Connection) -> datetime | None:
    """Return when the next call is due, which may be in the past; None if no call waits."""
    times = [connection.execute(_NEXT_AT, {"owed": action}).scalar() for action in CallAction]
    return min((time for time in times if time is not None), default=None)


def call_of(row: ShownOrderRow) -> OwedCallView | None:
    """Return the call that an order owes, under the names of the admin API; None if it owes none."""
    action, tries, due, since = row["owes"], row["tries"], row["next_attempt_at"], row["owes_since"]
    if action is None or tries is None or due is None or since is None:  # a constraint: all of them or none
        return None
    return {
        "store": row["store"],
        "action": action,
        "attempt": tries,
        "empty_since": row["not_found_since"],
        "next_attempt_at": due,
        "lease_until": row["call_until"],
        "owed_since": since,
    }


def requests_on_the_wire(connection: Connection, *, besides: int) -> list[str]:
    """Return the bodies of the create calls in progress for orders other than `besides`."""
    query = select(orders.c.request).where(text(SENDING), orders.c.id != besides)
    return [body for body in connection.execute(query).scalars() if body is not None]
