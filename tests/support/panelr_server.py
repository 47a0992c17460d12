"""Servers on loopback that misbehave as a test says, and a client that calls one of them."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.domain.models import CartItem, ItemIntent, PriceAdjustment, WorkOrderRequest
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
from tests.support.bridge_kit import PANELR_KEY

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
TIMEOUT = 20.0
"""Seconds that a call may take where the server answers: no busy machine needs as long."""
SHORT_TIMEOUT = 1.0
"""Seconds that a call may take where the server never answers: long enough for the request to reach it."""
BOUND = 60
"""Seconds in which a call that keeps to its timeout has ended, however busy the machine is."""
NEVER = 600
"""Seconds after which a server that hangs would answer."""
REQUEST = WorkOrderRequest(
    customer_email="ada@example.test",
    status="payment_submitted",
    items=(CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=2),),
    wc_order_id="20",
    customer_name="Ada L\u00f6velace",
    payment_amount=Decimal("58.45"),
    adjustment=PriceAdjustment(direction="discount", label="SPRING", amount=Decimal("10.10")),
)
CREATE = panelr_request.create_work_order(panelr_request.dump(REQUEST))
ENVELOPE = b'{"success": true, "data": {"work_order_id": 1}, "error": null}'
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def call_panelr(url: str, *, seconds: float = TIMEOUT, key: str = PANELR_KEY) -> Outcome:
    """Send the work order to the Panelr at `url` by a client of its own."""
    async with PanelrClient(base_url=url, api_key=key, timeout_seconds=seconds) as client:
        return await client.call(CREATE, now=NOW)


@contextlib.asynccontextmanager
async def serve_connections(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve connections by `handler` on a loopback port; yields the address."""
    ended: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one whole request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head + await reader.readexactly(int(length.partition(b":")[2]))


def answer_with(*parts: bytes, pause: float = 0.0) -> Handler:
    """Return a handler that reads the request, writes `parts` and closes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return handler
