"""Whether a failed call concerns its own request or all calls: pure functions of its outcome and the probe's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum

from panelr_bridge.domain import retry_policy
from panelr_bridge.domain.call_outcome import (
    Blocked,
    Done,
    Misconfigured,
    NotSent,
    Outcome,
    Refused,
    Throttled,
    Unknown,
)

OUTAGE_PAUSE = timedelta(seconds=60)
"""The longest pause between two probes while Panelr is unreachable."""
CAUSES = ("throttled", "misconfigured", "unreachable")
"""Why the gate may be closed."""
BLOCKED_TRIES = 5
"""After so many blocked calls an order is held."""


class ProbeVerdict(Enum):
    """What the probe says about a failed call."""

    FINE = "Panelr answers and accepts the key"
    FAILED = "the probe failed too, or the gate is closed already"
    NO_SLOT = "no slot was free for the probe"
    PENDING = "the probe takes too long to wait for"


def answers(outcome: Outcome) -> bool:
    """Return whether Panelr answered in its own format and accepted the key."""
    return isinstance(outcome, (Done, Refused))


def cause(outcome: Outcome) -> str:
    """Return why a failed probe closes the gate."""
    if isinstance(outcome, Throttled):
        return "throttled"
    return "misconfigured" if isinstance(outcome, (Misconfigured, Blocked)) else "unreachable"


def gate_pause(outcome: Outcome, *, failures: int, schedule: Sequence[float]) -> timedelta:
    """Return how long the gate stays closed after failed probe number `failures` in a row."""
    pause = retry_policy.retry_delay(attempt=failures, outcome=outcome, schedule=schedule) or timedelta(0)
    longest = longest_pause(schedule)
    return min(pause, longest, OUTAGE_PAUSE) if cause(outcome) == "unreachable" else min(pause, longest)


def longest_pause(schedule: Sequence[float]) -> timedelta:
    """Return the longest entry of the schedule, in seconds: no pause is longer."""
    return timedelta(seconds=max(schedule))


def judge(outcome: Outcome, verdict: ProbeVerdict) -> Outcome:
    """Return the outcome of a call after the probe: what concerns one request alone is blocked."""
    if verdict is ProbeVerdict.FINE and isinstance(outcome, (Misconfigured, Blocked)):
        words = (
            f"Panelr answers other calls, but this one was refused: {outcome.words}. Allow the bridge's requests in the"
            " firewall, or correct the order (its names and addresses), then retry"
        )
        return Blocked(words=words, status=outcome.status, doubtful=outcome.doubtful)
    if verdict is ProbeVerdict.NO_SLOT or (verdict is ProbeVerdict.FINE and isinstance(outcome, Throttled)):
        return replace(outcome, one_request=True)
    if verdict is ProbeVerdict.FAILED and isinstance(outcome, Blocked):
        return Misconfigured(words=outcome.words, status=outcome.status, doubtful=outcome.doubtful)
    return outcome


def is_outage(outcome: Outcome) -> bool:
    """Return whether a call with this outcome waits until Panelr answers again."""
    return isinstance(outcome, (Misconfigured, Throttled, NotSent, Unknown)) and not outcome.one_request
