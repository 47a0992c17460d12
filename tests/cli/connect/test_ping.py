"""Pings to delivery endpoints on loopback: each problem is described in words."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from panelr_bridge.cli import connect_ping
from panelr_bridge.cli.connect_ping import ping_bridge
from panelr_bridge.simulators.server import running
from tests.support.files import DATA


async def _pong(request: Request) -> Response:
    right = await request.body() == b"webhook_id=1" and "form-urlencoded" in request.headers["content-type"]
    return PlainTextResponse("pong" if right else "what?")


async def _moved(_: Request) -> Response:
    return RedirectResponse("https://elsewhere.test/webhooks", 301)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def _slow(_: Request) -> Response:
    await asyncio.sleep(30)
    raise AssertionError


@pytest.fixture
async def web() -> AsyncIterator[str]:
    """A web server with good and bad delivery endpoints."""
    routes = [
        Route("/good", _pong, methods=["POST"]),
        Route("/moved", _moved, methods=["POST"]),
        Route("/slow", _slow, methods=["POST"]),
        Route("/healthz", _alive),
    ]
    async with running(Starlette(routes=routes)) as url:
        yield url


async def test_the_right_answer(web: str) -> None:
    assert await ping_bridge(f"{web}/good", health=f"{web}/healthz") is None


@pytest.mark.parametrize(
    ("path", "health", "words"),
    [
        ("/moved", "/none", "is redirected to https://elsewhere.test/webhooks (301)"),
        ("/none", "/none", "does not forward this path to it"),
        ("/none", "/healthz", "the bridge itself is there"),
    ],
)
async def test_the_wrong_answers(web: str, path: str, health: str, words: str) -> None:
    said = await ping_bridge(f"{web}{path}", health=f"{web}{health}")
    assert said is not None
    assert words in said
    assert ("the bridge itself" in said) is (health == "/healthz")


async def test_no_answer_in_time(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_ping, "SECONDS", 0.2)
    assert "no answer within 0.2 s" in (await ping_bridge(f"{web}/slow", health=web) or "")


@contextlib.asynccontextmanager
async def _listening(*, tls: bool, answer: bytes = b"") -> AsyncIterator[int]:
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(DATA / "self-signed.crt", DATA / "self-signed.key")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(100)
            writer.write(answer)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_certificate_that_nobody_vouches_for() -> None:
    async with _listening(tls=True) as port:
        said = await ping_bridge(f"https://127.0.0.1:{port}/x", health="http://127.0.0.1:9/")
    assert "its certificate is not valid" in (said or "")


async def test_https_where_there_is_none() -> None:
    async with _listening(tls=False, answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        said = await ping_bridge(f"https://127.0.0.1:{port}/x", health="http://127.0.0.1:9/")
    assert "there is no https at this port" in (said or "")


async def test_something_else_than_http() -> None:
    async with _listening(tls=False, answer=b"220 mail ready\r\n") as port:
        said = await ping_bridge(f"http://127.0.0.1:{port}/x", health="http://127.0.0.1:9/")
    assert "the connection broke" in (said or "")


async def test_nobody_listens() -> None:
    assert "is the bridge running" in (await ping_bridge("http://127.0.0.1:9/x", health="http://127.0.0.1:9/") or "")


async def test_a_name_that_nobody_knows() -> None:
    assert "its host name is not known" in (
        await ping_bridge("http://bridge.invalid/x", health="http://127.0.0.1:9/") or ""
    )
