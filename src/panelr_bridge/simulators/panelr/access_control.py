"""Who may call, and how often: the key, the block after bad keys, the limit of successful requests."""

import hmac
import math
from collections import deque

from panelr_bridge.simulators.panelr.errors import ApiError

WINDOW_SECONDS = 60.0
BAD_KEYS_ALLOWED = 20
BLOCK_SECONDS = 60.0


class ApiKeyGuard:
    """Lets the right key in and blocks an address that keeps on failing.

    The documentation says only that repeated failed authentication gets the caller's address blocked for a while.
    Our reading: 20 failures within a minute, then 403 for 60 seconds, for the right key too.
    """

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}
        self._blocked_until: dict[str, float] = {}

    def check(self, *, given: str | None, expected: str, address: str, now: float) -> None:
        """Let a request pass. Raises Refused: 401 for a missing or wrong key, 403 for a blocked address."""
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
        """Let a request pass; a limit of 0 is none. Raises Refused (429) with the seconds until there is room."""
        if not limit:
            return
        successes = self._successes.setdefault(address, deque())
        _drop_expired(successes, now)
        if len(successes) >= limit:
            # Settings may have lowered the limit: room is there when all but `limit - 1` have left the window.
            leaves = successes[len(successes) - limit] + WINDOW_SECONDS
            raise ApiError(429, "Rate limit exceeded", retry_after=max(1, math.ceil(leaves - now)))

    def count(self, *, address: str, now: float) -> None:
        """Remember one success."""
        self._successes.setdefault(address, deque()).append(now)


def busiest_window(moments: list[float], seconds: float) -> int:
    """The largest number of `moments` within any half-open stretch of `seconds`."""
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
