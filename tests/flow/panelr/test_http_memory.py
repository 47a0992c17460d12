"""The HTTP transport's memory: a call leaves nothing to the garbage collector, and no answer is read without end."""

import asyncio
import contextlib
import gc
import ssl
import tracemalloc
import types
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from panelr_bridge.domain.call_outcome import Done, Misconfigured, NotSent, Unknown
from panelr_bridge.panelr import http_transport
from panelr_bridge.panelr.client import LARGEST_RESPONSE, PanelrClient
from panelr_bridge.simulators.server import reset_on_close
from tests.support.bridge_kit import PANELR_KEY
from tests.support.files import DATA
from tests.support.panelr_server import (
    BOUND,
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
from tests.support.ports import free_port

LOOPS = ("uvloop", "asyncio")
MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = OK + b"Content-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
OURS = ("panelr_bridge", "httpx", "httptools")


async def keep_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(WHOLE)
        await writer.drain()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    reset_on_close(writer.get_extra_info("socket"))
    writer.transport.abort()


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.sleep(NEVER)


HANDLERS: dict[str, tuple[Handler, type[Any]]] = {
    "done, and the connection is kept": (keep_alive, Done),
    "done, and the connection ends": (answer_with(OK + b"Connection: close\r\n\r\n" + ENVELOPE), Done),
    "interim answers before": (answer_with(b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n" + WHOLE), Done),
    "reset": (reset, Unknown),
    "hanging": (hang, Unknown),
    "no HTTP": (answer_with(b"no HTTP\r\n\r\n"), Unknown),
    "half an answer": (answer_with(WHOLE[:-9]), Unknown),
    "nothing": (answer_with(), Unknown),
    "too many headers": (answer_with(OK + b"X: 1\r\n" * 20_000 + b"\r\n"), Unknown),
    "too large": (answer_with(OK + b"\r\n" + b"x" * (LARGEST_RESPONSE + 1)), Unknown),
    "no gzip": (answer_with(OK + b"Content-Encoding: gzip\r\nContent-Length: 62\r\n\r\n" + ENVELOPE), Unknown),
}


async def find_garbage(client: PanelrClient, *, calls: int, expected: type[Any]) -> Counter[str]:
    """Make calls without the garbage collector; return the modules of the objects that only it could free."""
    assert type(await client.call(CREATE, now=NOW)) is expected
    await asyncio.sleep(0.05)  # the ends of the connections arrive
    gc.collect()
    gc.disable()
    try:
        for _ in range(calls):
            await client.call(CREATE, now=NOW)
        await asyncio.sleep(0.05)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return Counter(module_of(each) for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def module_of(garbage: object) -> str:
    """Return the module of an object's type, and of a frame that of its code."""
    if isinstance(garbage, types.FrameType):
        return str(garbage.f_globals.get("__name__"))
    return type(garbage).__module__


def is_clean(garbage: Counter[str]) -> bool:
    """Return whether nothing is left; asyncio's own transports are cycles, but they must hold nothing of ours."""
    uses_uvloop = type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    return not garbage if uses_uvloop else holds_nothing_of_ours(garbage)


def holds_nothing_of_ours(garbage: Counter[str]) -> bool:
    """Return whether no object is the bridge's, or of a library that holds requests and answers."""
    return not any(module.startswith(OURS) for module in garbage)


@contextlib.asynccontextmanager
async def client_of(url: str, *, seconds: float = TIMEOUT) -> AsyncIterator[PanelrClient]:
    async with PanelrClient(base_url=url, api_key=PANELR_KEY, timeout_seconds=seconds) as client:
        yield client


@pytest.mark.parametrize("name", HANDLERS)
async def test_a_call_gives_up_its_memory_when_it_ends(name: str) -> None:
    handler, expected = HANDLERS[name]
    seconds = 0.3 if name == "hanging" else TIMEOUT
    async with serve_connections(handler) as url, client_of(url, seconds=seconds) as client:
        garbage = await find_garbage(client, calls=4, expected=expected)
    assert is_clean(garbage), garbage


async def test_a_call_that_could_not_begin_gives_up_its_memory() -> None:
    async with client_of(f"http://127.0.0.1:{free_port()}") as client:
        garbage = await find_garbage(client, calls=4, expected=NotSent)
        assert is_clean(garbage), garbage


async def test_the_library_that_tries_several_addresses_keeps_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohappyeyeballs leaves a cycle of its own errors if more than one address fails."""
    resolve = http_transport.resolve_host

    async def twice(host: str, port: int) -> list[Any]:
        return [*await resolve(host, port)] * 2

    monkeypatch.setattr(http_transport, "resolve_host", twice)
    async with client_of(f"http://127.0.0.1:{free_port()}") as client:
        garbage = await find_garbage(client, calls=4, expected=NotSent)
    assert holds_nothing_of_ours(garbage), garbage


async def test_a_call_over_tls_that_fails_gives_up_its_memory() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "self-signed.crt", DATA / "self-signed.key")
    async with serve_connections(keep_alive, tls=context) as url, client_of(url) as client:
        garbage = await find_garbage(client, calls=4, expected=Misconfigured)
    assert is_clean(garbage), garbage


async def test_a_call_that_is_cancelled_gives_up_its_memory() -> None:
    async with serve_connections(hang) as url, client_of(url) as client:

        class Cancelled:
            async def call(self, *_: Any, **__: Any) -> Unknown:
                task = asyncio.create_task(client.call(CREATE, now=NOW))
                await asyncio.sleep(0.05)
                task.cancel()
                await asyncio.wait([task])
                return Unknown(words="")

        garbage = await find_garbage(Cancelled(), calls=3, expected=Unknown)  # type: ignore[arg-type]
    assert is_clean(garbage), garbage


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "body": (OK + b"Connection: close\r\n\r\n", b" "),
    "body longer than announced can be": (OK + b"Content-Length: 999999999999\r\n\r\n", b" "),
    "body of one-byte chunks": (CHUNKED, b"1\r\n \r\n"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "chunk length": (CHUNKED, b"0"),
    "trailer": (CHUNKED + b"0\r\n", b"a:\r\n"),
    "line of a trailer": (CHUNKED + b"0\r\na:", b"x"),
    "headers": (OK, b"a:\r\n"),
    "line of a header": (OK + b"a:", b"x"),
    "name of a header": (OK, b"x"),
    "status line": (b"HTTP/1.1 200 ", b"x"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim answers with headers": (b"", b"HTTP/1.1 103 Early Hints\r\na:\r\n\r\n"),
    "empty lines": (b"", b"\r\n"),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_an_answer_without_an_end_is_read_to_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, part = FLOODS[name]
    block = part * (64 * 1024 // len(part))
    read, feed = 0, http_transport.ResponseParser.feed

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(begin)
        while True:
            writer.write(block)
            await writer.drain()

    def count(parser: http_transport.ResponseParser, data: bytes) -> None:
        nonlocal read
        read += len(data)
        feed(parser, data)

    monkeypatch.setattr(http_transport.ResponseParser, "feed", count)
    async with asyncio.timeout(BOUND), serve_connections(flood) as url:
        tracemalloc.start()
        try:
            outcome = await call_panelr(url)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert type(outcome) is Unknown
    assert read <= LARGEST_RESPONSE + MIB
    assert peak <= 4 * LARGEST_RESPONSE, peak


async def test_the_largest_answer_has_four_mib() -> None:
    room = LARGEST_RESPONSE - len(OK + b"Connection: close\r\n\r\n" + ENVELOPE)
    for padding, expected in ((room, Done), (room + 1, Unknown)):
        body = b" " * padding + ENVELOPE
        async with serve_connections(answer_with(OK + b"Connection: close\r\n\r\n" + body)) as url:
            assert type(await call_panelr(url)) is expected
    assert LARGEST_RESPONSE == 4 * MIB


async def test_a_trailer_changes_nothing_about_its_answer() -> None:
    parts = b"%x\r\n" % len(ENVELOPE) + ENVELOPE + b"\r\n0\r\nContent-Encoding: gzip\r\nRetry-After: 5\r\n\r\n"
    async with serve_connections(answer_with(CHUNKED + parts)) as url:
        assert type(await call_panelr(url)) is Done
