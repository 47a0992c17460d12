"""When a failed call is tried again: a pure function of its outcome."""

from collections.abc import Sequence
from datetime import timedelta

from panelr_bridge.domain.call_outcome import Blocked, Misconfigured, Outcome, Throttled

GIVE_UP_AFTER = timedelta(days=7)
LONGEST_PAUSE = timedelta(hours=1)
SLOW_STEPS = 2
"""Steps of the schedule skipped with a wrong key or a blocked request: many of them get an address blocked."""


def retry_delay(
    *,
    attempt: int,
    outcome: Outcome,
    schedule: Sequence[float],
    owed_for: timedelta = timedelta(0),
    jitter: float = 0.0,
) -> timedelta | None:
    """Return the wait after failed attempt number `attempt` (1 is the first), or None to give up.

    `schedule` is in seconds; its last step repeats until the call has been owed for seven days (`owed_for`).
    `jitter` is between 0 and 1 and lengthens the wait by up to a tenth, so that calls that failed together are not
    retried together. A pause requested by Panelr is cut to an hour; a Retry-After gets no jitter.
    """
    if owed_for >= GIVE_UP_AFTER:
        return None
    if isinstance(outcome, Throttled) and outcome.retry_after is not None:
        return min(timedelta(seconds=max(outcome.retry_after, 1.0)), LONGEST_PAUSE)
    step = attempt - 1 + (SLOW_STEPS if isinstance(outcome, (Misconfigured, Blocked)) else 0)
    wait = timedelta(seconds=schedule[min(step, len(schedule) - 1)] * (1 + jitter / 10))
    return min(wait, LONGEST_PAUSE) if isinstance(outcome, Throttled) else wait
