"""The client of Panelr when a call breaks after its first byte may have been sent: never "not sent"."""

import asyncio
from typing import Any

import httpx
import pytest

from panelr_bridge.domain.call_outcome import Done, Misconfigured, Unknown
from panelr_bridge.panelr import client as client_module
from panelr_bridge.panelr import response
from panelr_bridge.panelr.client import PanelrClient, classify
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.server import reset_on_close
from tests.support.bridge_kit import PANELR_KEY
from tests.support.panelr_server import (
    BOUND,
    CREATE,
    ENVELOPE,
    NOW,
    SHORT_TIMEOUT,
    TIMEOUT,
    Handler,
    answer_with,
    call_panelr,
    read_request,
    serve_connections,
)

LOOPS = ("uvloop", "asyncio")


async def cut_after(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one byte of the request, then reset the connection."""
    await reader.readexactly(1)
    reset_on_close(writer.get_extra_info("socket"))
    writer.transport.abort()


async def hang_up_after(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take one byte of the request, then close."""
    await reader.readexactly(1)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LOST: dict[str, Handler] = {
    "reset within the request": cut_after,
    "closed within the request": hang_up_after,
    "closed after the request": answer_with(),
    "half a status line": answer_with(b"HTTP/1.1 20"),
    "half a header": answer_with(HEAD + b"Content-Le"),
    "no HTTP": answer_with(b"\x16\x03\x01\x02\x00\x01\x00 no HTTP\r\n\r\n"),
    "less than announced": answer_with(HEAD + b"Content-Length: 500\r\n\r\n" + ENVELOPE),
    "half a chunk": answer_with(HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + ENVELOPE[:20]),
    "no length, half the envelope": answer_with(HEAD + b"Connection: close\r\n\r\n" + ENVELOPE[:-1]),
    "no gzip": answer_with(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 62\r\n\r\n" + ENVELOPE),
    "an endless header": answer_with(HEAD + b"X: " + b"x" * 300_000),
    "dripping headers": answer_with(HEAD, *[b"X-Drip: 1\r\n"] * 100, pause=1.0),
    "dripping body": answer_with(HEAD + b"Content-Length: 62\r\n\r\n", *[bytes([b]) for b in ENVELOPE], pause=1.0),
    "only informed": answer_with(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "more after the envelope": answer_with(HEAD + b"Connection: close\r\n\r\n" + ENVELOPE + b"<br />Fatal error"),
    "success is no boolean": answer_with(HEAD + b"Connection: close\r\n\r\n" + b'{"success": 1, "data": {}}'),
}


@pytest.mark.parametrize("name", LOST)
async def test_whatever_is_lost_after_the_first_byte_is_unknown(name: str) -> None:
    async with asyncio.timeout(BOUND), serve_connections(LOST[name]) as url:
        outcome = await call_panelr(url, seconds=SHORT_TIMEOUT if "dripping" in name else TIMEOUT)
    assert type(outcome) is Unknown, outcome


async def test_an_answer_without_an_end_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_RESPONSE", 100_000)
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            written += 65_536

    async with serve_connections(flood) as url:
        outcome = await call_panelr(url)
    assert outcome == Unknown(words="Panelr's answer is too large", status=200)
    assert written < 30_000_000


async def test_an_error_that_nobody_expected_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(response, "interpret", broken)
    async with serve_connections(answer_with(HEAD + b"Content-Length: 62\r\n\r\n" + ENVELOPE)) as url:
        assert type(await call_panelr(url)) is Unknown


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("x"),
        httpx.WriteTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.CloseError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.DecodingError("x"),
        httpx.ProxyError("x"),
        ConnectionRefusedError(111, "x"),
        OSError("x"),
        ValueError("x"),
    ],
)
def test_no_other_error_counts_as_not_sent(error: Exception) -> None:
    assert type(classify(error)) is Unknown


@pytest.mark.parametrize("url", ["panel.test", "ftp://panel.test", "http://", "http://127.0.0.1:99999"])
async def test_an_address_that_is_none_is_misconfigured(url: str) -> None:
    assert type(await call_panelr(url)) is Misconfigured


# Connections


async def test_an_idle_connection_that_panelr_has_closed_is_not_used_again() -> None:
    handler = answer_with(
        HEAD + b"Content-Length: 62\r\n\r\n" + ENVELOPE
    )  # its headers keep the connection alive, but it closes
    async with (
        serve_connections(handler) as url,
        PanelrClient(base_url=url, api_key=PANELR_KEY, timeout_seconds=TIMEOUT) as client,
    ):
        for _ in range(3):
            assert type(await client.call(CREATE, now=NOW)) is Done
            await asyncio.sleep(0.05)


async def test_calls_at_once_do_not_disturb_each_other(panelr: tuple[str, Panel]) -> None:
    panelr[1].faults.add("reset", when="before", times=5)
    async with PanelrClient(base_url=panelr[0], api_key=PANELR_KEY, timeout_seconds=TIMEOUT) as client:
        outcomes = await asyncio.gather(*(client.call(CREATE, now=NOW) for _ in range(20)))
    assert [type(outcome) for outcome in outcomes].count(Done) == 15
    assert [type(outcome) for outcome in outcomes].count(Unknown) == 5
    assert len(panelr[1].work_orders) == 15
