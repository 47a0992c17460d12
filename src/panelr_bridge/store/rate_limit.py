"""Panelr's rate limit, shared by every process on the database, and the gate that pauses all Panelr calls.

Only the probe closes and opens the gate; while it is closed, only the probe gets a slot.

There is one slot, a row in `rate_slots`, for each call that a minute allows. A call takes a free slot, and the slot is
free again a minute after the call was sent. No slot is taken twice in any 60 seconds, so there are never more calls
than slots. Processes never wait for each other: SKIP LOCKED on PostgreSQL, one writer on SQLite.

Slots form a ring. The search starts at the slot released longest ago, so `used_at` needs no index and the first row
that is read is mostly free. The start slot follows from the time: it goes round the ring once a minute.

Time is PostgreSQL's statement_timestamp(), so that machines with different clocks share one minute. SQLite has no clock
of its own: there it is the caller's `now`, and every process on the file runs on the same machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Interval, TextClause, bindparam, text

from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import IN_DOUBT, Columns

MINUTE = timedelta(seconds=60)
SLACK = timedelta(seconds=1)
"""How long after taking its slot a call may be sent; a call that takes longer must `keep` its slot."""
TAKEN = MINUTE + SLACK
"""How long a slot stays taken."""
PROBE = timedelta(seconds=60)
"""The probe's lease: if its outcome is not recorded by then, the next probe may go."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_TIME_SQL: Mapping[str, Columns] = {
    "postgresql": {
        "now": "statement_timestamp()",
        "free_since": "(statement_timestamp() - :window)",
        "ahead": "(statement_timestamp() + :window)",
        "until": "(statement_timestamp() + :pause)",
        "latest": "(statement_timestamp() + :longest)",
        "lock": " FOR UPDATE SKIP LOCKED",
    },
    "sqlite": {
        "now": ":now",
        "free_since": ":free_since",
        "ahead": ":ahead",
        "until": ":until",
        "latest": ":latest",
        "lock": "",
    },
}
_TYPES: Mapping[str, Any] = {
    "now": UtcDateTime(),
    "free_since": UtcDateTime(),
    "ahead": UtcDateTime(),
    "until": UtcDateTime(),
    "latest": UtcDateTime(),
    "doubtful_since": UtcDateTime(),
    "window": Interval(),
    "pause": Interval(),
    "longest": Interval(),
}


def _for_each_dialect(template: str, **columns: Any) -> Mapping[str, Any]:
    """Return a statement for each database; `columns` gives the types of the columns that it returns."""
    statements = {dialect: typed(sql) for dialect, sql in _format_times(template).items()}
    return {dialect: each.columns(**columns) for dialect, each in statements.items()} if columns else statements


def _format_times(template: str) -> Mapping[str, str]:
    """Return each database's SQL: `template` names the times in braces."""
    return {dialect: template.format(**times) for dialect, times in _TIME_SQL.items()}


def typed(sql: str) -> TextClause:
    """Return a statement with the types of this module's parameters."""
    parameters = (bindparam(name, type_=type_) for name, type_ in _TYPES.items() if f":{name}" in sql)
    return text(sql).bindparams(*parameters)


_FIND_FREE = (
    "SELECT slot FROM rate_slots WHERE name = :name AND slot >= :start_slot AND slot <= :limit"
    " AND used_at <= {{free_since}}{condition} ORDER BY slot LIMIT 1{{lock}}"
)
_TAKE = "UPDATE rate_slots SET used_at = {{now}} WHERE name = :name AND slot = (" + _FIND_FREE + ") RETURNING slot"  # noqa: S608  our own words
_IS_OPEN = " AND NOT EXISTS (SELECT 1 FROM rate_limits g WHERE g.name = :name AND g.failures > 0)"
# Refuses a new call while another one is overdue, or while an order with the same fingerprint is being looked up.
_IS_FIRST = (
    # min(), because it reads one index entry: for EXISTS, PostgreSQL scans the table if it expects most calls to be due
    " AND coalesce((SELECT min(b.next_attempt_at) FROM orders b"
    " WHERE b.call_until IS NULL AND b.owes = 'create_work_order') > :now, TRUE)"
    " AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.likeness = :likeness AND o.state = 'unconfirmed'"
    " AND o.first_sent_at > :doubtful_since AND {in_doubt})"  # the partial index's exact condition, for SQLite
)
_MAY_GO_AHEAD = _IS_OPEN + _IS_FIRST.format(in_doubt=IN_DOUBT)
_TAKES = {
    "newcomer": CompiledStatement(_for_each_dialect(_TAKE.format(condition=_MAY_GO_AHEAD))),
    "queued": CompiledStatement(_for_each_dialect(_TAKE.format(condition=_IS_OPEN))),
    "probe": CompiledStatement(_for_each_dialect(_TAKE.format(condition=""))),
}
_LEASE_PROBE = _for_each_dialect(
    "UPDATE rate_limits SET closed_until = {until} WHERE name = :name AND failures > 0"
    # a clock that was ahead wrote a pause that is too long
    " AND (closed_until <= {now} OR closed_until > {latest}) AND EXISTS"
    " (SELECT 1 FROM rate_slots s WHERE s.name = :name AND s.slot <= :limit AND s.used_at <= {free_since})"
)
_KEEP = _for_each_dialect("UPDATE rate_slots SET used_at = {now} WHERE name = :name AND slot = :slot")
_RESET_AHEAD = _for_each_dialect("UPDATE rate_slots SET used_at = {now} WHERE name = :name AND used_at > {ahead}")
_CLOSE = _for_each_dialect(
    "INSERT INTO rate_limits (name, closed_until, failures, cause, words, closed_at)"
    " VALUES (:name, {until}, :failures, :cause, :words, {now})"
    " ON CONFLICT (name) DO UPDATE SET closed_until ="
    " CASE WHEN rate_limits.failures >= :failures"
    " AND rate_limits.closed_until > {until} AND rate_limits.closed_until <= {latest}"
    " THEN rate_limits.closed_until ELSE {until} END,"
    " failures = CASE WHEN rate_limits.failures > :failures THEN rate_limits.failures ELSE :failures END,"
    " closed_at = CASE WHEN rate_limits.failures > 0 AND (rate_limits.cause = 'throttled') = (:cause = 'throttled')"
    " THEN rate_limits.closed_at ELSE {now} END, cause = :cause, words = :words"
)
_OPEN = _for_each_dialect(
    "UPDATE rate_limits SET closed_until = {now}, failures = 0, cause = NULL, words = NULL, closed_at = NULL"
    " WHERE name = :name AND failures > 0"
)
_PROBE_NOW = _for_each_dialect(
    "UPDATE rate_limits SET closed_until = {now} WHERE name = :name AND failures > 0 AND closed_until > {now}"
    " AND (:even_if_throttled OR cause <> 'throttled')"
)
_GATE = text("SELECT closed_until, failures, cause, words, closed_at FROM rate_limits WHERE name = :name").columns(
    closed_until=UtcDateTime, closed_at=UtcDateTime
)
_OLDEST_USE = _for_each_dialect(
    "SELECT min(used_at) AS used_at, {now} AS database_now FROM rate_slots WHERE name = :name AND slot <= :limit",
    used_at=UtcDateTime,
    database_now=UtcDateTime,
)
_ADD_SLOT = text(
    "INSERT INTO rate_slots (name, slot, used_at) VALUES (:name, :slot, :never) ON CONFLICT (name, slot) DO NOTHING"
).bindparams(bindparam("never", type_=UtcDateTime))
_ESTIMATED_SLOTS = "SELECT reltuples FROM pg_class WHERE oid = 'rate_slots'::regclass"
"""The number of slots in PostgreSQL's statistics; below zero if it has none."""
_OCCUPY_ALL = _for_each_dialect(
    "UPDATE rate_slots SET used_at = {now} WHERE name = :name AND slot <= :limit AND EXISTS"
    " (SELECT 1 FROM rate_slots s WHERE s.name = :name AND s.slot > :limit AND s.used_at > {free_since})"
)


@dataclass(frozen=True, slots=True)
class RateSlot:
    """A slot taken for one call."""

    number: int


@dataclass(frozen=True, slots=True)
class ProbeSlot(RateSlot):
    """A slot taken for the probe. `failures` counts the probes that failed before; above 0, the gate is closed."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class GateStatus:
    """Why the gate is closed, since when, and until when."""

    closed_until: datetime
    failures: int
    cause: str
    words: str
    closed_at: datetime


def prepare(connection: Connection, *, name: str, limit: int, now: datetime) -> None:
    """Create the slots that `take` needs; `limit` is the number of calls in a minute.

    If the limit was lowered and a slot above it is still taken, every slot is taken for a minute.
    """
    connection.execute(_ADD_SLOT, [{"name": name, "slot": slot, "never": NEVER} for slot in range(1, limit + 1)])
    connection.execute(_OCCUPY_ALL[connection.dialect.name], {"name": name, "limit": limit, **_time_values(now)})
    if connection.dialect.name == "postgresql":
        estimate = connection.exec_driver_sql(_ESTIMATED_SLOTS).scalar_one()
        if estimate < limit:  # for few rows, it reads and sorts all of them instead of stopping at the first free one
            connection.exec_driver_sql("ANALYZE rate_slots")


def take_ahead(
    connection: Connection, *, name: str, limit: int, now: datetime, fingerprint: str, doubtful_since: datetime
) -> RateSlot | None:
    """Take a slot for a new call, which has not waited.

    Returns None if another call is due, the gate is closed, no slot is free, or an order with the same `fingerprint`
    that was first sent after `doubtful_since` is still being looked up.
    """
    values = take_ahead_values(name=name, limit=limit, now=now, fingerprint=fingerprint, doubtful_since=doubtful_since)
    return _take(connection, "newcomer", values)


def take_ahead_sql(condition: str) -> Mapping[str, str]:
    """Return each database's SQL that takes a slot as `take_ahead` does, if `condition` is met too."""
    return _format_times(_TAKE.format(condition=f"{_MAY_GO_AHEAD}{condition}"))


def take_ahead_values(*, name: str, limit: int, now: datetime, fingerprint: str, doubtful_since: datetime) -> Columns:
    """Return the values of the SQL that `take_ahead_sql` returns."""
    return {
        "name": name,
        "limit": limit,
        "start_slot": _start_slot(limit, now=now),
        **_time_values(now),
        "likeness": fingerprint,
        "doubtful_since": doubtful_since,
    }


def take(connection: Connection, *, name: str, limit: int, now: datetime) -> RateSlot | None:
    """Take a slot for the call that has waited longest; None if no slot is free or the gate is closed."""
    values = {"name": name, "limit": limit, "start_slot": _start_slot(limit, now=now), **_time_values(now)}
    slot = _take(connection, "queued", values)
    if slot is None:  # a clock that was ahead may have taken slots until far in the future
        connection.execute(_RESET_AHEAD[connection.dialect.name], values)
    return slot


def take_probe(
    connection: Connection, *, name: str, limit: int, longest: timedelta, now: datetime
) -> ProbeSlot | GateStatus | None:
    """Take a slot for the probe; None if no slot is free.

    While the gate is closed, one probe at a time gets a slot, each time that the pause has passed. The others get the
    gate's status. `longest` bounds the pause, whatever was written by a clock that was ahead.
    """
    values = {"name": name, "limit": limit, "start_slot": _start_slot(limit, now=now)}
    values |= _time_values(now, pause=PROBE, longest=max(longest, PROBE))
    status = gate(connection, name=name)
    if status is not None and connection.execute(_LEASE_PROBE[connection.dialect.name], values).rowcount == 0:
        connection.execute(_RESET_AHEAD[connection.dialect.name], values)
        return status
    slot = _take(connection, "probe", values)
    if slot is None and status is not None:  # another transaction holds the free slot: the next probe may go at once
        probe_now(connection, name=name, now=now, even_if_throttled=True)
    return None if slot is None else ProbeSlot(slot.number, status.failures if status else 0)


def take_any(connection: Connection, *, name: str, limit: int, now: datetime) -> RateSlot | None:
    """Take a slot although the gate may be closed, for a second call of the probe; None if no slot is free."""
    values = {"name": name, "limit": limit, "start_slot": _start_slot(limit, now=now), **_time_values(now)}
    return _take(connection, "probe", values)


def keep(connection: Connection, slot: int, *, name: str, now: datetime) -> None:
    """Take a slot again from now on: its call took longer than SLACK and may have been sent just now."""
    connection.execute(_KEEP[connection.dialect.name], {"name": name, "slot": slot, **_time_values(now)})


def free_at(connection: Connection, *, name: str, limit: int, now: datetime) -> datetime:
    """Return when `take` may succeed again, by the caller's clock."""
    gate_status = gate(connection, name=name)
    values = {"name": name, "limit": limit, **_time_values(now)}
    row = connection.execute(_OLDEST_USE[connection.dialect.name], values).one()
    database_time: datetime = max((row.used_at or NEVER) + TAKEN, gate_status.closed_until if gate_status else NEVER)
    wait: timedelta = max(database_time - row.database_now, timedelta(0))
    return now + wait


def close(
    connection: Connection,
    *,
    name: str,
    now: datetime,
    pause: timedelta,
    failures: int,
    cause: str,
    words: str,
    longest: timedelta = PROBE,
) -> None:
    """Close the gate for all calls for `pause`.

    `failures` counts failed probes in a row; `cause` is throttled, misconfigured or unreachable. A longer pause of as
    many failures that is in force stays, unless it is longer than `longest`.
    """
    values = {"name": name, "failures": failures, "cause": cause, "words": words}
    values |= _time_values(now, pause=pause, longest=max(longest, PROBE))
    connection.execute(_CLOSE[connection.dialect.name], values)


def open_again(connection: Connection, *, name: str, now: datetime) -> None:
    """Open the gate: Panelr answered the probe."""
    connection.execute(_OPEN[connection.dialect.name], {"name": name, **_time_values(now)})


def probe_now(connection: Connection, *, name: str, now: datetime, even_if_throttled: bool = False) -> None:
    """End the pause of a closed gate, so that a probe may go. A pause that Panelr asked for stays otherwise."""
    values = {"name": name, "even_if_throttled": even_if_throttled, **_time_values(now)}
    connection.execute(_PROBE_NOW[connection.dialect.name], values)


def gate(connection: Connection, *, name: str) -> GateStatus | None:
    """Return why the gate is closed; None if it is open."""
    row = connection.execute(_GATE, {"name": name}).one_or_none()
    if row is None or row.failures == 0:
        return None
    return GateStatus(row.closed_until, row.failures, row.cause, row.words, row.closed_at or row.closed_until)


def _take(connection: Connection, kind: str, values: Columns) -> RateSlot | None:
    """Take the first free slot from the start slot on; if there is none, the first free one of all."""
    rows = _TAKES[kind].run(connection, values)
    if not rows and values["start_slot"] > 1:
        rows = _TAKES[kind].run(connection, values | {"start_slot": 1})
    return next((RateSlot(slot) for (slot,) in rows), None)


def _start_slot(limit: int, *, now: datetime) -> int:
    """Return where the search for a free slot starts: it goes round 7/8 of the ring in the time that one stays taken.

    The last eighth is left out, so that there are slots after it for calls that begin at the same time.
    """
    return int(now.timestamp() % TAKEN.total_seconds() / TAKEN.total_seconds() * limit * 7 / 8) + 1


def _time_values(now: datetime, *, pause: timedelta = timedelta(0), longest: timedelta = PROBE) -> Columns:
    """Return every time and duration that a statement may name; each statement uses those that it needs."""
    return {
        "now": now,
        "free_since": now - TAKEN,
        "ahead": now + TAKEN,
        "until": now + pause,
        "latest": now + longest,
        "window": TAKEN,
        "pause": pause,
        "longest": longest,
    }
