"""The rate limit of all calls to Panelr, and the gate that only the probe closes and opens."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from panelr_bridge.domain import outage
from panelr_bridge.domain.call_outcome import Outcome, Throttled
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.store import follow_ups, owed_calls, panelr_facts, rate_limit
from panelr_bridge.store.rate_limit import GateStatus, ProbeSlot, RateSlot
from panelr_bridge.store.tables import Columns

RATE = "panelr"
"""The name of the rate limit of all calls to Panelr."""
_ENTRY_POINT = "entry_point"
CLOCKS_APART = timedelta(minutes=1)
"""How far ahead another process's clock may be without being wrong."""
LONGEST_WAIT = timedelta(hours=1, minutes=1)
"""Longer than the longest pause after a 429, and than a call that cannot be processed is set aside."""
LONGEST_POLL = timedelta(hours=25)
"""Longer than the time between two status polls: a completed work order is read once a day."""
RELEASED_AT_ONCE = 500
"""How many calls one transaction makes due after an outage."""


def take_slot(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> RateSlot | None:
    """Take a slot of the rate limit; None if none is free or the gate is closed."""
    return rate_limit.take(connection, name=RATE, limit=call_policy.rate_per_minute, now=now)


def extend_slot(connection: Connection, slot: RateSlot, *, claimed_at: datetime, now: datetime) -> None:
    """Restart the slot's 60 seconds if the call took longer than its slack: it may have been sent at the end."""
    if now - claimed_at > rate_limit.SLACK:
        rate_limit.keep(connection, slot.number, name=RATE, now=now)


def record_call(connection: Connection, now: datetime, slot: RateSlot, *, claimed_at: datetime) -> None:
    """Update the slot of a call for one of Panelr's lists."""
    extend_slot(connection, slot, claimed_at=claimed_at, now=now)


def waiting_columns(connection: Connection) -> Columns:
    """Return the columns of an order that is queued while the gate is closed: why it waits. None while it is open."""
    gate = rate_limit.gate(connection, name=RATE)
    if gate is None:
        return {}
    reason = {"code": gate.cause, "words": f"{gate.words}: all calls to Panelr pause"}
    return {"reasons": [reason], "waits_for_outage": True}


def take_probe(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> ProbeSlot | GateStatus | None:
    """Take a slot for the probe: the gate's status if the gate is closed and no probe is due, None without a slot."""
    return rate_limit.take_probe(
        connection,
        name=RATE,
        limit=call_policy.rate_per_minute,
        longest=outage.longest_pause(call_policy.retry_schedule),
        now=now,
    )


def take_second(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> RateSlot | None:
    """Take a slot for another call of the same probe; None if none is free."""
    return rate_limit.take_any(connection, name=RATE, limit=call_policy.rate_per_minute, now=now)


def record_probe(
    connection: Connection,
    now: datetime,
    slot: ProbeSlot,
    outcome: Outcome,
    *,
    claimed_at: datetime,
    call_policy: CallPolicy,
) -> bool:
    """Close the gate if the probe failed, else open it; return whether calls that wait for this are still to release.

    The pause grows with the number of probes that failed in a row.
    """
    extend_slot(connection, slot, claimed_at=claimed_at, now=now)
    if not outage.answers(outcome):
        failures, schedule = slot.failures + 1, call_policy.retry_schedule
        pause = outage.gate_pause(outcome, failures=failures, schedule=schedule)
        _close(connection, outcome, pause=pause, failures=failures, call_policy=call_policy, now=now)
        return False
    if slot.failures == 0:
        return False
    rate_limit.open_again(connection, name=RATE, now=now)
    return release_waiting(connection, now)


def close_until_probed(connection: Connection, now: datetime, outcome: Outcome, *, call_policy: CallPolicy) -> None:
    """Close the gate after a failed call for whose probe no slot was free: the probe takes the next one."""
    pause = timedelta(0)
    if isinstance(outcome, Throttled):
        pause = min(outage.gate_pause(outcome, failures=1, schedule=call_policy.retry_schedule), outage.OUTAGE_PAUSE)
    _close(connection, outcome, pause=pause, failures=1, call_policy=call_policy, now=now)


def give_back_probe(connection: Connection, now: datetime, slot: ProbeSlot) -> None:
    """End the lease of a probe that was not made: the next one may go at once."""
    if slot.failures > 0:
        rate_limit.probe_now(connection, name=RATE, now=now, even_if_throttled=True)


def release_waiting(connection: Connection, now: datetime) -> bool:
    """Make calls due that waited for the end of an outage; return whether there may be more."""
    released = owed_calls.release_outage(connection, now=now, limit=RELEASED_AT_ONCE)
    released += follow_ups.release_outage(connection, now=now, limit=RELEASED_AT_ONCE)
    return released >= RELEASED_AT_ONCE


def bring_back(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> int:
    """Make calls due that a clock far ahead put off; return their number. No pause is longer than these."""
    longest = max(1.1 * outage.longest_pause(call_policy.retry_schedule), LONGEST_WAIT, 7 * call_policy.grace)
    soon, latest = now + CLOCKS_APART, now + longest + call_policy.lease
    calls = owed_calls.bring_back(connection, now=now, soon=soon, latest=latest)
    latest_poll = latest + LONGEST_POLL
    for kind in set(FollowUpKind) - {FollowUpKind.STATUS}:
        calls += follow_ups.bring_back(connection, kind, now=now, soon=soon, latest=latest)
    # there are many polls, and most are due within a day: only later ones are read
    return calls + follow_ups.bring_back(connection, FollowUpKind.STATUS, now=now, soon=latest_poll, latest=latest_poll)


def read_address(connection: Connection, *, base_url: str) -> str | None:
    """Return which address of `base_url` was found to be Panelr's; None if that is not known."""
    found = panelr_facts.get(connection, f"{_ENTRY_POINT}:{base_url}")
    return None if found is None else found[0]


def save_address(connection: Connection, now: datetime, address: str, *, base_url: str) -> bool:
    """Store which address of `base_url` is Panelr's, for all processes, and release the calls that waited for it.

    Returns whether there may be more of them.
    """
    panelr_facts.save(connection, f"{_ENTRY_POINT}:{base_url}", address, now=now)
    return release_waiting(connection, now)


def _close(
    connection: Connection,
    outcome: Outcome,
    *,
    pause: timedelta,
    failures: int,
    call_policy: CallPolicy,
    now: datetime,
) -> None:
    rate_limit.close(
        connection,
        name=RATE,
        now=now,
        pause=pause,
        failures=failures,
        cause=outage.cause(outcome),
        words=outcome.words,
        longest=outage.longest_pause(call_policy.retry_schedule),
    )
