"""How the bridge calls Panelr: how often, for how long, and when it tries again."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """The operator's settings for calls to Panelr.

    `rate_per_minute` is the limit in any 60 seconds, over all processes. `lease` is how long the claim of one call
    lasts, longer than the call can take. `grace` is the wait before an unknown outcome is looked up. `retry_schedule`
    holds seconds.
    """

    rate_per_minute: int
    lease: timedelta
    grace: timedelta
    retry_schedule: tuple[float, ...]

    @property
    def doubt(self) -> timedelta:
        """How long a lost answer may stay unsettled: one call and its look-ups."""
        return self.lease + 10 * self.grace
