"""Panelr's rate limit, shared by every process on the database, and the gate that a 429 or a wrong key closes.

There is one row for each call that a minute allows. A call takes a row that is free, and the row is free again a
minute after the call has left: whatever 60 seconds one looks at, no row was taken twice in them, so there were never
more calls than rows. Nobody waits for anybody: SKIP LOCKED on PostgreSQL, one writer on SQLite.

The rows are a dial, and a hand goes round it once in a minute: a call looks for a free row from the hand on. There the
rows have been free the longest, so the first one mostly is, and no index has to be kept of when each was used.

Time is the database's, so that machines whose clocks differ share one minute: PostgreSQL's statement_timestamp().
SQLite has no clock but its machine's, which every process on the file shares: there it is the caller's `now`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Interval, TextClause, bindparam, text

from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.engine import CompiledStatement
from panelr_bridge.store.tables import IN_DOUBT, Row

MINUTE = timedelta(seconds=60)
SLACK = timedelta(seconds=1)
"""How long after taking its slot a call may leave without saying so; one that takes longer is told to `keep`."""
TAKEN = MINUTE + SLACK
"""How long a row is not free once a call has taken it."""
PROBE = timedelta(seconds=60)
"""How long the others wait for a probe's outcome before one of them tries."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_MOMENTS: Mapping[str, Row] = {
    "postgresql": {
        "now": "statement_timestamp()",
        "free_since": "(statement_timestamp() - :window)",
        "until": "(statement_timestamp() + :pause)",
        "lock": " FOR UPDATE SKIP LOCKED",
    },
    "sqlite": {"now": ":now", "free_since": ":free_since", "until": ":until", "lock": ""},
}
_TYPES: Mapping[str, Any] = {
    "now": UtcDateTime(),
    "free_since": UtcDateTime(),
    "until": UtcDateTime(),
    "doubtful_since": UtcDateTime(),
    "window": Interval(),
    "pause": Interval(),
}


def _each(statement: str, **columns: Any) -> Mapping[str, Any]:
    """Return a statement for each database, with the moments that it names."""
    each = {dialect: typed(words) for dialect, words in _worded(statement).items()}
    return {dialect: clause.columns(**columns) for dialect, clause in each.items()} if columns else each


def _worded(statement: str) -> Mapping[str, str]:
    return {dialect: statement.format(**moments) for dialect, moments in _MOMENTS.items()}


def typed(statement: str) -> TextClause:
    """Return a statement that knows the types of this module's values."""
    named = (bindparam(name, type_=kind) for name, kind in _TYPES.items() if f":{name}" in statement)
    return text(statement).bindparams(*named)


_FREE = (
    "SELECT slot FROM rate_slots WHERE name = :name AND slot >= :hand AND slot <= :limit"
    " AND used_at <= {{free_since}}{condition} ORDER BY slot LIMIT 1{{lock}}"
)
_TAKE = "UPDATE rate_slots SET used_at = {{now}} WHERE name = :name AND slot = (" + _FREE + ") RETURNING slot"  # noqa: S608  our own words
_GATE = " AND NOT EXISTS (SELECT 1 FROM rate_limits g WHERE g.name = :name AND g.failures > 0)"
# A newcomer does not overtake what has waited longer, does not knock at a closed gate, and leaves first those alone
# that Panelr's list could not tell it from while they are being looked up.
_NEWCOMER = (
    # the least of an index: to find any, PostgreSQL would read the table itself where it believes that most are due
    " AND coalesce((SELECT min(b.next_attempt_at) FROM orders b"
    " WHERE b.call_until IS NULL AND b.owes = 'create_work_order') > :now, TRUE)"
    " AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.likeness = :likeness AND o.state = 'unconfirmed'"
    " AND o.first_sent_at > :doubtful_since AND {in_doubt})"  # in the words of its index, for SQLite
)
_AHEAD = _GATE + _NEWCOMER.format(in_doubt=IN_DOUBT)
_TAKES = {
    "newcomer": CompiledStatement(_each(_TAKE.format(condition=_AHEAD))),
    "queued": CompiledStatement(_each(_TAKE.format(condition=_GATE))),
    "probe": CompiledStatement(_each(_TAKE.format(condition=""))),
}
_BECOME_PROBE = _each(
    "UPDATE rate_limits SET closed_until = {until} WHERE name = :name AND failures > 0 AND closed_until <= {now} AND"
    " EXISTS (SELECT 1 FROM rate_slots s WHERE s.name = :name AND s.slot <= :limit AND s.used_at <= {free_since})"
)
_KEEP = _each("UPDATE rate_slots SET used_at = {now} WHERE name = :name AND slot = :slot")
_CLOSE = _each(
    "INSERT INTO rate_limits (name, closed_until, failures, cause, words)"
    " VALUES (:name, {until}, :failures, :cause, :words)"
    " ON CONFLICT (name) DO UPDATE SET closed_until ="
    " CASE WHEN rate_limits.closed_until > {until} THEN rate_limits.closed_until ELSE {until} END,"
    " failures = CASE WHEN rate_limits.failures > :failures THEN rate_limits.failures ELSE :failures END,"
    " cause = :cause, words = :words"
)
_OPEN = _each(
    "UPDATE rate_limits SET closed_until = {now}, failures = 0, cause = NULL, words = NULL"
    " WHERE name = :name AND failures > 0 AND (:heard OR cause = 'throttled')"
)
_PROBE_NOW = _each(
    "UPDATE rate_limits SET closed_until = {now} WHERE name = :name AND failures > 0 AND closed_until > {now}"
    " AND cause = 'misconfigured'"
)
_STATE = text("SELECT closed_until, failures, cause, words FROM rate_limits WHERE name = :name").columns(
    closed_until=UtcDateTime
)
_FREE_AT = _each(
    "SELECT min(used_at) AS used_at, {now} AS moment FROM rate_slots WHERE name = :name AND slot <= :limit",
    used_at=UtcDateTime,
    moment=UtcDateTime,
)
_ADD_SLOT = text(
    "INSERT INTO rate_slots (name, slot, used_at) VALUES (:name, :slot, :never) ON CONFLICT (name, slot) DO NOTHING"
).bindparams(bindparam("never", type_=UtcDateTime))


_BELIEVED = "SELECT reltuples FROM pg_class WHERE oid = 'rate_slots'::regclass"
"""How many slots PostgreSQL plans for; below zero where it has not looked over them."""
_LOWER = _each(
    "UPDATE rate_slots SET used_at = {now} WHERE name = :name AND slot <= :limit AND EXISTS"
    " (SELECT 1 FROM rate_slots s WHERE s.name = :name AND s.slot > :limit AND s.used_at > {free_since})"
)


@dataclass(frozen=True, slots=True)
class RateSlot:
    """Leave for one call now. A probe's outcome says whether the gate opens again."""

    number: int
    probe: bool = False


@dataclass(frozen=True, slots=True)
class GateStatus:
    """Why nobody calls Panelr at the moment."""

    closed_until: datetime
    failures: int
    cause: str
    words: str


def prepare(connection: Connection, *, name: str, limit: int, now: datetime) -> None:
    """Make the rows that `take` needs; `limit` is the number of calls in a minute.

    Where it has been lowered, and more were made within this minute, nothing is free before the minute is over.
    """
    connection.execute(_ADD_SLOT, [{"name": name, "slot": slot, "never": NEVER} for slot in range(1, limit + 1)])
    connection.execute(_LOWER[connection.dialect.name], {"name": name, "limit": limit, **_moments(now)})
    if connection.dialect.name == "postgresql" and connection.exec_driver_sql(_BELIEVED).scalar_one() < limit:
        connection.exec_driver_sql("ANALYZE rate_slots")  # it sorts what it takes for a few rows for the first free one


def take_ahead(
    connection: Connection, *, name: str, limit: int, now: datetime, likeness: str, doubtful_since: datetime
) -> RateSlot | None:
    """Take leave for a call that has not waited yet.

    None when somebody waits, the gate is closed, none is free, or an order of the same `likeness` that was first
    sent after `doubtful_since` is still being looked up.
    """
    values = ahead_values(name=name, limit=limit, now=now, likeness=likeness, doubtful_since=doubtful_since)
    return _take(connection, "newcomer", values)


def taking_ahead(condition: str) -> Mapping[str, str]:
    """Return each database's statement that takes the slot which `take_ahead` would, where `condition` holds too."""
    return _worded(_TAKE.format(condition=f"{_AHEAD}{condition}"))


def ahead_values(*, name: str, limit: int, now: datetime, likeness: str, doubtful_since: datetime) -> Row:
    """Return the values of `take_ahead`'s statement."""
    more = {"likeness": likeness, "doubtful_since": doubtful_since}
    return {"name": name, "limit": limit, "hand": _hand(limit, now=now), **_moments(now), **more}


def take(connection: Connection, *, name: str, limit: int, now: datetime) -> RateSlot | None:
    """Take leave for the call that has waited longest; None when none is free.

    While the gate is closed one call goes through as a probe each time that the pause has passed.
    """
    values = {"name": name, "limit": limit, "hand": _hand(limit, now=now), **_moments(now, pause=PROBE)}
    slot = _take(connection, "queued", values)
    if slot is not None:
        return slot
    probing = connection.execute(_BECOME_PROBE[connection.dialect.name], values).rowcount == 1
    return _take(connection, "probe", values) if probing else None


def keep(connection: Connection, slot: int, *, name: str, now: datetime) -> None:
    """Let the minute of a slot begin now: its call took longer than SLACK, and may have left as late as this."""
    connection.execute(_KEEP[connection.dialect.name], {"name": name, "slot": slot, **_moments(now)})


def free_at(connection: Connection, *, name: str, limit: int, now: datetime) -> datetime:
    """Return when `take` may succeed again, by the caller's clock."""
    closed = gate(connection, name=name)
    values = {"name": name, "limit": limit, **_moments(now)}
    row = connection.execute(_FREE_AT[connection.dialect.name], values).one()
    there: datetime = max((row.used_at or NEVER) + TAKEN, closed.closed_until if closed else NEVER)
    wait: timedelta = max(there - row.moment, timedelta(0))
    return now + wait


def close(
    connection: Connection, *, name: str, now: datetime, pause: timedelta, failures: int, cause: str, words: str
) -> None:
    """Close the gate for everybody for `pause`, because Panelr asked for it or does not know us.

    `failures` is how often that was so in a row, `cause` the outcome's name. A pause that is in force already is not
    shortened.
    """
    values = {"name": name, "failures": failures, "cause": cause, "words": words, **_moments(now, pause=pause)}
    connection.execute(_CLOSE[connection.dialect.name], values)


def open_again(connection: Connection, *, name: str, now: datetime, heard: bool) -> None:
    """Open the gate after a probe. `heard` says that Panelr answered it as it should.

    Without that, a pause that it had asked for is over all the same; a key that it did not accept may still be wrong.
    """
    connection.execute(_OPEN[connection.dialect.name], {"name": name, "heard": heard, **_moments(now)})


def probe_now(connection: Connection, *, name: str, now: datetime) -> None:
    """Let a call probe at once what a wrong key or address had closed; a pause that Panelr asked for stays."""
    connection.execute(_PROBE_NOW[connection.dialect.name], {"name": name, **_moments(now)})


def gate(connection: Connection, *, name: str) -> GateStatus | None:
    """Return why the gate is closed; None while it is open."""
    row = connection.execute(_STATE, {"name": name}).one_or_none()
    return (
        None if row is None or row.failures == 0 else GateStatus(row.closed_until, row.failures, row.cause, row.words)
    )


def _take(connection: Connection, kind: str, values: Row) -> RateSlot | None:
    """Take the first free row from the hand on; where there is none, the first of all."""
    taken = _TAKES[kind].run(connection, values)
    if not taken and values["hand"] > 1:
        taken = _TAKES[kind].run(connection, values | {"hand": 1})
    return next((RateSlot(slot, probe=kind == "probe") for (slot,) in taken), None)


def _hand(limit: int, *, now: datetime) -> int:
    """Return where the hand stands: it goes round most of the rows in the time for which one is taken.

    It never stands at the last ones, so that there are some from it on for calls that begin at one moment.
    """
    return int(now.timestamp() % TAKEN.total_seconds() / TAKEN.total_seconds() * limit * 7 / 8) + 1


def _moments(now: datetime, *, pause: timedelta = timedelta(0)) -> Row:
    """Return every moment and length of time that a statement may name; each takes what it needs."""
    return {"now": now, "free_since": now - TAKEN, "until": now + pause, "window": TAKEN, "pause": pause}
