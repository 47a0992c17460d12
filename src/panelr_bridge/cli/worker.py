"""worker: carries out what is owed, without a server."""

import asyncio

from panelr_bridge import logs, settings
from panelr_bridge.application.container import BridgeContainer, open_container, prepare_rate_limit
from panelr_bridge.cli.startup import STOPPING, end_at_once, freeze_garbage, ready_database, run
from panelr_bridge.settings import Settings, require_ready


def worker() -> None:
    """Work until a signal says to stop."""
    chosen = settings.load()
    require_ready(chosen)
    logs.configure(chosen.log_format)
    run(_work(chosen))


async def _work(chosen: Settings) -> None:
    await ready_database(chosen)
    async with open_container(chosen) as runtime:
        await runtime.bridge.write(prepare_rate_limit, rate_per_minute=chosen.panelr_rate_per_minute)
        loop = asyncio.get_running_loop()
        for each in STOPPING:
            loop.add_signal_handler(each, _stop, runtime)
        freeze_garbage()
        await runtime.work()


def _stop(runtime: BridgeContainer) -> None:
    if runtime.worker.stopping:
        end_at_once()
    runtime.stop()
