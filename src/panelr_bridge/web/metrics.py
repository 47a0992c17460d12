"""`GET /metrics` for Prometheus: numbers of the database, and numbers of this process.

The first request imports the Prometheus library: a process without monitoring never loads it.
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
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.outage import CAUSES
from panelr_bridge.store import backfill_cursors, follow_ups, stats
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.rows import BackfillCursorRow
from panelr_bridge.store.stats import BridgeStats
from panelr_bridge.web.dependencies import Container

if TYPE_CHECKING:
    from prometheus_client import Metric

router = APIRouter(tags=["Health"])


@dataclass(frozen=True, slots=True)
class DatabaseNumbers:
    """Numbers of the database, read at one moment."""

    stats: BridgeStats
    follow_ups: Mapping[str, int]
    backfill_cursors: list[BackfillCursorRow]


@router.get("/metrics", summary="Get metrics for Prometheus", response_class=Response)
async def get_metrics(container: Container) -> Response:
    """Return the metrics in Prometheus' text format. No metric is about a single order or person."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415  see above

    now = container.bridge.clock()
    numbers = await _read_numbers(container, now=now)
    is_up = _gauge("bridge_database_up", "1 if the database answers, else 0.", int(numbers is not None))
    from_database = () if numbers is None else _database_metrics(numbers, container, now=now)
    collector: Any = _Collector([is_up, *from_database, *_process_metrics(container.bridge.metrics)])
    return Response(generate_latest(collector), media_type=CONTENT_TYPE_LATEST)


async def _read_numbers(container: BridgeContainer, *, now: datetime) -> DatabaseNumbers | None:
    """Return the numbers of the database; None while it is unavailable."""
    try:
        return await container.database.read(_read, now=now)
    except Exception as error:
        if is_unavailable(error):
            return None
        raise


def _read(connection: Connection, *, now: datetime) -> DatabaseNumbers:
    return DatabaseNumbers(
        stats=stats.read_stats(connection, rate_name=RATE, now=now),
        follow_ups=follow_ups.count_due(connection, now=now),
        backfill_cursors=backfill_cursors.list_all(connection),
    )


class _Collector:
    """Finished metrics, as the Prometheus library reads them."""

    def __init__(self, metrics: "list[Metric]") -> None:
        self._metrics = metrics

    def collect(self) -> "Iterator[Metric]":
        """Return the metrics."""
        return iter(self._metrics)


def _database_metrics(numbers: DatabaseNumbers, container: BridgeContainer, *, now: datetime) -> "Iterator[Metric]":
    current = numbers.stats
    age = 0.0 if current.oldest_due is None else (now - current.oldest_due).total_seconds()
    yield _gauge(
        "bridge_orders",
        "Orders by store, state, and whether they need an operator.",
        {(each.store, each.state, str(each.attention).lower()): each.n for each in current.groups},
        labels=("store", "state", "attention"),
    )
    yield _gauge("bridge_owed_due", "Calls to Panelr that are due and wait.", current.due)
    yield _gauge("bridge_owed_later", "Calls to Panelr that are due later.", current.later)
    yield _gauge("bridge_owed_on_the_wire", "Calls to Panelr that are under way.", current.on_the_wire)
    yield _gauge("bridge_owed_oldest_due_seconds", "For how long the oldest due call has been due.", age)
    yield _gauge("bridge_follow_ups_due", "Follow-ups that are due, by kind.", numbers.follow_ups, labels=("kind",))
    allowed = container.settings.panelr_rate_per_minute
    yield _gauge("bridge_rate_limit_allowed", "Calls that are allowed in 60 seconds.", allowed)
    yield _gauge("bridge_rate_limit_used", "Calls in the last 60 seconds.", current.calls_in_the_last_minute)
    help_text = "1 while calls to Panelr are made, 0 while all of them pause."
    yield _gauge("bridge_panelr_gate_open", help_text, int(current.gate is None))
    yield from _gate_metrics(current, now=now)
    help_text = "Deliveries of the last 24 hours that brought no order."
    yield _gauge("bridge_delivery_problems", help_text, current.delivery_problems)
    help_text = "Deliveries that brought no order and are not resolved."
    yield _gauge("bridge_unread_deliveries", help_text, current.unread_deliveries)
    yield from _backfill_metrics(numbers.backfill_cursors, now=now)


def _gate_metrics(current: BridgeStats, *, now: datetime) -> "Iterator[Metric]":
    gate = current.gate
    closed = {cause: int(gate is not None and gate.cause == cause) for cause in CAUSES}
    yield _gauge("bridge_panelr_gate_closed", "1 while all calls pause, by cause.", closed, labels=("cause",))
    since = 0.0 if gate is None else max((now - gate.closed_at).total_seconds(), 0.0)
    yield _gauge("bridge_panelr_gate_closed_seconds", "For how long all calls have paused.", since)
    waiting = 0 if gate is None else current.due + current.later
    yield _gauge("bridge_panelr_gate_waiting", "Owed calls that wait while all calls pause.", waiting)
    age = 0.0 if current.oldest_owed is None else max((now - current.oldest_owed).total_seconds(), 0.0)
    yield _gauge("bridge_owed_oldest_seconds", "For how long the oldest owed call has been owed.", age)


def _backfill_metrics(cursors: list[BackfillCursorRow], *, now: datetime) -> "Iterator[Metric]":
    ages = {row["store"]: (now - row["ended_at"]).total_seconds() for row in cursors if row["ended_at"] is not None}
    help_text = "Time since the last complete backfill run of a store."
    yield _gauge("bridge_backfill_age_seconds", help_text, ages, labels=("store",))
    failures = {row["store"]: row["failures"] for row in cursors}
    help_text = "Backfill runs that failed since the last complete one."
    yield _gauge("bridge_backfill_failures", help_text, failures, labels=("store",))
    missed_orders = {row["store"]: row["found_in_all"] for row in cursors}
    help_text = "Orders and changes that backfill found and no webhook had reported."
    yield _counter("bridge_backfill_found", help_text, missed_orders, labels=("store",))


def _process_metrics(metrics: Metrics) -> "Iterator[Metric]":
    help_text = "Deliveries to this process, by verdict and HTTP status of the answer."
    deliveries = {(verdict, str(status)): n for (verdict, status), n in metrics.deliveries.items()}
    yield _counter("bridge_deliveries", help_text, deliveries, labels=("verdict", "answer"))
    help_text = "Calls of this process to Panelr, by action and outcome."
    yield _histogram("bridge_panelr_call_seconds", help_text, metrics.calls, labels=("action", "outcome"))
    help_text = "Time from the payment in WooCommerce to the work order that this process created."
    yield _histogram("bridge_paid_to_created_seconds", help_text, {(): metrics.paid_to_created})


def _gauge(name: str, help_text: str, values: Any, *, labels: tuple[str, ...] = ()) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    return _add_values(GaugeMetricFamily(name, help_text, labels=labels), values)


def _counter(name: str, help_text: str, values: Any, *, labels: tuple[str, ...]) -> "Metric":
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

    return _add_values(CounterMetricFamily(name, help_text, labels=labels), values)


def _add_values(family: Any, values: Any) -> "Metric":
    for label, value in (values if isinstance(values, Mapping) else {(): values}).items():
        family.add_metric((label,) if isinstance(label, str) else label, value)
    metric: Metric = family
    return metric


def _histogram(name: str, help_text: str, values: Mapping[Any, Histogram], *, labels: tuple[str, ...] = ()) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(name, help_text, labels=labels)
    for label, histogram in values.items():
        bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
        cumulative = list(zip(bounds, itertools.accumulate(histogram.counts), strict=True))
        family.add_metric(label, cumulative, histogram.sum)
    return family
