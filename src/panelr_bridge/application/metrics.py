"""What this process has done, in numbers, for `/metrics`. Labels are few by construction; none is personal."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence

CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
PAID_TO_CREATED_SECONDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)


class Histogram:
    """How often something took how long."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def note(self, seconds: float) -> None:
        """Count one; a clock that is behind cannot make it negative."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Metrics:
    """One process's counters."""

    def __init__(self) -> None:
        self.deliveries: Counter[tuple[str, int]] = Counter()
        self.calls: defaultdict[tuple[str, str], Histogram] = defaultdict(lambda: Histogram(CALL_SECONDS))
        self.paid_to_created = Histogram(PAID_TO_CREATED_SECONDS)

    def delivery(self, verdict: str, answer: int) -> None:
        """Count a delivery by what it was and how it was answered."""
        self.deliveries[verdict, answer] += 1

    def call(self, action: str, outcome: str, seconds: float) -> None:
        """Count a call to Panelr."""
        self.calls[action, outcome].note(seconds)
