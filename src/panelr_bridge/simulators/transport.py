"""Send a response over ASGI, either normally or altered by a fault."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from starlette.types import Receive, Scope, Send

from panelr_bridge.simulators.faults import Fault
from panelr_bridge.simulators.server import reset_connection

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Busy</title></head><body><h1>Please come back later</h1></body></html>\n"
WARNINGS = (
    b"<br />\n<b>Warning</b>:  Undefined array key &quot;plugin_id&quot; in "
    b"<b>/var/www/html/api/actions/orders.php</b> on line <b>214</b><br />\n"
    b"<br />\n<b>Deprecated</b>:  round(): Passing null to parameter #1 in "
    b"<b>/var/www/html/api/lib/money.php</b> on line <b>31</b><br />\n"
)
GARBAGE = b"\x16\x03\x01\x02\x00\x01\x00this is no HTTP\r\n\r\n"
DRIP_BYTES = 8
# One part of an endless answer, and the seconds between two parts: at most some megabytes a second.
ENDLESS_PART = b"x" * 65_536
ENDLESS_PAUSE = 0.01
# 204 and 304 must not have a body.
BODILESS = (204, 304)


@dataclass(frozen=True)
class HttpResponse:
    """The response to send if no fault applies. `succeeded` is true if the requested work was done."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    succeeded: bool = False


@dataclass(frozen=True)
class HttpExchange:
    """One HTTP request, already read, and the means to answer it."""

    scope: Scope
    receive: Receive
    send: Send

    def close(self) -> None:
        """Send the data written so far, then close the connection with a FIN."""
        transport: asyncio.Transport = self.scope["extensions"]["transport"]
        transport.close()

    async def wait_for_disconnect(self, seconds: float | None) -> bool:
        """Wait at most `seconds` for the client to disconnect (None: no limit); return whether it did."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True

    async def send_head(self, response: HttpResponse) -> None:
        """Send the status and the headers."""
        headers = [(b"content-type", response.content_type.encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
        if response.status not in BODILESS:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await self.send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def send_body(self, part: bytes, *, more: bool) -> None:
        """Send one part of the body."""
        await self.send({"type": "http.response.body", "body": part, "more_body": more})


async def send_response(response: HttpResponse, exchange: HttpExchange) -> None:
    """Send a response unaltered."""
    await exchange.send_head(response)
    await exchange.send_body(b"" if response.status in BODILESS else response.body, more=False)


async def _hang(fault: Fault, _response: HttpResponse, exchange: HttpExchange) -> None:
    if not await exchange.wait_for_disconnect(fault.seconds):
        await _close(fault, _response, exchange)


async def _close(_fault: Fault, _response: HttpResponse, exchange: HttpExchange) -> None:
    exchange.close()
    # The server would answer 500 if this returned before it noticed the closed connection.
    await exchange.wait_for_disconnect(None)


async def _reset(_fault: Fault, _response: HttpResponse, exchange: HttpExchange) -> None:
    reset_connection(dict(exchange.scope))
    await exchange.wait_for_disconnect(None)


async def _send_garbage(fault: Fault, response: HttpResponse, exchange: HttpExchange) -> None:
    transport: asyncio.Transport = exchange.scope["extensions"]["transport"]
    transport.write(GARBAGE)
    await _close(fault, response, exchange)


async def _send_half(fault: Fault, response: HttpResponse, exchange: HttpExchange) -> None:
    await exchange.send_head(response)
    await exchange.send_body(response.body[: len(response.body) // 2], more=True)
    await _close(fault, response, exchange)


async def _send_slowly(fault: Fault, response: HttpResponse, exchange: HttpExchange) -> None:
    await exchange.send_head(response)
    starts = range(0, len(response.body), DRIP_BYTES)
    for start in starts:
        if await exchange.wait_for_disconnect(fault.seconds / len(starts)):
            return
        await exchange.send_body(response.body[start : start + DRIP_BYTES], more=True)
    await exchange.send_body(b"", more=False)


async def _send_body_without_end(fault: Fault, response: HttpResponse, exchange: HttpExchange) -> None:
    headers = [(b"content-type", response.content_type.encode())]
    await exchange.send({"type": "http.response.start", "status": response.status, "headers": headers})
    await exchange.send_body(response.body[:-1], more=True)
    for _ in range(math.ceil(fault.seconds / ENDLESS_PAUSE)):
        await exchange.send_body(ENDLESS_PART, more=True)
        if await exchange.wait_for_disconnect(ENDLESS_PAUSE):
            return
    await _close(fault, response, exchange)


async def _send_headers_without_end(fault: Fault, response: HttpResponse, exchange: HttpExchange) -> None:
    transport: asyncio.Transport = exchange.scope["extensions"]["transport"]
    transport.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(math.ceil(fault.seconds / ENDLESS_PAUSE)):
        transport.write(b"X-Filler-%d: %b\r\n" % (number, ENDLESS_PART))
        if await exchange.wait_for_disconnect(ENDLESS_PAUSE):
            return
    await _close(fault, response, exchange)


# Faults of any simulator that alter the response.
ALTERATIONS: Mapping[str, Callable[[Fault, HttpResponse], HttpResponse]] = {
    "html": lambda _fault, _response: HttpResponse(200, PAGE, HTML_TYPE),
    "empty": lambda _fault, _response: HttpResponse(200, b"", HTML_TYPE),
    "warnings": lambda _fault, response: replace(response, body=WARNINGS + response.body, content_type=HTML_TYPE),
    "wrong_type": lambda _fault, response: replace(response, content_type=HTML_TYPE),
}
# Faults that change how the response is sent.
FAULTY_SENDERS: Mapping[str, Callable[[Fault, HttpResponse, HttpExchange], Awaitable[None]]] = {
    "hang": _hang,
    "reset": _reset,
    "close": _close,
    "garbage": _send_garbage,
    "truncated": _send_half,
    "slow": _send_slowly,
    "endless_body": _send_body_without_end,
    "endless_headers": _send_headers_without_end,
}
SILENT_FAULTS = ("hang", "reset", "close", "garbage", "endless_headers")


def build_status_response(fault: Fault, failure: HttpResponse) -> HttpResponse:
    """Return the response of a "status" fault: `failure`, or the HTML page. Redirects get a Location header."""
    response = replace(failure, body=PAGE, content_type=HTML_TYPE) if fault.body == "html" else failure
    if 300 <= response.status < 400:
        response = replace(response, headers={**response.headers, "Location": "/login.php"})
    return response


def apply_fault(
    fault: Fault, response: HttpResponse, own: Mapping[str, Callable[[Fault, HttpResponse], HttpResponse]]
) -> HttpResponse:
    """Return the response as altered by `fault`; `own` holds the simulator's own kinds of faults."""
    change = own.get(fault.kind) or ALTERATIONS.get(fault.kind)
    if fault.status is not None:
        response = replace(response, status=fault.status)
    return change(fault, response) if change else response


async def send_with_fault(fault: Fault, response: HttpResponse, exchange: HttpExchange) -> None:
    """Send an altered response in the way of `fault`."""
    if fault.kind in FAULTY_SENDERS:
        await FAULTY_SENDERS[fault.kind](fault, response, exchange)
    else:
        await send_response(response, exchange)
