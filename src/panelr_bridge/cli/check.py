"""check: find what is configured wrong or cannot be reached."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx
import typer
from rich.markup import escape
from sqlalchemy import Connection

from panelr_bridge.application.container import (
    backfill_intervals,
    call_policy,
    delivery_endpoint,
    panelr_client,
    prepare_rate_limit,
    shop_client,
)
from panelr_bridge.application.health import WEBHOOKS_PREFIX, HealthCheck, run_checks
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.transactions.rate_gate import take_slot
from panelr_bridge.application.webhook_monitor import check_webhooks
from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.domain import call_outcome
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.settings import Settings, find_unknown_settings, load_settings, prefix_of, require_ready
from panelr_bridge.store.database import Database, missing_sqlite_file, open_database

OVERDUE = timedelta(minutes=15)
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)

app = typer.Typer(add_completion=False)


@app.command()
def check() -> None:
    """Check settings, database, Panelr, clock and webhooks.

    Prints one line for each check. ✔ is fine, ! is a warning, ✘ is an error.
    The exit code is 1 if there is an error.
    """
    checks = run(collect_checks())
    for each in checks:
        symbol = "[green]✔[/]" if each.ok else ("[red]✘[/]" if each.vital else "[yellow]![/]")
        out.print(f"{symbol} [bold]{each.name:<10}[/] {escape(each.words)}", soft_wrap=True)
    if not _all_vital_ok(checks):
        raise typer.Exit(1)


async def collect_checks() -> list[HealthCheck]:
    """Run every check. Wrong settings end it early, because the other checks need them."""
    try:
        settings = load_settings()
        require_ready(settings)
    except ConfigurationError as error:
        return [HealthCheck(name="settings", ok=False, words=problem) for problem in error.problems]
    checks = [HealthCheck(name="settings", ok=True, words=f"stores: {', '.join(sorted(settings.all_stores))}")]
    checks += [HealthCheck(name="settings", ok=False, words=words, vital=False) for words in find_unknown_settings()]
    if (path := missing_sqlite_file(settings.database_url)) is not None:
        words = f"there is no file {path} yet: run panelr-bridge migrate, or start the bridge"
        checks.append(HealthCheck(name="database", ok=False, words=words))
        return [*checks, *await _check_services(settings, has_slot=True)]
    async with open_database(settings.database_url) as database:
        stored = await run_checks(
            database, now=utc_now(), overdue=OVERDUE, backfill_intervals=backfill_intervals(settings)
        )
        has_slot = await _take_slot(database, settings) if _all_vital_ok(stored) else True
    # Panelr and the shops are called now, so what the worker stored about them is left out
    checks += [each for each in stored if each.name != "panelr" and not each.name.startswith(WEBHOOKS_PREFIX)]
    return [*checks, *await _check_services(settings, has_slot=has_slot)]


async def check_panelr(settings: Settings) -> HealthCheck:
    """Call Panelr, unless the rate limit has no free slot."""
    has_slot = True
    if missing_sqlite_file(settings.database_url) is None:
        async with open_database(settings.database_url) as database:
            stored = await run_checks(database, now=utc_now(), overdue=OVERDUE)
            has_slot = await _take_slot(database, settings) if _all_vital_ok(stored) else True
    return await _call_panelr(settings, has_slot=has_slot)


def _all_vital_ok(checks: list[HealthCheck]) -> bool:
    return all(each.ok for each in checks if each.vital)


async def _check_services(settings: Settings, *, has_slot: bool) -> list[HealthCheck]:
    return [
        await _call_panelr(settings, has_slot=has_slot),
        await _check_clock(settings),
        *await _check_shops(settings),
    ]


async def _check_shops(settings: Settings) -> list[HealthCheck]:
    """Read the webhooks of each shop."""
    checks = []
    for name, store in sorted(settings.all_stores.items()):
        ok, words = True, f"webhooks not checked: set {prefix_of(name)}WOO_URL, WOO_KEY and WOO_SECRET"
        if store.has_api:
            async with shop_client(store) as client:
                ok, words = await check_webhooks(client, delivery_endpoint(name, settings.public_url))
        checks.append(HealthCheck(name=f"{WEBHOOKS_PREFIX}{name}", ok=ok, words=words, vital=False))
    return checks


async def _take_slot(database: Database, settings: Settings) -> bool:
    """Take a slot of the rate limit: each call to Panelr counts, also the one of this command."""

    def take(connection: Connection) -> bool:
        now = utc_now()
        prepare_rate_limit(connection, now, rate_per_minute=settings.panelr_rate_per_minute)
        return take_slot(connection, now, call_policy=call_policy(settings)) is not None

    return await database.write(take)


async def _call_panelr(settings: Settings, *, has_slot: bool) -> HealthCheck:
    """Read Panelr's payment methods: a cheap call that proves the address and the key."""
    address = panelr_request.entry_point(settings.panelr_url)
    if not has_slot:
        words = f"{address} was not called: the rate limit is used up, or Panelr asked for a pause. Try again later"
        return HealthCheck(name="panelr", ok=True, words=words)
    async with panelr_client(settings) as client:
        outcome = await client.call(panelr_request.get_payment_methods(), now=utc_now())
    if isinstance(outcome, call_outcome.Done):
        return HealthCheck(name="panelr", ok=True, words=f"{address} answers and accepts the key")
    return HealthCheck(name="panelr", ok=False, words=f"{address}: {outcome.words}")


async def _check_clock(settings: Settings) -> HealthCheck:
    """Compare this clock with Panelr's: look-ups of lost answers use the time that Panelr gives to a work order."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.head(urljoin(settings.panelr_url, "/"))  # not the API: it counts calls without a key
        panelr_time = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, TypeError, ValueError):
        return HealthCheck(name="clock", ok=True, words="not compared: Panelr's server sends no time", vital=False)
    difference = abs(datetime.now(UTC) - panelr_time)
    words = f"this clock and Panelr's differ by {difference.total_seconds():.0f} s"
    if difference <= MAX_CLOCK_DIFFERENCE:
        return HealthCheck(name="clock", ok=True, words=words)
    return HealthCheck(name="clock", ok=False, words=f"{words}: set this clock by a time server (NTP)")
