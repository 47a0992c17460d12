"""The wire to Panelr: HTTP/1.1 over kept-alive connections, as a transport of httpx's.

What this bridge must know of a call that failed is whether a byte of it may have left. A general client does not
tell that apart with certainty, and costs ten times as much (docs/performance.md), so the few steps are ours: the
parser is httptools (llhttp), the connection is asyncio's, the race of IPv6 and IPv4 is aiohappyeyeballs'.

Raises, all of httpx: PoolTimeout, ConnectTimeout and ConnectError before the request was handed to the network, and
only then; LocalProtocolError for a request that cannot be written; ReadError and RemoteProtocolError after that. No
request is ever sent twice.
"""

import asyncio
import select
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import cast

import httptools
import httpx
from aiohappyeyeballs import AddrInfoType, start_connection

GZIP_OR_ZLIB = 47
"""zlib's word for: find out by the first bytes."""
RACE_SECONDS = 0.25
"""How long IPv6 is ahead of IPv4 (RFC 8305, section 5)."""


class ResponseTooLarge(httpx.RemoteProtocolError):
    """The answer is longer than it may be; `status` is its status."""

    def __init__(self, request: httpx.Request, status: int) -> None:
        super().__init__("the answer is too large", request=request)
        self.status = status


class HttpTransport(httpx.AsyncBaseTransport):
    """Sends GET and POST requests to one server; answers come whole, in memory, as requests do (`body_of`).

    At most `connections` are open; who waits longer than `connect_seconds` for one, or for its making, is told so.
    One that was idle for `idle_seconds` is not used again, so that it does not meet the server's closing of it.
    """

    def __init__(self, *, connections: int, connect_seconds: float, idle_seconds: float, largest_answer: int) -> None:
        self._free = asyncio.Semaphore(connections)
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._largest = largest_answer
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return its whole answer; see the module for what it raises."""
        message = _encode_request(request)
        await self._leave(request)
        try:
            line = self._kept() or await self._connected(request)
            answer = await line.exchange(request, message)
            if line.usable:
                self._idle.append(line)
            return answer
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Close every connection."""
        for line in tuple(self._open):
            line.abandon()
        await asyncio.sleep(0)  # the loop lets go of the sockets

    async def _leave(self, request: httpx.Request) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("every connection is taken", request=request) from error

    def _kept(self) -> "Connection | None":
        """Return a connection that is open and was used a moment ago; the newest first, so that the others age."""
        while self._idle:
            line = self._idle.pop()
            if line.is_fresh(self._idle_seconds):
                return line
            line.abandon()
        return None

    async def _connected(self, request: httpx.Request) -> "Connection":
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._connect(request.url)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        except Exception as error:  # whatever it is, nothing was written yet
            raise httpx.ConnectError(str(error), request=request) from error

    async def _connect(self, url: httpx.URL) -> "Connection":
        loop, host, secure = asyncio.get_running_loop(), url.raw_host.decode(), url.scheme == "https"
        addresses = await resolve_host(host, url.port or (443 if secure else 80))
        opened = await start_connection(addresses, happy_eyeballs_delay=RACE_SECONDS)
        _, line = await loop.create_connection(
            lambda: Connection(self._open, self._largest),
            sock=opened,
            ssl=self._trusted if secure else None,
            server_hostname=host if secure else None,
        )
        return line

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Whom we believe; made when it is first needed, because it takes 40 ms."""
        context = httpx.create_ssl_context(trust_env=False)
        context.set_alpn_protocols(["http/1.1"])
        return context


class Connection(asyncio.Protocol):
    """One connection: one exchange at a time."""

    def __init__(self, register: "set[Connection]", largest: int) -> None:
        self._register = register
        self._largest = largest
        self._transport: asyncio.Transport | None = None
        self._exchange: ResponseParser | None = None
        self._since = 0.0
        self.usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._register.add(self)

    def is_fresh(self, seconds: float) -> bool:
        """Return whether it was idle for less than that, and neither bytes nor an end have come meanwhile."""
        return self.usable and time.monotonic() - self._since < seconds and not self._has_news()

    def _has_news(self) -> bool:
        """Whether the socket has something that the loop has not come round to reading: its end, most likely."""
        if self._transport is None or self._transport.is_closing():
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLHUP)
        return bool(poll.poll(0))

    async def exchange(self, request: httpx.Request, message: bytes) -> httpx.Response:
        """Write `message` and return the answer to it."""
        transport = self._transport
        if transport is None or not self.usable or transport.is_closing():  # lost before a byte was written to it
            raise httpx.ConnectError("the connection was lost before it was used", request=request)
        self._exchange = exchange = ResponseParser(request, self._largest)
        whole = False
        try:
            transport.write(message)
            answer = await exchange.answer
            whole = exchange.may_go_on
            return answer
        finally:
            self._exchange = None
            self._since = time.monotonic()
            self.usable = self.usable and whole and not transport.is_closing()
            if not self.usable:
                self.abandon()

    def abandon(self) -> None:
        """Close at once; what was not read is not wanted."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer; what comes when none is awaited makes the connection unusable."""
        if self._exchange is None or self._exchange.answer.done():
            self.abandon()
        else:
            self._exchange.feed(data)

    def eof_received(self) -> None:
        """Some answers have no other end than this one."""
        self.usable = False
        if self._exchange is not None:
            self._exchange.ended(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits."""
        self.usable = False
        self._register.discard(self)
        if self._exchange is not None:
            self._exchange.ended(error)


class ResponseParser:
    """One request's answer as it comes in; httptools calls the `on_` methods."""

    def __init__(self, request: httpx.Request, largest: int) -> None:
        self.answer: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self.may_go_on = False
        self._request = request
        self._left = self._largest = largest
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._in_body = False

    def feed(self, data: bytes) -> None:
        """Parse a part of the answer."""
        self._left -= len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.may_go_on = False
            self._fail(httpx.RemoteProtocolError(str(error), request=self._request), error)
        if self._left < 0:
            self._fail(ResponseTooLarge(self._request, self._parser.get_status_code()))

    def ended(self, error: Exception | None) -> None:
        """The connection has ended: a body of no announced length ends with it, any other has broken off."""
        if error is None and self._in_body and not _has_announced_length(self._headers):
            self.on_message_complete()
        elif error is not None:
            self._fail(httpx.ReadError(str(error), request=self._request), error)
        else:
            self._fail(httpx.RemoteProtocolError("the connection ended before the answer did", request=self._request))

    def on_message_begin(self) -> None:
        """An answer begins; a second one to the same request makes the connection unusable."""
        if self.answer.done():
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._in_body = True

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was one that only announces the real one (1xx)."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._in_body = [], False
        elif not self.answer.done():
            self.may_go_on = self._parser.should_keep_alive()
            try:
                headers, content = self._decoded()
                stream = httpx.ByteStream(content)
                response = httpx.Response(status, headers=headers, stream=stream, request=self._request)
            except httpx.RemoteProtocolError as error:
                self._fail(error)
            else:
                self.answer.set_result(response)
        else:
            self.may_go_on = False  # a second answer to one request

    def _decoded(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return the headers and the body, unpacked where a server packs what it was asked not to; never a bomb."""
        content = b"".join(self._body)
        packed = [value.strip().lower() for name, value in self._headers if name.lower() == b"content-encoding"]
        if not packed or packed == [b"identity"]:
            return self._headers, content
        if packed not in ([b"gzip"], [b"deflate"]):
            raise httpx.RemoteProtocolError("the answer is packed in a way that nobody asked for")
        unpacking = zlib.decompressobj(GZIP_OR_ZLIB)
        try:
            content = unpacking.decompress(content, self._largest)
        except zlib.error as error:
            raise httpx.RemoteProtocolError("the answer cannot be unpacked") from error
        if unpacking.unconsumed_tail:
            raise ResponseTooLarge(self._request, self._parser.get_status_code())
        if not unpacking.eof:
            raise httpx.RemoteProtocolError("the answer breaks off where it is packed")
        return [header for header in self._headers if header[0].lower() != b"content-encoding"], content

    def _fail(self, error: httpx.HTTPError, cause: BaseException | None = None) -> None:
        if not self.answer.done():
            error.__cause__ = cause
            self.answer.set_exception(error)


def body_of(message: httpx.Request | httpx.Response) -> bytes:
    """Return a body that is in memory, as it goes over the wire but unpacked; raises TypeError for others.

    httpx's own way to it is half of what a small exchange costs: it unpacks, decodes and counts in pieces.
    """
    if not isinstance(message.stream, httpx.ByteStream):
        raise TypeError("the body is not there whole")
    return b"".join(message.stream)


async def resolve_host(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a host; raises socket.gaierror where the resolver knows none."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _has_announced_length(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers)


def _encode_request(request: httpx.Request) -> bytes:
    """Return a request as it goes over the wire; raises LocalProtocolError for one that would not be what it says."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\r") + head.count(b"\n") > 2 * (len(lines) - 1) or b"\0" in head:
        raise httpx.LocalProtocolError("a header holds a line break", request=request)
    try:
        return head + b"\r\n\r\n" + body_of(request)
    except TypeError as error:
        raise httpx.LocalProtocolError(str(error), request=request) from error
