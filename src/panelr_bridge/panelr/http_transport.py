"""The HTTP/1.1 transport to Panelr, over kept-alive connections; it fits into httpx.

After a failed call the bridge must know whether a byte of the request may have been sent. A general client does not
report that with certainty and costs ten times as much (docs/performance.md), so these few steps are the bridge's own.
The parser is httptools (llhttp), the connection is asyncio's, and aiohappyeyeballs tries IPv6 and IPv4.

Raises errors of httpx only: PoolTimeout, ConnectTimeout and ConnectError before any byte was handed to the network;
LocalProtocolError for a malformed request; ReadError and RemoteProtocolError afterwards. No request is sent twice.

An exchange leaves no reference cycle: its memory is free at its end, without a run of the garbage collector.
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
"""zlib's window size for detecting the format by its first bytes."""
LARGEST_HEAD = 64 * 1024
"""Bytes of a response's header fields, with those of interim responses and the trailer. Parsed, they take tenfold."""
IPV6_HEAD_START = 0.25
"""Seconds before IPv4 is tried as well (RFC 8305, section 5)."""


class ResponseTooLarge(httpx.RemoteProtocolError):
    """The response exceeds the size limit; `status` is its HTTP status."""

    def __init__(self, request: httpx.Request, status: int) -> None:
        super().__init__("the response is too large", request=request)
        self.status = status


class HttpTransport(httpx.AsyncBaseTransport):
    """Sends GET and POST requests to one server. Requests and responses are whole, in memory (see `body_of`).

    At most `connections` are open. A request waits up to `connect_seconds` for a free one, and as long for a new one.
    A connection idle for `idle_seconds` is not used again, because the server may be closing it.
    """

    def __init__(self, *, connections: int, connect_seconds: float, idle_seconds: float, largest_response: int) -> None:
        self._free = asyncio.Semaphore(connections)
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._largest = largest_response
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return its whole response; the module's docstring lists the errors."""
        message = _encode_request(request)
        await self._acquire(request)
        try:
            connection = self._take_idle() or await self._open_connection(request)
            response = await connection.exchange(request, message)
            if connection.is_usable:
                self._idle.append(connection)
            return response
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in tuple(self._open):
            connection.abort()
        await asyncio.sleep(0)  # lets the event loop close the sockets

    async def _acquire(self, request: httpx.Request) -> None:
        """Reserve one of the `connections`; raise PoolTimeout if none becomes free in time."""
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("all connections are in use", request=request) from error

    def _take_idle(self) -> "Connection | None":
        """Return a fresh idle connection, or None. The newest comes first, so unneeded ones expire."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh(self._idle_seconds):
                return connection
            connection.abort()
        return None

    async def _open_connection(self, request: httpx.Request) -> "Connection":
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._connect(request.url)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        except Exception as error:  # any error here: nothing was written yet
            raise httpx.ConnectError(str(error), request=request) from error

    async def _connect(self, url: httpx.URL) -> "Connection":
        loop, host, secure = asyncio.get_running_loop(), url.raw_host.decode(), url.scheme == "https"
        addresses = await resolve_host(host, url.port or (443 if secure else 80))
        connected_socket = await start_connection(addresses, happy_eyeballs_delay=IPV6_HEAD_START)
        _, connection = await loop.create_connection(
            lambda: Connection(self._open, self._largest),
            sock=connected_socket,
            ssl=self._ssl_context if secure else None,
            server_hostname=host if secure else None,
        )
        return connection

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        """The TLS settings; created at first use because that takes 40 ms."""
        context = httpx.create_ssl_context(trust_env=False)
        context.set_alpn_protocols(["http/1.1"])
        return context


class Connection(asyncio.Protocol):
    """One connection, for one exchange at a time. It keeps itself in `open_connections` while it is open."""

    def __init__(self, open_connections: "set[Connection]", largest: int) -> None:
        self._open_connections = open_connections
        self._largest = largest
        self._transport: asyncio.Transport | None = None
        self._parser: ResponseParser | None = None
        self._idle_since = 0.0
        self.is_usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport (called by asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the same methods and another class
        self._open_connections.add(self)

    def is_fresh(self, seconds: float) -> bool:
        """Return whether it was idle for less than `seconds` and has received neither bytes nor an end."""
        return self.is_usable and time.monotonic() - self._idle_since < seconds and not self._has_unread_data()

    def _has_unread_data(self) -> bool:
        """Return whether the socket has data that the event loop has not read yet: most likely its end."""
        if self._transport is None or self._transport.is_closing():
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLHUP)
        return bool(poll.poll(0))

    async def exchange(self, request: httpx.Request, message: bytes) -> httpx.Response:
        """Write `message`, the encoded `request`, and return its response."""
        transport = self._transport
        if transport is None or not self.is_usable or transport.is_closing():  # no byte was written to it
            raise httpx.ConnectError("the connection was lost before it was used", request=request)
        self._parser = parser = ResponseParser(request, self._largest)
        is_reusable = False
        try:
            transport.write(message)
            response = await parser.response
            is_reusable = parser.is_reusable
            return response
        finally:
            self._parser = None
            parser.close()
            self._idle_since = time.monotonic()
            self.is_usable = self.is_usable and is_reusable and not transport.is_closing()
            if not self.is_usable:
                self.abort()

    def abort(self) -> None:
        """Close at once; unread data is dropped."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse a part of the response; unexpected data aborts the connection (called by asyncio)."""
        if self._parser is None or self._parser.response.done():
            self.abort()
        else:
            self._parser.feed(data)

    def eof_received(self) -> None:
        """Finish the response: one without an announced length ends here (called by asyncio)."""
        self.is_usable = False
        if self._parser is not None:
            self._parser.finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Finish or fail the response (called by asyncio)."""
        self.is_usable = False
        self._transport = None  # the two refer to each other
        self._open_connections.discard(self)
        if self._parser is not None:
            self._parser.finish(error)


class ResponseParser:
    """Parses the response to one request into the future `response`; httptools calls the `on_` methods.

    `is_reusable` tells afterwards whether the connection may serve another request.
    """

    def __init__(self, request: httpx.Request, largest: int) -> None:
        self.response: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self.is_reusable = False
        self._request = request
        self._remaining = self._largest = largest
        self._remaining_head = LARGEST_HEAD
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()  # a list of parts would take tenfold if each part is a byte
        self._in_body = False

    def feed(self, data: bytes) -> None:
        """Parse a part of the response."""
        self._remaining -= len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.is_reusable = False
            self._fail(httpx.RemoteProtocolError(str(error), request=self._request), error)
        if self._remaining < 0:
            self._fail_as_too_large()

    def close(self) -> None:
        """Drop the parser, which refers to this object."""
        del self._parser

    def finish(self, error: Exception | None) -> None:
        """Handle the connection's end: it completes a body without an announced length and breaks any other."""
        if error is None and self._in_body and not _has_announced_length(self._headers):
            self.on_message_complete()
        elif error is not None:
            self._fail(httpx.ReadError(str(error), request=self._request), error)
        else:
            words = "the connection ended before the response did"
            self._fail(httpx.RemoteProtocolError(words, request=self._request))

    def on_message_begin(self) -> None:
        """Mark the connection unusable if this is a second response to the same request."""
        if self.response.done():
            self.is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; skip one of the trailer. Raises ResponseTooLarge, which ends the parsing."""
        self._remaining_head -= len(name) + len(value) + len(b": \r\n")
        if self._remaining_head < 0:
            raise self._fail_as_too_large()
        if not self._in_body:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note the beginning of the body."""
        self._in_body = True

    def on_body(self, data: bytes) -> None:
        """Store a part of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """Complete the response, unless it is an interim one (1xx) before the real one."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._in_body = [], False
        elif not self.response.done():
            self.is_reusable = self._parser.should_keep_alive()
            try:
                headers, content = self._decode_body()
                stream = httpx.ByteStream(content)
                response = httpx.Response(status, headers=headers, stream=stream, request=self._request)
            except httpx.RemoteProtocolError as error:
                self._fail(error)
            else:
                self.response.set_result(response)
        else:
            self.is_reusable = False  # a second response to one request

    def _decode_body(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return the headers and the body, decompressed if a server compresses unasked, within the size limit."""
        content = bytes(self._body)
        encodings = [value.strip().lower() for name, value in self._headers if name.lower() == b"content-encoding"]
        if not encodings or encodings == [b"identity"]:
            return self._headers, content
        if encodings not in ([b"gzip"], [b"deflate"]):
            raise httpx.RemoteProtocolError("the response has a content encoding that was not asked for")
        decompressor = zlib.decompressobj(GZIP_OR_ZLIB)
        try:
            content = decompressor.decompress(content, self._largest)
        except zlib.error as error:
            raise httpx.RemoteProtocolError("the response cannot be decompressed") from error
        if decompressor.unconsumed_tail:
            raise self._fail_as_too_large()
        if not decompressor.eof:
            raise httpx.RemoteProtocolError("the compressed response is incomplete")
        return [header for header in self._headers if header[0].lower() != b"content-encoding"], content

    def _fail_as_too_large(self) -> ResponseTooLarge:
        error = ResponseTooLarge(self._request, self._parser.get_status_code())
        self._fail(error)
        return error

    def _fail(self, error: httpx.HTTPError, cause: BaseException | None = None) -> None:
        if not self.response.done():
            error.__cause__ = cause
            self.response.set_exception(error)


def body_of(message: httpx.Request | httpx.Response) -> bytes:
    """Return a decompressed body held in memory; raise TypeError for a streamed one.

    httpx's own reader would take half of the time of a small exchange.
    """
    if not isinstance(message.stream, httpx.ByteStream):
        raise TypeError("the body is not in memory")
    return b"".join(message.stream)


async def resolve_host(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of `host`; raise socket.gaierror if it has none."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _has_announced_length(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers)


def _encode_request(request: httpx.Request) -> bytes:
    """Return the bytes of a request; raise LocalProtocolError if a line break or NUL in a header would alter it."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\r") + head.count(b"\n") > 2 * (len(lines) - 1) or b"\0" in head:
        raise httpx.LocalProtocolError("a header holds a line break", request=request)
    try:
        return head + b"\r\n\r\n" + body_of(request)
    except TypeError as error:
        raise httpx.LocalProtocolError(str(error), request=request) from error
