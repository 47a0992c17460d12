"""check: what is misconfigured or unreachable, in words."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx
from rich.markup import escape
from sqlalchemy import Connection

from panelr_bridge import settings
from panelr_bridge.application.container import (
    backfill_intervals,
    call_policy,
    delivery_endpoint,
    prepare_rate_limit,
    shop_client,
)
from panelr_bridge.application.health import WEBHOOKS_PREFIX, HealthCheck, run_checks
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.transactions.claim_call import take_slot
from panelr_bridge.application.webhook_monitor import check_webhooks
from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.domain import call_outcome
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.settings import Settings, require_ready
from panelr_bridge.store import database
from panelr_bridge.store.database import Database, missing_sqlite_file

OVERDUE = timedelta(minutes=15)
CLOCKS_APART = timedelta(minutes=1)


def check() -> bool:
    """Print every finding; returns whether the bridge can do its work."""
    findings = run(_check())
    for finding in findings:
        mark = "[green]✔[/]" if finding.ok else ("[red]✘[/]" if finding.vital else "[yellow]![/]")
        out.print(f"{mark} [bold]{finding.name:<10}[/] {escape(finding.words)}", soft_wrap=True)
    return all(finding.ok for finding in findings if finding.vital)


async def _check() -> list[HealthCheck]:
    try:
        chosen = settings.load()
        require_ready(chosen)
    except ConfigurationError as error:
        return [HealthCheck(name="settings", ok=False, words=problem) for problem in error.problems]
    findings = [HealthCheck(name="settings", ok=True, words=f"stores: {', '.join(sorted(chosen.all_stores))}")]
    findings += [HealthCheck(name="settings", ok=False, words=words, vital=False) for words in settings.strangers()]
    if (path := missing_sqlite_file(chosen.database_url)) is not None:
        words = f"there is no file {path} yet: serve or migrate makes it"
        return [*findings, HealthCheck(name="database", ok=False, words=words), *await _outside(chosen, free=True)]
    async with database.open_database(chosen.database_url) as opened:
        known = await run_checks(opened, now=utc_now(), overdue=OVERDUE, backfill_intervals=backfill_intervals(chosen))
        free = await _leave(opened, chosen) if all(finding.ok for finding in known if finding.vital) else True
    findings += [
        finding for finding in known if finding.name != "panelr" and not finding.name.startswith(WEBHOOKS_PREFIX)
    ]
    return [*findings, *await _outside(chosen, free=free)]


async def _outside(chosen: Settings, *, free: bool) -> list[HealthCheck]:
    return [await _panelr(chosen, free=free), await _clock(chosen), *await _shops(chosen)]


async def panelr(chosen: Settings) -> HealthCheck:
    """Ask Panelr now, unless its limit leaves no call for that."""
    free = True
    if missing_sqlite_file(chosen.database_url) is None:
        async with database.open_database(chosen.database_url) as opened:
            known = await run_checks(opened, now=utc_now(), overdue=OVERDUE)
            free = await _leave(opened, chosen) if all(finding.ok for finding in known if finding.vital) else True
    return await _panelr(chosen, free=free)


async def _shops(chosen: Settings) -> list[HealthCheck]:
    """Ask each shop for its webhooks."""
    found = []
    for name, store in sorted(chosen.all_stores.items()):
        ok, words = True, "the state of its webhooks is unknown: BRIDGE_WOO_URL and its key are not set"
        if store.has_api:
            async with shop_client(store) as client:
                ok, words = await check_webhooks(client, delivery_endpoint(name, chosen.public_url))
        found.append(HealthCheck(name=f"{WEBHOOKS_PREFIX}{name}", ok=ok, words=words, vital=False))
    return found


async def _leave(opened: Database, chosen: Settings) -> bool:
    """Take leave for the call: every call to Panelr counts."""

    def take(connection: Connection) -> bool:
        now = utc_now()
        prepare_rate_limit(connection, now, rate_per_minute=chosen.panelr_rate_per_minute)
        return take_slot(connection, now, call_policy=call_policy(chosen)) is not None

    return await opened.write(take)


async def _panelr(chosen: Settings, *, free: bool) -> HealthCheck:
    """Ask Panelr for something cheap: it proves the address and the key."""
    address = panelr_request.entry_point(chosen.panelr_url)
    if not free:
        words = f"{address} was not asked: the calls of this minute are used up, or Panelr has asked for a pause"
        return HealthCheck(name="panelr", ok=True, words=words)
    async with PanelrClient(
        base_url=chosen.panelr_url,
        api_key=chosen.panelr_api_key.get_secret_value(),
        timeout_seconds=chosen.panelr_timeout_seconds,
    ) as client:
        outcome = await client.call(panelr_request.get_payment_methods(), now=utc_now())
    if isinstance(outcome, call_outcome.Done):
        return HealthCheck(name="panelr", ok=True, words=f"{address} answers and accepts the key")
    return HealthCheck(name="panelr", ok=False, words=f"{address}: {outcome.words}")


async def _clock(chosen: Settings) -> HealthCheck:
    """Compare clocks: look-ups of lost answers go by the time at which Panelr says that it created a work order."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.head(urljoin(chosen.panelr_url, "/"))  # not the API: it counts calls without a key
        there = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, TypeError, ValueError):
        return HealthCheck(name="clock", ok=True, words="Panelr's server does not tell its time", vital=False)
    apart = abs(datetime.now(UTC) - there)
    words = f"this clock and Panelr's are {apart.total_seconds():.0f} s apart"
    return HealthCheck(name="clock", ok=apart <= CLOCKS_APART, words=words)
