"""worker: make the owed calls without a server."""

import asyncio

import typer

from panelr_bridge import logs
from panelr_bridge.application.container import BridgeContainer, open_container, prepare_rate_limit
from panelr_bridge.cli.startup import STOP_SIGNALS, exit_immediately, freeze_garbage, prepare_database, run
from panelr_bridge.settings import Settings, load_settings, require_ready

app = typer.Typer(add_completion=False)


@app.command()
def worker() -> None:
    """Run only the worker, as a process of its own.

    Use it with servers that have BRIDGE_WORKER=false.
    Several workers may run at the same time.
    """
    settings = load_settings()
    require_ready(settings)
    logs.configure(settings.log_format)
    run(_work(settings))


async def _work(settings: Settings) -> None:
    await prepare_database(settings)
    async with open_container(settings) as container:
        await container.bridge.write(prepare_rate_limit, rate_per_minute=settings.panelr_rate_per_minute)
        loop = asyncio.get_running_loop()
        for each in STOP_SIGNALS:
            loop.add_signal_handler(each, _stop, container)
        freeze_garbage()
        await container.work()


def _stop(container: BridgeContainer) -> None:
    if container.worker.stopping:
        exit_immediately()
    container.stop()
