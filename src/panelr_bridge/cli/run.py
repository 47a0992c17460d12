"""serve, worker, migrate, check, demo."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import FrameType
from typing import Annotated
from urllib.parse import urljoin

import httpx
import typer
import uvicorn
from rich.markup import escape
from sqlalchemy import Connection

from panelr_bridge import logs, outcomes, settings
from panelr_bridge.calls import utc_now
from panelr_bridge.cli.console import out, require_migrated, run
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.health import Finding, examine
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.runtime import assembled, prepare, terms_of
from panelr_bridge.settings import Settings, require_ready
from panelr_bridge.steps.claim import leave
from panelr_bridge.store import database
from panelr_bridge.store import migrate as migrations
from panelr_bridge.store.database import Database, missing_file
from panelr_bridge.web.app import create_app
from panelr_bridge.worker import Worker

OVERDUE = timedelta(minutes=15)
CLOCKS_APART = timedelta(minutes=1)
STOPPING = (signal.SIGTERM, signal.SIGINT)
log = logs.get(__name__)


def serve() -> None:
    """Serve the webhook door, the admin API and, unless BRIDGE_WORKER is false, the worker."""
    chosen = settings.load()
    require_ready(chosen)
    logs.configure(chosen.log_format)
    run(_ready_database(chosen))
    for each in STOPPING:
        # uvicorn raises the signal again once it has stopped as it was told: that is no death by a signal
        signal.signal(each, lambda *_: None)
    config = uvicorn.Config(
        create_app(chosen),
        host=chosen.host,
        port=chosen.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(chosen.sync_budget_seconds) + 5,
    )
    _Server(config).run()


class _Server(uvicorn.Server):
    """Stops when it is told to; told twice, it ends at once."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self.should_exit:
            _end_at_once()
        super().handle_exit(sig, frame)


def _end_at_once() -> None:
    """Leave everything as it is: what was under way is looked up later, as after a crash."""
    log.warning("bridge.ended", reason="told to stop twice")
    sys.stdout.flush()
    os._exit(130)


async def _ready_database(chosen: Settings) -> None:
    """Bring a SQLite file to this version; PostgreSQL is shared, so its migration is a step of its own."""
    async with database.opened(chosen.database_url) as opened:
        if opened.dialect == "sqlite":
            await opened.write(migrations.upgrade)
        await require_migrated(opened)


def worker() -> None:
    """Carry out what is owed, beside servers that run with BRIDGE_WORKER=false. Any number may run."""
    chosen = settings.load()
    require_ready(chosen)
    logs.configure(chosen.log_format)
    run(_work(chosen))


async def _work(chosen: Settings) -> None:
    await _ready_database(chosen)
    async with assembled(chosen) as runtime:
        await runtime.bridge.write(prepare, rate_per_minute=chosen.panelr_rate_per_minute)
        loop = asyncio.get_running_loop()
        for each in STOPPING:
            loop.add_signal_handler(each, _stop, runtime.worker)
        await runtime.worker.run()


def _stop(worker: Worker) -> None:
    if worker.stopping:
        _end_at_once()
    worker.stop()


def migrate(
    to: Annotated[str, typer.Option(help="The revision to go to; `base` takes everything back.")] = "head",
) -> None:
    """Bring the database's tables to this version."""
    chosen = settings.load()
    run(_migrate(chosen, to))


async def _migrate(chosen: Settings, to: str) -> None:
    async with database.opened(chosen.database_url) as opened:
        if to == "base":
            await opened.write(migrations.downgrade)
            out.print("the tables are gone")
            return
        before = await opened.read(migrations.pending)
        await opened.write(migrations.upgrade, to)
        out.print("the tables are of this version now" if before else "the tables are of this version already")


def check() -> None:
    """Say in words what is misconfigured or unreachable: settings, database, migrations, Panelr, its key, the clock."""
    findings = run(_check())
    for finding in findings:
        mark = "[green]✔[/]" if finding.ok else ("[red]✘[/]" if finding.vital else "[yellow]![/]")
        out.print(f"{mark} [bold]{finding.name:<10}[/] {escape(finding.words)}", soft_wrap=True)
    if not all(finding.ok for finding in findings if finding.vital):
        raise typer.Exit(1)


async def _check() -> list[Finding]:
    try:
        chosen = settings.load()
        require_ready(chosen)
    except ConfigurationError as error:
        return [Finding(name="settings", ok=False, words=problem) for problem in error.problems]
    findings = [Finding(name="settings", ok=True, words=f"stores: {', '.join(sorted(chosen.all_stores))}")]
    findings += [Finding(name="settings", ok=False, words=words, vital=False) for words in settings.strangers()]
    if (path := missing_file(chosen.database_url)) is not None:
        words = f"there is no file {path} yet: serve or migrate makes it"
        return [*findings, Finding(name="database", ok=False, words=words), *await _outside(chosen, free=True)]
    async with database.opened(chosen.database_url) as opened:
        known = await examine(opened, now=utc_now(), overdue=OVERDUE)
        free = await _leave(opened, chosen) if all(finding.ok for finding in known if finding.vital) else True
    findings += [finding for finding in known if finding.name != "panelr"]
    return [*findings, *await _outside(chosen, free=free)]


async def _outside(chosen: Settings, *, free: bool) -> list[Finding]:
    return [await _panelr(chosen, free=free), await _clock(chosen)]


async def _leave(opened: Database, chosen: Settings) -> bool:
    """Take leave for the call: every call to Panelr counts."""

    def take(connection: Connection) -> bool:
        now = utc_now()
        prepare(connection, now, rate_per_minute=chosen.panelr_rate_per_minute)
        return leave(connection, now, terms=terms_of(chosen)) is not None

    return await opened.write(take)


async def _panelr(chosen: Settings, *, free: bool) -> Finding:
    """Ask Panelr for something cheap: it proves the address and the key."""
    address = panelr_request.entry_point(chosen.panelr_url)
    if not free:
        words = f"{address} was not asked: the calls of this minute are used up, or Panelr has asked for a pause"
        return Finding(name="panelr", ok=True, words=words)
    async with PanelrClient(
        base_url=chosen.panelr_url,
        api_key=chosen.panelr_api_key.get_secret_value(),
        timeout_seconds=chosen.panelr_timeout_seconds,
    ) as client:
        outcome = await client.call(panelr_request.get_payment_methods(), now=utc_now())
    if isinstance(outcome, outcomes.Done):
        return Finding(name="panelr", ok=True, words=f"{address} answers and accepts the key")
    return Finding(name="panelr", ok=False, words=f"{address}: {outcome.words}")


async def _clock(chosen: Settings) -> Finding:
    """Compare clocks: look-ups of lost answers go by the time at which Panelr says that it created a work order."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.head(urljoin(chosen.panelr_url, "/"))  # not the API: it counts calls without a key
        there = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, TypeError, ValueError):
        return Finding(name="clock", ok=True, words="Panelr's server does not tell its time", vital=False)
    apart = abs(datetime.now(UTC) - there)
    words = f"this clock and Panelr's are {apart.total_seconds():.0f} s apart"
    return Finding(name="clock", ok=apart <= CLOCKS_APART, words=words)


def demo() -> None:
    """Drive orders through the whole bridge, with simulators of WooCommerce and of Panelr, and show what happens."""
    from panelr_bridge.demo import play  # noqa: PLC0415  the simulators are not needed by any other command

    raise typer.Exit(0 if run(play(out)) else 1)
