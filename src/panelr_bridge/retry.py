"""When a call is tried again: a pure function of what happened."""

from collections.abc import Sequence
from datetime import timedelta

from panelr_bridge.outcomes import Misconfigured, Outcome, Throttled

GIVE_UP_AFTER = timedelta(days=7)
LONGEST_PAUSE = timedelta(hours=1)
SLOW_STEPS = 2
"""A wrong key is tried at the schedule's later steps: Panelr blocks an address that fails to authenticate often."""


def delay(*, attempt: int, outcome: Outcome, schedule: Sequence[float], jitter: float = 0.0) -> timedelta | None:
    """Return how long to wait after failed attempt number `attempt` (1 is the first), None to give up.

    `schedule` is in seconds; its last step repeats until seven days of waiting have added up.
    `jitter` is between 0 and 1 and lengthens the wait by up to a tenth, so that what failed together
    does not come back together. A Retry-After is kept as it is, clamped to an hour.
    """
    if _waited(attempt - 1, schedule) >= GIVE_UP_AFTER.total_seconds():
        return None
    if isinstance(outcome, Throttled) and outcome.retry_after is not None:
        return min(timedelta(seconds=max(outcome.retry_after, 1.0)), LONGEST_PAUSE)
    step = attempt - 1 + (SLOW_STEPS if isinstance(outcome, Misconfigured) else 0)
    return timedelta(seconds=schedule[min(step, len(schedule) - 1)] * (1 + jitter / 10))


def _waited(attempts: int, schedule: Sequence[float]) -> float:
    """Return the seconds that `attempts` failures have cost by the schedule."""
    listed = schedule[:attempts]
    return sum(listed) + (attempts - len(listed)) * schedule[-1]
