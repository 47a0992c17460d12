"""Panelr cannot be reached: the call stays owed, nothing is sent, and the order is created after the repair."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from panelr_bridge.panelr import http_transport
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import kit_of, order, tried
from tests.support.files import DATA

NO_NAME = "http://panel-of-the-tests.invalid"


@contextlib.asynccontextmanager
async def refusing(_panel: str) -> AsyncIterator[str]:
    """A port without a listener, reserved for the test."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextlib.asynccontextmanager
async def plain_text(panel: str) -> AsyncIterator[str]:
    """TLS to a port that speaks plain HTTP."""
    yield panel.replace("http:", "https:")


@contextlib.asynccontextmanager
async def self_signed(_panel: str) -> AsyncIterator[str]:
    """A self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "self-signed.crt", DATA / "self-signed.key")

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = await reader.read(100)
        writer.close()
        assert heard == b""

    server = await asyncio.start_server(keep, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def _resolver_says(error: int) -> AsyncIterator[str]:
    real = http_transport.resolve_host

    async def resolve(host: str, port: int) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(error, "said the resolver")
        return await real(host, port)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http_transport, "resolve_host", resolve)
        yield NO_NAME


def no_such_name(_panel: str) -> contextlib.AbstractAsyncContextManager[str]:
    """A host name that does not exist."""
    return _resolver_says(socket.EAI_NONAME)


def resolver_away(_panel: str) -> contextlib.AbstractAsyncContextManager[str]:
    """A name server that does not answer."""
    return _resolver_says(socket.EAI_AGAIN)


@pytest.mark.parametrize(
    ("address", "code", "words", "cause"),
    [
        (refusing, "not_sent", "Panelr refused the connection", "unreachable"),
        (
            no_such_name,
            "misconfigured",
            "Panelr's host name could not be looked up: BRIDGE_PANELR_URL",
            "misconfigured",
        ),
        (resolver_away, "not_sent", "Panelr's host name could not be looked up", "unreachable"),
        (plain_text, "not_sent", "no connection to Panelr could be made", "unreachable"),
        (
            self_signed,
            "misconfigured",
            "Panelr's certificate is not valid for its address: self-signed certificate",
            "misconfigured",
        ),
    ],
)
async def test_what_never_reached_panelr_stays_owed_until_it_does(
    settings: Settings, panelr: tuple[str, Panel], address: Any, code: str, words: str, cause: str
) -> None:
    url, panel = panelr
    async with address(url) as wrong, kit_of(settings.model_copy(update={"panelr_url": wrong}), panel) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        answer = await kit.post(order())
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        assert answer.json()["reason"].startswith(words)
        (reason,) = (await kit.order(20))["reasons"]
        assert reason["code"] in {code, cause}
    assert (list(panel.journal), panel.work_orders) == ([], {})
    async with kit_of(settings, panel) as mended:
        story = await mended.until(20, "created", seconds=75)  # a probe that was held up is repeated after 60 s
        outcomes = [each["outcome"] for each in tried(story)]
        assert outcomes == [code] * (len(outcomes) - 1) + ["done"]
        assert len(story["attempt_log"]) == story["attempts"]
        assert [each.reference_code for each in panel.of_wc_order("20")] == [story["reference_code"]]
    assert len(panel.work_orders) == 1
