"""check: find what is configured wrong or cannot be reached."""

from dataclasses import replace
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
from panelr_bridge.application.health import (
    WEBHOOKS_PREFIX,
    check_gate,
    check_store,
    describe_store,
    run_checks,
    run_delivery_checks,
)
from panelr_bridge.application.health_check import HealthCheck
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.panelr_probe import PanelrProbe
from panelr_bridge.application.webhook_monitor import check_webhooks
from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.domain import call_outcome
from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.domain.models import KnownStore
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
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
        for line in each.details:
            out.print(f"    {escape(line)}", soft_wrap=True)
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
        return [*checks, await _check_panelr(settings, None), *await _check_others(settings)]
    async with open_database(settings.database_url) as database:
        stored = await run_checks(
            database, now=utc_now(), overdue=OVERDUE, backfill_intervals=backfill_intervals(settings)
        )
        if _can_count(stored):
            stored += await run_delivery_checks(database, now=utc_now())
            for name in sorted(settings.all_stores):
                stored.append(await database.read(check_store, name, policy=settings.policy, now=utc_now()))
        panelr = await _check_panelr(settings, database if _can_count(stored) else None)
    # Panelr and the shops are called now, so what the worker stored about them is left out
    checks += [each for each in stored if each.name != "panelr" and not each.name.startswith(WEBHOOKS_PREFIX)]
    return [*checks, panelr, *await _check_others(settings)]


async def check_panelr(settings: Settings) -> HealthCheck:
    """Call Panelr, unless the rate limit has no free slot."""
    if missing_sqlite_file(settings.database_url) is not None:
        return await _check_panelr(settings, None)
    async with open_database(settings.database_url) as database:
        stored = await run_checks(database, now=utc_now(), overdue=OVERDUE)
        return await _check_panelr(settings, database if _can_count(stored) else None)


async def check_orders(settings: Settings, store: str) -> HealthCheck:
    """Say from when on a store's orders count and which shop they come from."""
    if missing_sqlite_file(settings.database_url) is None:
        async with open_database(settings.database_url) as database:
            if _can_count(await run_checks(database, now=utc_now(), overdue=OVERDUE)):
                return await database.read(check_store, store, policy=settings.policy, now=utc_now())
    return HealthCheck(name="orders", ok=True, words=describe_store(KnownStore(store), settings.policy))


def _can_count(stored: list[HealthCheck]) -> bool:
    """Return whether the database can count a call in the rate limit."""
    return all(each.ok for each in stored if each.name in {"database", "migrations"})


def _all_vital_ok(checks: list[HealthCheck]) -> bool:
    return all(each.ok for each in checks if each.vital)


async def _check_others(settings: Settings) -> list[HealthCheck]:
    return [await _check_clock(settings), *await _check_shops(settings)]


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


async def _check_panelr(settings: Settings, database: Database | None) -> HealthCheck:
    """Read Panelr's payment methods: a cheap call that proves the address and the key.

    With a database the call counts in the rate limit, and opens a closed gate if it succeeds.
    """
    async with panelr_client(settings) as client:
        call = panelr_request.get_payment_methods()
        if database is None:
            for address in client.addresses:
                client.use(address)
                outcome = await client.call(call, now=utc_now())
                if isinstance(outcome, call_outcome.Done):
                    break
            return _describe_call(client, outcome)
        await database.write(_prepare, rate_per_minute=settings.panelr_rate_per_minute)
        probe = PanelrProbe(
            database=database, panelr=client, call_policy=call_policy(settings), clock=utc_now, call=call
        )
        await probe.start()
        await probe.drain()
        panelr = _describe_call(client, probe.outcome)
        gate = await database.read(check_gate, now=utc_now())
        return panelr if panelr.ok or gate.ok else replace(panelr, words=f"{panelr.words}. {gate.words}")


def _prepare(connection: Connection, *, rate_per_minute: int) -> None:
    prepare_rate_limit(connection, utc_now(), rate_per_minute=rate_per_minute)


def _describe_call(client: PanelrClient, outcome: Outcome | None) -> HealthCheck:
    address = client.address or " or ".join(client.addresses)
    if outcome is None:
        words = f"{address} was not called: the rate limit is used up, or Panelr asked for a pause. Try again later"
        return HealthCheck(name="panelr", ok=True, words=words)
    if isinstance(outcome, call_outcome.Done):
        return HealthCheck(name="panelr", ok=True, words=f"calls go to {address}: it answers and accepts the key")
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
