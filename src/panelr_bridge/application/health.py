"""Health checks with messages for people, shared by `/readyz` and `panelr-bridge check`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from panelr_bridge.application.delivery_checks import check_refused, check_topics, check_unread
from panelr_bridge.application.health_check import HealthCheck, count, format_since
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.models import KnownStore, OrderPolicy
from panelr_bridge.domain.order_age import DEFAULT_AGE, orders_since
from panelr_bridge.domain.order_identity import describe_sources, is_other_source
from panelr_bridge.store import (
    backfill_cursors,
    known_stores,
    orders,
    owed_calls,
    rate_limit,
    schema_version,
    webhook_health,
)
from panelr_bridge.store import database as store
from panelr_bridge.store.database import Database
from panelr_bridge.store.rows import BackfillCursorRow, WebhookHealthRow

CLOCKS_APART = timedelta(seconds=5)
BACKFILL_FAILING = timedelta(hours=1)
"""How long a store's backfill may fail before the check does."""
MISSED_RUNS = 10
"""How many of a store's backfill runs may be missed before the check fails."""
WEBHOOKS_PREFIX = "webhooks:"
"""The name of the check of a shop's webhooks is this prefix and the store's name."""
ORDERS_PREFIX = "orders:"
"""The name of the check of a store's orders is this prefix and the store's name."""
STALE = timedelta(hours=1)
"""After this long, the stored state of a shop's webhooks is no longer trusted."""


async def run_checks(
    database: Database,
    *,
    now: datetime,
    overdue: timedelta,
    backfill_intervals: Mapping[str, timedelta] | None = None,
) -> list[HealthCheck]:
    """Run every check that needs only the database. Never raises if the database is unavailable.

    The backlog check fails if a call has been due, or has failed again and again, for longer than `overdue`; the latter
    counts from when the call came to be owed, not from its next try. `backfill_intervals` maps each store
    with a periodic backfill to the time between two runs.
    """
    try:
        await database.read(_ping_database)
    except Exception as error:  # noqa: BLE001  any database error is a finding
        return [HealthCheck(name="database", ok=False, words=f"the database does not answer: {type(error).__name__}")]
    checks = [HealthCheck(name="database", ok=True, words="the database answers")]
    if await database.read(schema_version.is_behind):
        return [*checks, HealthCheck(name="migrations", ok=False, words="run: panelr-bridge migrate")]
    checks.append(HealthCheck(name="migrations", ok=True, words="the tables are of this version"))
    intervals = backfill_intervals or {}
    return checks + await database.read(_check_tables, now=now, overdue=overdue, backfill_intervals=intervals)


async def run_delivery_checks(database: Database, *, now: datetime) -> list[HealthCheck]:
    """Check for wrong secrets and unused topics. Needs the tables of this version. For operators alone."""
    return [await database.read(check_refused, now=now), await database.read(check_topics, now=now)]


def check_store(connection: Connection, name: str, *, policy: OrderPolicy, now: datetime) -> HealthCheck:
    """Say from when on a store's orders count and which shop they come from; fail if another shop's orders are held."""
    known = known_stores.find(connection, name)
    words = describe_store(known, policy)
    others = {
        source: number
        for source, number in orders.count_held_by_source(connection, store=name).items()
        if is_other_source(source, known, policy)
    }
    if others:
        held = ", ".join(f"{count(number, 'order')} of {source}" for source, number in sorted(others.items()))
        words = f"{words}; held because another shop sent them: {held}. If the shop moved, set BRIDGE_SHOP_ADDRESSES"
    since = orders_since(known, policy)
    is_late = since is not None and since > now
    words = f"{words}: that is in the future, so no order gets a work order" if is_late else words
    return HealthCheck(name=f"{ORDERS_PREFIX}{name}", ok=not others and not is_late, words=words, vital=False)


def describe_store(known: KnownStore, policy: OrderPolicy) -> str:
    """Return from when on a store's orders count, and which shop they come from, as text."""
    sources = describe_sources(known, policy)
    origin = f"orders come from {sources}" if sources else "the first delivery says which shop orders come from"
    since = orders_since(known, policy)
    if since is None:
        return f"{origin}; they count from {DEFAULT_AGE.days} days before the first delivery on"
    reason = "BRIDGE_ORDERS_SINCE" if known.name in policy.orders_since else f"{DEFAULT_AGE.days} days before the first"
    return f"{origin}; they count if they were made since {since:%Y-%m-%d %H:%M} UTC ({reason})"


def _ping_database(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def _check_tables(
    connection: Connection, *, now: datetime, overdue: timedelta, backfill_intervals: Mapping[str, timedelta]
) -> list[HealthCheck]:
    checks = [
        _check_clock(store.database_time(connection), now=now),
        check_gate(connection, now=now),
        _check_backlog(owed_calls.next_at(connection), owed_calls.oldest_failing(connection), now=now, overdue=overdue),
        check_unread(connection, now=now),
        *(_check_webhooks(row, now=now) for row in webhook_health.list_all(connection)),
    ]
    if backfill_intervals:
        checks.append(_check_backfill(backfill_cursors.list_all(connection), backfill_intervals, now=now))
    return checks


def _check_clock(database_time: datetime | None, *, now: datetime) -> HealthCheck:
    """Compare clocks: each machine sets and ends leases by its own."""
    apart = timedelta(0) if database_time is None else abs(now - database_time)
    words = f"this clock and the database's are {apart.total_seconds():.0f} s apart"
    return HealthCheck(name="time", ok=apart <= CLOCKS_APART, words=words)


def check_gate(connection: Connection, *, now: datetime) -> HealthCheck:
    """Fail if Panelr is unreachable or rejects the settings. A pause that Panelr asked for is normal operation."""
    gate = rate_limit.gate(connection, name=RATE)
    if gate is None:
        return HealthCheck(name="panelr", ok=True, words="calls are not paused")
    causes = {
        "throttled": "Panelr asked for a pause",
        "misconfigured": f"Panelr does not accept the key or the address ({gate.words})",
        "unreachable": f"Panelr is unreachable ({gate.words})",
    }
    waiting = owed_calls.count_waiting(connection)
    since = format_since(gate.closed_at, now=now)
    words = (
        f"{causes[gate.cause]} since {since}, {count(waiting, 'order')} wait{'s' if waiting == 1 else ''};"
        f" next try at {gate.closed_until:%H:%M:%S} UTC"
    )
    return HealthCheck(name="panelr", ok=gate.cause == "throttled", words=words)


def _check_backlog(
    oldest_due: datetime | None, oldest_failing: datetime | None, *, now: datetime, overdue: timedelta
) -> HealthCheck:
    late = now - (oldest_due or now)
    owed_for = now - (oldest_failing or now)
    if max(late, owed_for) <= overdue:
        return HealthCheck(name="backlog", ok=True, words="no call is overdue")
    words = f"the oldest call has been due for {_minutes(late)} minutes: is a worker running?"
    if owed_for >= late:
        words = f"the oldest call has failed for {_minutes(owed_for)} minutes: see the reasons of the queued orders"
    return HealthCheck(name="backlog", ok=False, words=words)


def _check_webhooks(row: WebhookHealthRow, *, now: datetime) -> HealthCheck:
    """Report the state of a shop's webhooks at the worker's last look at them."""
    is_stale = now - row["looked_at"] > STALE
    hint = "; is a worker running?" if is_stale else ""
    words = f"{row['words']} (asked at {row['looked_at']:%Y-%m-%d %H:%M} UTC{hint})"
    return HealthCheck(name=f"{WEBHOOKS_PREFIX}{row['store']}", ok=row["ok"] and not is_stale, words=words, vital=False)


def _check_backfill(rows: list[BackfillCursorRow], intervals: Mapping[str, timedelta], *, now: datetime) -> HealthCheck:
    cursors = {row["store"]: row for row in rows}
    problems = [
        f"{name}: {problem}"
        for name, every in sorted(intervals.items())
        if (problem := _find_backfill_problem(cursors.get(name), every, now=now))
    ]
    words = "; ".join(problems) or "every store's backfill is on time"
    return HealthCheck(name="backfill", ok=not problems, words=words, vital=False)


def _find_backfill_problem(cursor: BackfillCursorRow | None, every: timedelta, *, now: datetime) -> str | None:
    """Return what is wrong with a store's backfill, None if it is well."""
    if cursor is None:
        return "the backfill has not run yet: is a worker running?"
    since = cursor["failing_since"]
    if since is not None and now - since > BACKFILL_FAILING:
        return f"the backfill has failed since {since:%Y-%m-%d %H:%M} UTC: {cursor['words']}"
    is_running = cursor["lease_until"] is not None and cursor["lease_until"] >= now
    if not is_running and now - cursor["next_at"] > MISSED_RUNS * every:
        late = _minutes(now - cursor["next_at"])
        return f"the backfill should have run {late} minutes ago: is a worker running?"
    return None


def _minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)
