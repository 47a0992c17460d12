"""serve: the webhook route, the admin API and the worker in one process."""

import asyncio
import contextlib
import signal
import socket
from types import FrameType

import typer
import uvicorn

from panelr_bridge import logs
from panelr_bridge.cli.startup import STOP_SIGNALS, exit_immediately, freeze_garbage, prepare_database, run
from panelr_bridge.settings import load_settings, require_ready
from panelr_bridge.web.app import create_app

app = typer.Typer(add_completion=False)


@app.command()
def serve() -> None:
    """Receive webhooks, serve the admin API and run the worker.

    With BRIDGE_WORKER=false it runs no worker.
    Then start panelr-bridge worker as well.
    """
    settings = load_settings()
    require_ready(settings)
    logs.configure(settings.log_format)
    run(prepare_database(settings))
    for each in STOP_SIGNALS:
        # uvicorn raises the signal again after a clean stop: without a handler it would end the process with an error
        signal.signal(each, lambda *_: None)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the bridge uses neither the client's address nor the scheme
        timeout_graceful_shutdown=int(settings.sync_budget_seconds) + 5,
    )
    _Server(config).run()


class _Server(uvicorn.Server):
    """Stops cleanly at the first signal and immediately at the second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_requested = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        freeze_garbage()

    async def main_loop(self) -> None:
        """Update the Date header once a second. uvicorn's own loop wakes up ten times a second."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_requested.wait(), 1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at the first signal; exit immediately at the second."""
        if self.should_exit:
            exit_immediately()
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_requested.set)
