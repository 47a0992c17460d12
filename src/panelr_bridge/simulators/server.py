"""Serve an ASGI app on a real loopback socket inside the running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TransportProtocol(HttpToolsProtocol):
    """HTTP protocol with the connection's transport in the scope, so that a simulator can reset the connection."""

    def on_message_begin(self) -> None:
        """Start a request. The app finds the transport under `scope["extensions"]["transport"]`."""
        super().on_message_begin()
        extensions: dict[str, Any] = {"transport": self.transport}
        self.scope["extensions"] = extensions


class EmbeddedServer(uvicorn.Server):
    """A server without signal handlers; it stops as soon as `stop` is set."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        """Run the server's periodic work every second until `stop` is set."""
        while not self.stop.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the server. Without open connections, skip the 0.1 s that uvicorn waits for them."""
        await asyncio.sleep(0)  # process disconnects that have just arrived
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def reset_connection(scope: dict[str, Any]) -> None:
    """Close the connection of the request `scope` with a TCP reset. Nothing more is sent, not even a FIN."""
    transport: asyncio.Transport = scope["extensions"]["transport"]
    reset_on_close(transport.get_extra_info("socket"))
    transport.abort()


def reset_on_close(connection: socket.socket) -> None:
    """Make the socket send a TCP reset when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@contextlib.asynccontextmanager
async def running(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` while the context is open.

    Yields the base URL without a trailing slash. Port 0 lets the system choose a port. Raises OSError if the address
    cannot be bound.
    """
    # asyncio sets TCP_NODELAY only if the protocol is given. Without it, each response on a kept connection waits 40
    # ms for the client's delayed ACK.
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
                raise RuntimeError("the simulator stopped during its start")
            await asyncio.sleep(0.005)
        bound_host, bound_port = listener.getsockname()[:2]
        yield f"http://{bound_host}:{bound_port}"
    finally:
        server.stop.set()
        await task
        listener.close()
