"""worker: carries out what is owed, without a server."""

import asyncio

from panelr_bridge import logs, settings
from panelr_bridge.application.container import Runtime, assembled, prepare
from panelr_bridge.cli.startup import STOPPING, end_at_once, ready_database, run, settle_memory
from panelr_bridge.settings import Settings, require_ready


def worker() -> None:
    """Work until a signal says to stop."""
    chosen = settings.load()
    require_ready(chosen)
    logs.configure(chosen.log_format)
    run(_work(chosen))


async def _work(chosen: Settings) -> None:
    await ready_database(chosen)
    async with assembled(chosen) as runtime:
        await runtime.bridge.write(prepare, rate_per_minute=chosen.panelr_rate_per_minute)
        loop = asyncio.get_running_loop()
        for each in STOPPING:
            loop.add_signal_handler(each, _stop, runtime)
        settle_memory()
        await runtime.work()


def _stop(runtime: Runtime) -> None:
    if runtime.worker.stopping:
        end_at_once()
    runtime.stop()
