"""The rate limit's part in every call to Panelr: what its outcome means for the calls of everybody else."""

from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.transactions.claim_call import RATE
from panelr_bridge.domain import call_outcome, retry_policy
from panelr_bridge.domain.call_outcome import Done, Misconfigured, Outcome, Refused, Throttled
from panelr_bridge.store import rate_limit
from panelr_bridge.store.rate_limit import RateSlot


def extend_slot(connection: Connection, slot: RateSlot, *, claimed_at: datetime, now: datetime) -> None:
    """Tell the rate limit of a call that took long: it may have left at its end."""
    if now - claimed_at > rate_limit.SLACK:
        rate_limit.keep(connection, slot.number, name=RATE, now=now)


def reopen_gate(connection: Connection, slot: RateSlot, outcome: Outcome, *, now: datetime) -> None:
    """A probe that was not sent away again opens the gate for everybody."""
    if slot.probe and not isinstance(outcome, (Throttled, Misconfigured)):
        rate_limit.open_again(connection, name=RATE, now=now, accepted=isinstance(outcome, (Done, Refused)))


def close_gate(
    connection: Connection, slot: RateSlot, outcome: Outcome, *, schedule: tuple[float, ...], now: datetime
) -> None:
    """A 429 pauses everybody; a key that is refused must not be hammered by every new order.

    How long is a matter of how many probes have failed in a row: calls that were on the wire together count as one.
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
