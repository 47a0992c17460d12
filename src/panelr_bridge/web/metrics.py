"""`GET /metrics`, for Prometheus: what the database knows of everything, and what this process has done itself.

The library is imported when somebody asks: a process that nobody watches starts without it.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import Connection

from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.metrics import Histogram, Metrics
from panelr_bridge.application.transactions.claim_call import RATE
from panelr_bridge.store import backfill_cursors, follow_ups, stats
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.stats import BridgeStats
from panelr_bridge.store.tables import Row
from panelr_bridge.web.dependencies import Parts

if TYPE_CHECKING:
    from prometheus_client import Metric

router = APIRouter(tags=["Health"])


@dataclass(frozen=True, slots=True)
class CachedMetrics:
    """What the database says, of one moment."""

    stats: BridgeStats
    follow_ups: Mapping[str, int]
    backfill_cursors: list[Row]


@router.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Count what is stored and what this process has done. Nothing here is about a single order or person."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415  see above

    now = parts.bridge.clock()
    found = await _known(parts, now=now)
    up = _gauge("bridge_database_up", "1; or 0 while the database does not answer.", int(found is not None))
    stored = () if found is None else _stored(found, parts, now=now)
    page: Any = _Page([up, *stored, *_done(parts.bridge.metrics)])
    return Response(generate_latest(page), media_type=CONTENT_TYPE_LATEST)


async def _known(parts: BridgeContainer, *, now: datetime) -> CachedMetrics | None:
    """Return what the database says; None while it is away."""
    try:
        return await parts.database.read(_look, now=now)
    except Exception as error:
        if is_unavailable(error):
            return None
        raise


def _look(connection: Connection, *, now: datetime) -> CachedMetrics:
    return CachedMetrics(
        stats=stats.read_stats(connection, rate_name=RATE, now=now),
        follow_ups=follow_ups.count_due(connection, now=now),
        backfill_cursors=backfill_cursors.list_all(connection),
    )


class _Page:
    """What the library asks for its text: anything that has collected metrics."""

    def __init__(self, collected: "list[Metric]") -> None:
        self._collected = collected

    def collect(self) -> "Iterator[Metric]":
        """Give them."""
        return iter(self._collected)


def _stored(found: CachedMetrics, parts: BridgeContainer, *, now: datetime) -> "Iterator[Metric]":
    counted = found.stats
    late = 0.0 if counted.oldest_due is None else (now - counted.oldest_due).total_seconds()
    yield _gauge(
        "bridge_orders",
        "Orders by store, state and whether they need a person.",
        {(each.store, each.state, str(each.attention).lower()): each.n for each in counted.groups},
        labels=("store", "state", "attention"),
    )
    yield _gauge("bridge_owed_due", "Calls to Panelr that are due and wait.", counted.due)
    yield _gauge("bridge_owed_later", "Calls to Panelr that fall due later.", counted.later)
    yield _gauge("bridge_owed_on_the_wire", "Calls to Panelr that are under way.", counted.on_the_wire)
    yield _gauge("bridge_owed_oldest_due_seconds", "How long the longest due call has been due.", late)
    yield _gauge("bridge_follow_ups_due", "Follow-ups that are due, by kind.", found.follow_ups, labels=("kind",))
    allowed = parts.settings.panelr_rate_per_minute
    yield _gauge("bridge_rate_limit_allowed", "Calls that a minute allows.", allowed)
    yield _gauge("bridge_rate_limit_used", "Calls of the last minute.", counted.calls_in_the_last_minute)
    yield _gauge("bridge_panelr_gate_open", "1; or 0 while nobody calls Panelr.", int(counted.gate is None))
    words = "Deliveries of the last day that brought no order."
    yield _gauge("bridge_delivery_problems", words, counted.delivery_problems)
    yield from _backfill(found.backfill_cursors, now=now)


def _backfill(rows: list[Row], *, now: datetime) -> "Iterator[Metric]":
    ages = {row["store"]: (now - row["ended_at"]).total_seconds() for row in rows if row["ended_at"] is not None}
    words = "How long ago a walk through a store's orders came to its end."
    yield _gauge("bridge_backfill_age_seconds", words, ages, labels=("store",))
    failing = {row["store"]: row["failures"] for row in rows}
    words = "Walks in a row that did not come to their end."
    yield _gauge("bridge_backfill_failures", words, failing, labels=("store",))
    found = {row["store"]: row["found_in_all"] for row in rows}
    words = "Orders, or changes to them, of which no webhook had told."
    yield _counter("bridge_backfill_found", words, found, labels=("store",))


def _done(tally: Metrics) -> "Iterator[Metric]":
    words = "Deliveries to this process, by what they were and the status of the answer."
    told = {(verdict, str(answer)): n for (verdict, answer), n in tally.deliveries.items()}
    yield _counter("bridge_deliveries", words, told, labels=("verdict", "answer"))
    words = "Calls of this process to Panelr, by action and outcome."
    yield _histogram("bridge_panelr_call_seconds", words, tally.calls, labels=("action", "outcome"))
    words = "From the payment, by WooCommerce, to the work order that this process made."
    yield _histogram("bridge_paid_to_created_seconds", words, {(): tally.paid_to_created})


def _gauge(name: str, words: str, values: Any, *, labels: tuple[str, ...] = ()) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    return _filled(GaugeMetricFamily(name, words, labels=labels), values)


def _counter(name: str, words: str, values: Any, *, labels: tuple[str, ...]) -> "Metric":
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

    return _filled(CounterMetricFamily(name, words, labels=labels), values)


def _filled(family: Any, values: Any) -> "Metric":
    for label, value in (values if isinstance(values, Mapping) else {(): values}).items():
        family.add_metric((label,) if isinstance(label, str) else label, value)
    metric: Metric = family
    return metric


def _histogram(name: str, words: str, values: Mapping[Any, Histogram], *, labels: tuple[str, ...] = ()) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(name, words, labels=labels)
    for label, histogram in values.items():
        bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
        counted = list(zip(bounds, itertools.accumulate(histogram.counts), strict=True))
        family.add_metric(label, counted, histogram.sum)
    return family
