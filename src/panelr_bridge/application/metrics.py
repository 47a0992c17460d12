"""This process's counters for `/metrics`. Labels have few values, and none is personal."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence

CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
PAID_TO_CREATED_SECONDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)


class Histogram:
    """Counts durations in buckets; `bounds` are the buckets' upper bounds in seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration. A negative one, from clocks that differ, counts as zero."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Metrics:
    """One process's counters and histograms."""

    def __init__(self) -> None:
        self.deliveries: Counter[tuple[str, int]] = Counter()
        self.calls: defaultdict[tuple[str, str], Histogram] = defaultdict(lambda: Histogram(CALL_SECONDS))
        self.paid_to_created = Histogram(PAID_TO_CREATED_SECONDS)

    def count_delivery(self, verdict: str, status: int) -> None:
        """Count a delivery by its verdict and the HTTP status of its response."""
        self.deliveries[verdict, status] += 1

    def observe_call(self, action: str, outcome: str, seconds: float) -> None:
        """Count a call to Panelr and its duration."""
        self.calls[action, outcome].observe(seconds)
