"""Panelr's rate limit, shared by every process on the database, and the gate that a 429 or a wrong key closes.

There is one row for each call that a minute allows. A call takes the row that has been free the longest, and the
row is free again a minute later: whatever 60 seconds one looks at, no row was taken twice in them, so there were
never more calls than rows. Nobody waits for anybody: SKIP LOCKED on PostgreSQL, one writer on SQLite.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from panelr_bridge.store.tables import UtcDateTime

WINDOW = timedelta(seconds=61)
"""A minute, and a second for the way between taking a slot and the call's arrival."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
PROBE = timedelta(seconds=60)
"""How long the others wait for a probe's outcome before one of them tries."""

_MOMENTS = [bindparam(name, type_=UtcDateTime) for name in ("now", "free_since")]
_TAKE = (
    "UPDATE rate_slots SET used_at = :now WHERE name = :name AND slot = ("
    " SELECT slot FROM rate_slots WHERE name = :name AND slot <= :limit AND used_at <= :free_since{gate}"
    " ORDER BY used_at, slot LIMIT 1{lock}) RETURNING slot"
)
# A newcomer does not overtake what has waited longer, and does not knock at a closed gate.
_GATE = " AND NOT EXISTS (SELECT 1 FROM rate_limits g WHERE g.name = :name AND g.failures > 0)"
_QUEUE = " AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.lease_until IS NULL AND b.next_attempt_at <= :now)"
_LOCK = {"postgresql": " FOR UPDATE SKIP LOCKED", "sqlite": ""}
_STATEMENTS = {
    (dialect, gate): text(_TAKE.format(gate=condition, lock=lock)).bindparams(*_MOMENTS)
    for dialect, lock in _LOCK.items()
    for gate, condition in (("newcomer", _GATE + _QUEUE), ("queued", _GATE), ("probe", ""))
}
_BECOME_PROBE = text(
    "UPDATE rate_limits SET closed_until = :until WHERE name = :name AND failures > 0 AND closed_until <= :now AND"
    " EXISTS (SELECT 1 FROM rate_slots s WHERE s.name = :name AND s.slot <= :limit AND s.used_at <= :free_since)"
).bindparams(*_MOMENTS, bindparam("until", type_=UtcDateTime))
_CLOSE = text(
    "INSERT INTO rate_limits (name, closed_until, failures, cause, words) VALUES (:name, :until, 1, :cause, :words)"
    " ON CONFLICT (name) DO UPDATE SET closed_until ="
    " CASE WHEN rate_limits.closed_until > :until THEN rate_limits.closed_until ELSE :until END,"
    " failures = rate_limits.failures + 1, cause = :cause,"
    " words = :words"
).bindparams(bindparam("until", type_=UtcDateTime))
_OPEN = text("UPDATE rate_limits SET failures = 0, cause = NULL, words = NULL WHERE name = :name AND failures > 0")
_PROBE_NOW = text(
    "UPDATE rate_limits SET closed_until = :now WHERE name = :name AND failures > 0 AND closed_until > :now"
    " AND cause = 'misconfigured'"
).bindparams(bindparam("now", type_=UtcDateTime))
_STATE = text("SELECT closed_until, failures, cause, words FROM rate_limits WHERE name = :name").columns(
    closed_until=UtcDateTime
)
_FREE_AT = text("SELECT min(used_at) AS used_at FROM rate_slots WHERE name = :name AND slot <= :limit").columns(
    used_at=UtcDateTime
)
_ADD_SLOT = text(
    "INSERT INTO rate_slots (name, slot, used_at) VALUES (:name, :slot, :never) ON CONFLICT (name, slot) DO NOTHING"
).bindparams(bindparam("never", type_=UtcDateTime))


@dataclass(frozen=True, slots=True)
class Slot:
    """Leave for one call now. A probe's outcome says whether the gate opens again."""

    probe: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """Why nobody calls Panelr at the moment."""

    closed_until: datetime
    failures: int
    cause: str
    words: str


def prepare(connection: Connection, *, name: str, limit: int) -> None:
    """Make the rows that `take` needs; `limit` is the number of calls in a minute."""
    connection.execute(_ADD_SLOT, [{"name": name, "slot": slot, "never": NEVER} for slot in range(1, limit + 1)])


def take_ahead(connection: Connection, *, name: str, limit: int, now: datetime) -> Slot | None:
    """Take leave for a call that has not waited yet; None when somebody waits, the gate is closed or none is free."""
    return _take(connection, "newcomer", name=name, limit=limit, now=now)


def take(connection: Connection, *, name: str, limit: int, now: datetime) -> Slot | None:
    """Take leave for the call that has waited longest; None when none is free.

    While the gate is closed one call goes through as a probe each time that the pause has passed.
    """
    slot = _take(connection, "queued", name=name, limit=limit, now=now)
    if slot is not None:
        return slot
    values = {"name": name, "limit": limit, "now": now, "free_since": now - WINDOW, "until": now + PROBE}
    probing = connection.execute(_BECOME_PROBE, values).rowcount == 1
    return _take(connection, "probe", name=name, limit=limit, now=now) if probing else None


def free_at(connection: Connection, *, name: str, limit: int, now: datetime) -> datetime:
    """Return when `take` may succeed again."""
    closed = gate(connection, name=name)
    used_at = connection.execute(_FREE_AT, {"name": name, "limit": limit}).scalar() or NEVER
    return max(used_at + WINDOW, closed.closed_until if closed else NEVER, now)


def close(connection: Connection, *, name: str, until: datetime, cause: str, words: str) -> None:
    """Close the gate for everybody until `until`, because Panelr asked for it or does not know us.

    `cause` is the outcome's name.
    """
    connection.execute(_CLOSE, {"name": name, "until": until, "cause": cause, "words": words})


def open_again(connection: Connection, *, name: str) -> None:
    """Open the gate: Panelr answers again."""
    connection.execute(_OPEN, {"name": name})


def probe_now(connection: Connection, *, name: str, now: datetime) -> None:
    """Let a call probe at once what a wrong key or address had closed; a pause that Panelr asked for stays."""
    connection.execute(_PROBE_NOW, {"name": name, "now": now})


def gate(connection: Connection, *, name: str) -> Gate | None:
    """Return why the gate is closed; None while it is open."""
    row = connection.execute(_STATE, {"name": name}).one_or_none()
    return None if row is None or row.failures == 0 else Gate(row.closed_until, row.failures, row.cause, row.words)


def _take(connection: Connection, kind: str, *, name: str, limit: int, now: datetime) -> Slot | None:
    statement = _STATEMENTS[connection.dialect.name, kind]
    values = {"name": name, "limit": limit, "now": now, "free_since": now - WINDOW}
    taken = connection.execute(statement, values).first()
    return None if taken is None else Slot(probe=kind == "probe")
