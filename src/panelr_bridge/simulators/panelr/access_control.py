"""Check the API key, the block after repeated wrong keys, and the rate limit."""

import hmac
import math
from collections import deque

from panelr_bridge.simulators.panelr.errors import ApiError

WINDOW_SECONDS = 60.0
BAD_KEYS_ALLOWED = 20
BLOCK_SECONDS = 60.0


class ApiKeyGuard:
    """Accepts the right key and blocks an address after repeated wrong keys.

    The documentation says only that repeated failed authentication blocks the caller's address for a while. Assumption:
    20 failures within a minute, then 403 for 60 seconds, even with the right key.
    """

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}
        self._blocked_until: dict[str, float] = {}

    def check(self, *, given: str | None, expected: str, address: str, now: float) -> None:
        """Check the key of a request. Raises ApiError: 401 for a missing or wrong key, 403 for a blocked address."""
        if now < self._blocked_until.get(address, now):
            raise ApiError(403, "Too many failed attempts, your address is blocked")
        if given is not None and hmac.compare_digest(given.encode(), expected.encode()):
            return
        failures = self._failures.setdefault(address, deque())
        _drop_expired(failures, now)
        failures.append(now)
        if len(failures) >= BAD_KEYS_ALLOWED:
            self._blocked_until[address] = now + BLOCK_SECONDS
            failures.clear()
        raise ApiError(401, "Invalid API key" if given else "Missing API key")


class RateLimiter:
    """Counts the successful requests of each address in a sliding window."""

    def __init__(self) -> None:
        self._successes: dict[str, deque[float]] = {}

    def check(self, *, address: str, limit: int, now: float) -> None:
        """Check the rate of an address; `limit` 0 means no limit. Raises ApiError (429) with the seconds to wait."""
        if not limit:
            return
        successes = self._successes.setdefault(address, deque())
        _drop_expired(successes, now)
        if len(successes) >= limit:
            # The limit may have been lowered: a request fits once all but `limit - 1` are outside the window.
            free_at = successes[len(successes) - limit] + WINDOW_SECONDS
            raise ApiError(429, "Rate limit exceeded", retry_after=max(1, math.ceil(free_at - now)))

    def count(self, *, address: str, now: float) -> None:
        """Count one successful request."""
        self._successes.setdefault(address, deque()).append(now)


def busiest_window(moments: list[float], seconds: float) -> int:
    """Return the largest number of `moments` within any half-open window of `seconds`."""
    ordered = sorted(moments)
    most = first = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _drop_expired(moments: deque[float], now: float) -> None:
    while moments and now - moments[0] >= WINDOW_SECONDS:
        moments.popleft()
