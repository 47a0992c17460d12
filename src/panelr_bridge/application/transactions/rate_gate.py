"""The rate limit of all calls to Panelr: take a slot, and apply a call's outcome to its slot and to the gate."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.domain import call_outcome, retry_policy
from panelr_bridge.domain.call_outcome import Done, Misconfigured, Outcome, Refused, Throttled
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.store import rate_limit
from panelr_bridge.store.rate_limit import RateSlot

UNAUTHORIZED = 401
RATE = "panelr"
"""The name of the rate limit of all calls to Panelr."""


def take_slot(connection: Connection, now: datetime, *, call_policy: CallPolicy) -> RateSlot | None:
    """Take a slot of the rate limit; None if none is free."""
    return rate_limit.take(connection, name=RATE, limit=call_policy.rate_per_minute, now=now)


def extend_slot(connection: Connection, slot: RateSlot, *, claimed_at: datetime, now: datetime) -> None:
    """Restart the slot's 60 seconds if the call took longer than its slack: it may have been sent at the end."""
    if now - claimed_at > rate_limit.SLACK:
        rate_limit.keep(connection, slot.number, name=RATE, now=now)


def reopen_gate(connection: Connection, slot: RateSlot, outcome: Outcome, *, now: datetime) -> None:
    """Reopen the gate if this call was the probe and Panelr neither paused it nor rejected the settings."""
    if slot.probe and not isinstance(outcome, (Throttled, Misconfigured)):
        rate_limit.open_again(connection, name=RATE, now=now, accepted=isinstance(outcome, (Done, Refused)))


def close_gate(
    connection: Connection, slot: RateSlot, outcome: Outcome, *, schedule: tuple[float, ...], now: datetime
) -> None:
    """Close the gate if Panelr asked for a pause or rejected the settings; other outcomes change nothing.

    The pause grows with the number of probes that failed in a row. Failures of calls that are not probes count as one,
    because such calls were sent at the same time.
    """
    if not isinstance(outcome, (Throttled, Misconfigured)):
        return
    gate = rate_limit.gate(connection, name=RATE)
    failures = gate.failures if gate is not None and slot.probe else 0
    pause = (
        retry_policy.retry_delay(attempt=failures + 1, outcome=outcome, schedule=schedule) or retry_policy.LONGEST_PAUSE
    )
    rate_limit.close(
        connection,
        name=RATE,
        now=now,
        pause=pause,
        failures=failures + 1,
        cause=call_outcome.name(outcome),
        words=outcome.words,
    )


def record_call(
    connection: Connection,
    now: datetime,
    slot: RateSlot,
    outcome: Outcome,
    *,
    claimed_at: datetime,
    call_policy: CallPolicy,
) -> None:
    """Update the slot and the gate after a call for one of Panelr's lists.

    Only a pause or a 401 closes the gate: a key without access to the lists may still create work orders.
    """
    extend_slot(connection, slot, claimed_at=claimed_at, now=now)
    reopen_gate(connection, slot, outcome, now=now)
    if isinstance(outcome, Throttled) or outcome.status == UNAUTHORIZED:
        close_gate(connection, slot, outcome, schedule=call_policy.retry_schedule, now=now)
