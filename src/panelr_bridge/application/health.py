"""What stands in the bridge's way, in words: the same findings for `/readyz` and for `panelr-bridge check`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from panelr_bridge.application.transactions.claim_call import RATE
from panelr_bridge.store import (
    backfill_cursors,
    deliveries,
    owed_calls,
    rate_limit,
    schema_version,
    webhook_health,
)
from panelr_bridge.store import database as store
from panelr_bridge.store.database import Database
from panelr_bridge.store.tables import Row

LOOK_BACK = timedelta(days=1)
CLOCKS_APART = timedelta(seconds=5)
FAILING = timedelta(hours=1)
MISSED = 10
"""How many of a store's walks may be left out before that is told."""
SHOP = "webhooks:"
"""What a finding about a shop's webhooks is called, before the store's name."""
UNASKED = timedelta(hours=1)
"""After this long nobody can say any more that a shop's webhooks are well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """One thing that was looked at. Without a `vital` one the bridge cannot do its work."""

    name: str
    ok: bool
    words: str
    vital: bool = True


async def run_checks(
    database: Database, *, now: datetime, overdue: timedelta, asked: Mapping[str, timedelta] | None = None
) -> list[HealthCheck]:
    """Look at everything that the database knows; a backlog is too old when it is due for longer than `overdue`.

    `asked` are the stores that are asked for their orders, and how often.
    """
    try:
        await database.read(_answers)
    except Exception as error:  # noqa: BLE001  whatever is wrong with the database, it is told and not raised
        return [HealthCheck(name="database", ok=False, words=f"the database does not answer: {type(error).__name__}")]
    found = [HealthCheck(name="database", ok=True, words="the database answers")]
    if await database.read(schema_version.is_behind):
        return [*found, HealthCheck(name="migrations", ok=False, words="run: panelr-bridge migrate")]
    found.append(HealthCheck(name="migrations", ok=True, words="the tables are of this version"))
    return found + await database.read(_look, now=now, overdue=overdue, asked=asked or {})


def _answers(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def _look(
    connection: Connection, *, now: datetime, overdue: timedelta, asked: Mapping[str, timedelta]
) -> list[HealthCheck]:
    found = [
        _clock(store.database_time(connection), now=now),
        _panelr(rate_limit.gate(connection, name=RATE)),
        _backlog(owed_calls.next_at(connection), now=now, overdue=overdue),
        _webhooks(deliveries.problems(connection, since=now - LOOK_BACK)),
        *(_shop(row, now=now) for row in webhook_health.list_all(connection)),
    ]
    walks = {row["store"]: row for row in backfill_cursors.list_all(connection)} if asked else {}
    troubles = [
        f"{store}: {words}"
        for store, every in sorted(asked.items())
        if (words := _trouble(walks.get(store), every, now=now))
    ]
    if asked:
        words = "; ".join(troubles) or "every store was asked for its orders"
        found.append(HealthCheck(name="backfill", ok=not troubles, words=words, vital=False))
    return found


def _trouble(row: Row | None, every: timedelta, *, now: datetime) -> str | None:
    """Return what is wrong with the walks through a store's orders; None while nothing is."""
    if row is None:
        return "it has not been asked for its orders yet: is a worker running?"
    since = row["failing_since"]
    if since is not None and now - since > FAILING:
        return f"asking it for its orders has failed since {since:%Y-%m-%d %H:%M} UTC: {row['words']}"
    walking = row["lease_until"] is not None and row["lease_until"] >= now
    if not walking and now - row["next_at"] > MISSED * every:
        minutes = int((now - row["next_at"]).total_seconds() // 60)
        return f"it should have been asked for its orders {minutes} minutes ago: is a worker running?"
    return None


def _clock(there: datetime | None, *, now: datetime) -> HealthCheck:
    """Leases are taken and ended by each machine's clock."""
    apart = timedelta(0) if there is None else abs(now - there)
    words = f"this clock and the database's are {apart.total_seconds():.0f} s apart"
    return HealthCheck(name="time", ok=apart <= CLOCKS_APART, words=words)


def _panelr(gate: rate_limit.GateStatus | None) -> HealthCheck:
    if gate is None:
        return HealthCheck(name="panelr", ok=True, words="no pause is in force")
    causes = {"throttled": "Panelr asks for a pause", "misconfigured": "Panelr does not accept the key or the address"}
    words = f"{causes[gate.cause]}; tried again at {gate.closed_until:%H:%M:%S} UTC"
    return HealthCheck(name="panelr", ok=gate.cause == "throttled", words=words)  # a pause is no trouble of ours


def _backlog(oldest: datetime | None, *, now: datetime, overdue: timedelta) -> HealthCheck:
    late = now - oldest if oldest is not None else timedelta(0)
    if late <= overdue:
        return HealthCheck(name="backlog", ok=True, words="nothing is overdue")
    minutes = int(late.total_seconds() // 60)
    return HealthCheck(
        name="backlog", ok=False, words=f"the oldest call has been due for {minutes} minutes: is a worker running?"
    )


def _webhooks(problems: list[Row]) -> HealthCheck:
    if not problems:
        return HealthCheck(name="webhooks", ok=True, words="every delivery of the last day could be read", vital=False)
    newest = problems[0]
    words = f"{len(problems)} deliveries of the last day brought no order; the newest: {newest['words']}"
    return HealthCheck(name="webhooks", ok=False, words=words, vital=False)


def _shop(row: Row, *, now: datetime) -> HealthCheck:
    """What a shop told of its webhooks when the worker asked it last."""
    unasked = now - row["looked_at"] > UNASKED
    words = (
        f"{row['words']} (asked at {row['looked_at']:%Y-%m-%d %H:%M} UTC{'; is a worker running?' if unasked else ''})"
    )
    return HealthCheck(name=f"{SHOP}{row['store']}", ok=row["ok"] and not unasked, words=words, vital=False)
