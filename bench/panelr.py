"""A Panelr with minimal cost: it creates work orders after an adjustable delay, and counts them.

Every work order is completed at once, so the bridge does not ask for its status a minute later; that request is not
measured here.

`python -m bench.panelr PORT` serves create_work_order with the envelope of Panelr's API, `GET /counts` and `GET
/delay?ms=200`; `PanelrProcess` is the client for the last two.
"""

import asyncio
import contextlib
import http.client
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from bench.processes import ServerProcess, run_process
from tests.support.ports import free_port

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CREATE = b"POST /api/api.php?action=create_work_order "
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
_EMPTY = b'{"success": true, "data": [], "error": null}'
_PRODUCTS = json.dumps({"success": True, "data": [{"id": number} for number in range(1, 7)], "error": None}).encode()
"""The bridge checks new mappings with these, before the measurements."""
_QUOTE = b'{"success": true, "data": {"bundles": [], "coupon": null, "adjustment": null}, "error": null}'
_ANSWERS = {
    b"get_products": _PRODUCTS,
    b"get_payment_methods": _EMPTY,
    b"get_store_settings": _EMPTY,
    b"quote_cart": _QUOTE,
}
"""What the bridge asks when it starts, and its probe."""


class CountingPanel:
    """The created work orders, shared by all connections."""

    def __init__(self) -> None:
        self.created: Counter[str] = Counter()
        self.delay = 0.0
        self.number = self.others = self.in_flight = self.peak = 0

    def create(self, body: bytes) -> bytes:
        """Create a work order and return the body of the answer."""
        content = json.loads(body)
        self.created[content["wc_order_id"]] += 1
        self.number = number = self.number + 1
        return (
            b'{"success": true, "data": {"work_order_id": %d, "reference_code": "WO-2026-%06d",'
            b' "confirmation_token": "%032x", "status": "completed", "type": "new_activation", "item_count": %d,'
            b' "order_total": 10.83, "credits_spent": 0}, "error": null}'
        ) % (number, number, number, len(content["items"]))

    def answer(self, head: bytes) -> bytes | None:
        """Return the body of the answer to any other request; None for an unsupported action."""
        path = head.split(b" ", 2)[1]
        if path == b"/counts":
            return json.dumps({"created": self.created, "others": self.others, "peak": self.peak}).encode()
        if path.startswith(b"/delay?ms="):
            self.delay, self.peak = int(path.partition(b"=")[2]) / 1000, 0
            return _EMPTY
        known = _ANSWERS.get(path.rpartition(b"?action=")[2])
        if known is not None:
            return known
        self.others += 1
        return None


class PanelConnection(asyncio.Protocol):
    """One kept-alive connection. It answers its requests one after another."""

    def __init__(self, panel: CountingPanel) -> None:
        self._panel = panel
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            self._handle(head, body)

    def _handle(self, head: bytes, body: bytes) -> None:
        panel = self._panel
        if not head.startswith(_CREATE):
            self._send(panel.answer(head))
            return
        panel.in_flight += 1
        panel.peak = max(panel.peak, panel.in_flight)
        answer = panel.create(body)
        if panel.delay:
            self._loop.call_later(panel.delay, self._finish_create, answer)
        else:
            self._finish_create(answer)

    def _finish_create(self, answer: bytes) -> None:
        self._panel.in_flight -= 1
        self._send(answer)

    def _send(self, body: bytes | None) -> None:
        if self._transport.is_closing():
            return
        # An empty answer to a look-up would make the bridge send the order again. With 503 it stays unconfirmed, and
        # the run reports it.
        self._transport.write(_UNAVAILABLE if body is None else _HEAD % len(body) + body)


@dataclass(frozen=True, slots=True)
class PanelCounts:
    """Requests so far: work orders by order id, other requests, and the peak of concurrent creates."""

    created: dict[int, int]
    others: int
    peak: int


@dataclass(frozen=True, slots=True)
class PanelrProcess:
    """A running Panelr of this module."""

    process: ServerProcess

    def delay(self, milliseconds: int) -> None:
        """Set the delay of every create."""
        self._get(f"/delay?ms={milliseconds}")

    def counts(self) -> PanelCounts:
        """Return the counts so far; `peak` counts from the last call of `delay`."""
        content = json.loads(self._get("/counts"))
        return PanelCounts({int(name): n for name, n in content["created"].items()}, content["others"], content["peak"])

    def _get(self, path: str) -> bytes:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read()


@contextlib.contextmanager
def run_panelr(folder: Path) -> Iterator[PanelrProcess]:
    """Run this Panelr as a process until the end of the block."""
    port = free_port()
    with run_process("panelr", "bench.panelr", str(port), folder=folder, port=port) as process:
        yield PanelrProcess(process)


async def _serve(port: int) -> None:
    panel = CountingPanel()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: PanelConnection(panel), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
