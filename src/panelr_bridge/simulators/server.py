"""Serve an ASGI app on a real loopback socket, inside the running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TransportProtocol(HttpToolsProtocol):
    """Hands the connection's transport to the app, so that a simulator can reset it as a broken peer would."""

    def on_message_begin(self) -> None:
        """Start a request: its scope carries the transport under `scope["extensions"]["transport"]`."""
        super().on_message_begin()
        extensions: dict[str, Any] = {"transport": self.transport}
        self.scope["extensions"] = extensions


class EmbeddedServer(uvicorn.Server):
    """A server that leaves signals to whoever owns the event loop, and stops as soon as it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        """Do what a server does every second, until `stop` is set."""
        while not self.stop.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; where nobody is connected any more, without the tenth of a second that uvicorn gives to them."""
        await asyncio.sleep(0)  # whoever has just hung up is noticed
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def reset_connection(scope: dict[str, Any]) -> None:
    """Cut the connection of the request `scope` with a TCP reset: nothing more is sent, not even a FIN."""
    transport: asyncio.Transport = scope["extensions"]["transport"]
    reset_on_close(transport.get_extra_info("socket"))
    transport.abort()


def reset_on_close(raw: socket.socket) -> None:
    """Let the closing of a socket be a reset."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@contextlib.asynccontextmanager
async def running(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` while the context is open.

    Yields the base URL, without a slash on its end. Port 0 lets the system choose one.
    Raises OSError when the address cannot be bound.
    """
    # asyncio sets TCP_NODELAY only where the protocol is named; without it, every answer on a kept connection
    # waits 40 ms for the client's delayed ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    config = uvicorn.Config(
        app, http=TransportProtocol, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    server = EmbeddedServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the simulator stopped while it started")
            await asyncio.sleep(0.005)
        bound_host, bound_port = listener.getsockname()[:2]
        yield f"http://{bound_host}:{bound_port}"
    finally:
        server.stop.set()
        await task
        listener.close()
