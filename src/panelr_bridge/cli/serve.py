"""serve: the webhook door, the admin API and the worker in one process."""

import asyncio
import contextlib
import signal
import socket
from types import FrameType

import uvicorn

from panelr_bridge import logs, settings
from panelr_bridge.cli.startup import STOPPING, end_at_once, freeze_garbage, ready_database, run
from panelr_bridge.settings import require_ready
from panelr_bridge.web.app import create_app


def serve() -> None:
    """Serve until a signal says to stop."""
    chosen = settings.load()
    require_ready(chosen)
    logs.configure(chosen.log_format)
    run(ready_database(chosen))
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
        proxy_headers=False,  # nobody here asks where a request came from, or whether over TLS
        timeout_graceful_shutdown=int(chosen.sync_budget_seconds) + 5,
    )
    _Server(config).run()


class _Server(uvicorn.Server):
    """Stops when it is told to; told twice, it ends at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        freeze_garbage()

    async def main_loop(self) -> None:
        """Do what a server does every second, for the answers' Date; uvicorn's own wakes up ten times as often."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self.should_exit:
            end_at_once()
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)
