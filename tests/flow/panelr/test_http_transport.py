"""The HTTP transport to Panelr: which connections are reused, which are not, and what ends an answer."""

import asyncio
import gzip
import os
import socket
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from panelr_bridge.domain.call_outcome import Done, Misconfigured, NotSent, Unknown
from panelr_bridge.panelr import client as client_module
from panelr_bridge.panelr import http_transport
from panelr_bridge.panelr import request as panelr_request
from panelr_bridge.panelr.client import PanelrClient
from tests.support.bridge_kit import PANELR_KEY
from tests.support.panelr_server import (
    CREATE,
    ENVELOPE,
    NEVER,
    NOW,
    TIMEOUT,
    Handler,
    answer_with,
    call_panelr,
    read_request,
    serve_connections,
)

LOOPS = ("uvloop", "asyncio")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = OK + b"Content-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE


def client(url: str, *, seconds: float = TIMEOUT) -> PanelrClient:
    return PanelrClient(base_url=url, api_key=PANELR_KEY, timeout_seconds=seconds)


class Counting:
    """A server that keeps its connections open and counts them. It sends one of `answers` for each request."""

    def __init__(self, *answers: bytes, after: Handler | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self._after = after

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.requests.append(await read_request(reader))
            writer.write(self._answers.pop(0) if self._answers else WHOLE)
            await writer.drain()
            if self._after is not None:
                await self._after(reader, writer)


async def test_one_connection_serves_call_after_call() -> None:
    server = Counting()
    async with serve_connections(server) as url, client(url) as panelr:
        for _ in range(5):
            assert type(await panelr.call(CREATE, now=NOW)) is Done
    assert (server.connections, len(server.requests)) == (1, 5)
    assert all(
        request.count(b"POST /api/api.php?action=create_work_order HTTP/1.1") == 1 for request in server.requests
    )


async def test_a_request_says_whose_it_is_and_how_long() -> None:
    """Each header is sent once: a server refuses two hosts or two lengths."""
    server = Counting()
    async with serve_connections(server) as url, client(url) as panelr:
        await panelr.call(CREATE, now=NOW)
        await panelr.call(panelr_request.get_products(), now=NOW)
    posted, asked = (request.partition(b"\r\n\r\n") for request in server.requests)
    host = b"Host: " + url.removeprefix("http://").rstrip("/").encode()
    for head, _, _ in (posted, asked):
        assert [line for line in head.split(b"\r\n") if line.lower().startswith(b"host")] == [host]
    lengths = [line for line in posted[0].split(b"\r\n") if line.lower().startswith(b"content-length")]
    assert lengths == [b"Content-Length: %d" % len(posted[2])]
    assert b"content-" not in asked[0].lower()


async def test_a_body_that_is_not_there_whole_is_not_sent() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{"

    server = Counting()
    async with serve_connections(server) as url, client(url) as panelr:
        with pytest.raises(httpx.LocalProtocolError, match="not in memory"):
            await panelr._transport.handle_async_request(httpx.Request("POST", url, content=parts()))
    assert server.connections == 0


async def test_calls_at_once_have_a_connection_each_and_keep_them() -> None:
    server = Counting()
    async with serve_connections(server) as url, client(url) as panelr:
        for _ in range(3):
            await asyncio.gather(*(panelr.call(CREATE, now=NOW) for _ in range(4)))
    assert (server.connections, len(server.requests)) == (4, 12)


async def test_a_connection_that_was_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "IDLE_SECONDS", 0.05)
    server = Counting()
    async with serve_connections(server) as url, client(url) as panelr:
        for _ in range(3):
            assert type(await panelr.call(CREATE, now=NOW)) is Done
            await asyncio.sleep(0.1)
    assert server.connections == 3


@pytest.mark.parametrize("says_more", [False, True])
async def test_a_stale_connection_is_noticed_before_anything_is_written_to_it(says_more: bool) -> None:
    """The peer's bytes or end are still unread in the socket: the next call must not be lost on it."""
    peers: list[socket.socket] = []

    async def remember(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())))

    server = Counting(after=remember)
    async with serve_connections(server) as url, client(url) as panelr:
        for made in range(1, 4):
            assert type(await panelr.call(CREATE, now=NOW)) is Done
            assert server.connections == made
            with peers.pop() as peer:
                peer.send(WHOLE) if says_more else peer.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE, 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE, 2),
        (WHOLE + WHOLE, 2),  # an extra answer must not become the next call's
        (WHOLE + b"x", 2),
        (WHOLE + b"HTTP/1.1 2", 2),  # its rest would be read as the next answer
        (WHOLE + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 2),
        (
            OK
            + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(ENVELOPE)
            + ENVELOPE
            + b"\r\n0\r\nX-Trailer: 1\r\n\r\n",
            1,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WHOLE, 1),
    ],
)
async def test_a_connection_is_used_again_only_when_its_answer_allows(answer: bytes, connections: int) -> None:
    server = Counting(answer)
    async with serve_connections(server) as url, client(url) as panelr:
        outcomes = [type(await panelr.call(CREATE, now=NOW)) for _ in range(2)]
    assert outcomes == [Done, Done]
    assert server.connections == connections


GZIP = gzip.compress(ENVELOPE)
PACKED: dict[str, tuple[bytes, bytes, type[Any]]] = {
    "gzip": (b"gzip", GZIP, Done),
    "deflate": (b"deflate", zlib.compress(ENVELOPE), Done),
    "not at all": (b"identity", ENVELOPE, Done),
    "gzip that breaks off": (b"gzip", GZIP[:-12], Unknown),
    "brotli": (b"br", GZIP, Unknown),
    "gzip, twice": (b"gzip, gzip", GZIP, Unknown),
    "more than any answer may be": (b"gzip", gzip.compress(b" " * 40_000_000 + ENVELOPE), Unknown),
}


@pytest.mark.parametrize("name", PACKED)
async def test_an_answer_that_is_packed_all_the_same(name: str) -> None:
    encoding, body, expected = PACKED[name]
    server = Counting(OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body)
    async with serve_connections(server) as url, client(url) as panelr:
        assert type(await panelr.call(CREATE, now=NOW)) is expected
        kept = set(panelr._transport._idle)
        assert len(kept) == (1 if expected is Done else 0)
        assert all(
            line in kept or line._transport is None or line._transport.is_closing() for line in panelr._transport._open
        )
    assert b"Accept-Encoding: identity" in server.requests[0]


async def test_a_connection_that_is_lost_before_it_is_used_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Counting()
    connect = http_transport.HttpTransport._connect

    async def lost(self: http_transport.HttpTransport, url: httpx.URL) -> http_transport.Connection:
        line = await connect(self, url)
        line.eof_received()  # it arrives before the task continues
        return line

    monkeypatch.setattr(http_transport.HttpTransport, "_connect", lost)
    async with serve_connections(server) as url, client(url) as panelr:
        assert type(await panelr.call(CREATE, now=NOW)) is NotSent
        assert not panelr._transport._idle
    assert server.requests == []


async def test_an_answer_in_pieces_is_put_together() -> None:
    pieces = [WHOLE[i : i + 1] for i in range(len(WHOLE))]

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with serve_connections(drip) as url:
        assert type(await call_panelr(url)) is Done


BROKEN: dict[str, bytes] = {
    "two lengths": OK + b"Content-Length: 10\r\nContent-Length: 62\r\n\r\n" + ENVELOPE,
    "length and chunks": OK + b"Content-Length: 62\r\nTransfer-Encoding: chunked\r\n\r\n" + ENVELOPE,
    "a length that is none": OK + b"Content-Length: -1\r\n\r\n" + ENVELOPE,
    "a chunk that is none": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + ENVELOPE,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + ENVELOPE,
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 62\r\n\r\n" + ENVELOPE,
}


@pytest.mark.parametrize("name", BROKEN)
async def test_an_answer_that_breaks_the_rules_is_unknown(name: str) -> None:
    async with serve_connections(answer_with(BROKEN[name])) as url:
        assert type(await call_panelr(url)) is Unknown


async def test_a_call_that_is_given_up_leaves_no_answer_for_the_next() -> None:
    """Its connection is closed, so the late answer is dropped."""
    let_go = asyncio.Event()
    late = WHOLE.replace(b'"work_order_id": 1', b'"work_order_id": 9')
    seen = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await read_request(reader)
        seen += 1
        if seen == 1:
            await let_go.wait()
            writer.write(late)
        else:
            writer.write(WHOLE)
        await writer.drain()

    async with serve_connections(handler) as url, client(url, seconds=0.5) as panelr:
        assert type(await panelr.call(CREATE, now=NOW)) is Unknown
        let_go.set()
        outcome = await panelr.call(CREATE, now=NOW)
    assert isinstance(outcome, Done)
    assert outcome.data == {"work_order_id": 1}


async def test_a_request_that_has_partly_left_is_unknown_also_when_the_peer_reads_nothing() -> None:
    """The body is larger than the socket buffers, and the peer never reads."""
    big = CREATE.__class__("create_work_order", body=b"x" * 20_000_000)

    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(NEVER)

    async with serve_connections(deaf) as url, client(url, seconds=0.5) as panelr:
        assert type(await panelr.call(big, now=NOW)) is Unknown


@pytest.mark.parametrize("error", [OSError(101, "unreachable"), RuntimeError("uvloop"), UnicodeError("label too long")])
async def test_whatever_fails_before_the_first_byte_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(http_transport, "start_connection", refuse)
    assert type(await call_panelr("http://127.0.0.1:1")) is NotSent


@pytest.mark.parametrize("key", ["key\r\nX-Injected: 1", "schlüssel"])
async def test_a_key_that_no_header_can_carry_is_misconfigured_and_nothing_is_sent(key: str) -> None:
    server = Counting()
    async with (
        serve_connections(server) as url,
        PanelrClient(base_url=url, api_key=key, timeout_seconds=TIMEOUT) as panelr,
    ):
        assert type(await panelr.call(CREATE, now=NOW)) is Misconfigured
    assert server.requests == []


async def test_the_second_address_is_tried_while_the_first_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with two addresses; the first one's listener has a full queue."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with serve_connections(Counting()) as url, client(url) as panelr:
            port = httpx.URL(url).port

            async def both(*_: Any) -> list[Any]:
                kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
                return [(*kind, full.getsockname()), (*kind, ("127.0.0.1", port))]

            monkeypatch.setattr(http_transport, "resolve_host", both)
            assert type(await panelr.call(CREATE, now=NOW)) is Done
        for filler in fillers:
            filler.close()
