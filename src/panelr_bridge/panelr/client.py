"""The transport to Panelr: one POST or GET, and its outcome by type. It never retries and never raises.

What is safe to send again is decided here for connections and in `answer.py` for answers. `wire.py` raises httpx's
connect errors before a byte of the request has left, and only then.
"""

import asyncio
import errno
import functools
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx

from panelr_bridge.domain.call_outcome import Misconfigured, NotSent, Outcome, Unknown
from panelr_bridge.panelr import response as answer
from panelr_bridge.panelr.http_transport import HttpTransport, ResponseTooLarge, body_of
from panelr_bridge.panelr.request import PanelrRequest, entry_point

IDLE_SECONDS = 2.0
"""Apache closes an idle connection after 5 s: one that is about to close is never used."""
CONNECTIONS = 512
LARGEST_ANSWER = 16 * 1024 * 1024
NO_BODY = httpx.ByteStream(b"")

_BROKEN: tuple[tuple[type[Exception], str], ...] = (
    (httpx.TimeoutException, "Panelr took too long, and it is not known how far it came"),
    (httpx.WriteError, "the connection to Panelr broke while the request was being sent"),
    (httpx.ReadError, "the connection to Panelr broke before its answer was there"),
    (httpx.RemoteProtocolError, "Panelr's answer broke off, or was none that can be read"),
)


class PanelrClient:
    """Calls one Panelr. Use as an async context manager; `call` may run many times at once."""

    def __init__(self, *, base_url: str, api_key: str, timeout_seconds: float) -> None:
        self._address = entry_point(base_url)
        self._timeout = timeout_seconds
        self._key = {
            "X-Panelr-API-Key": api_key,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "panelr-bridge",
        }
        self._wire = HttpTransport(
            connections=CONNECTIONS,
            connect_seconds=min(timeout_seconds / 2, 10.0),  # well before the whole time is up: then nothing has left
            idle_seconds=IDLE_SECONDS,
            largest_answer=LARGEST_ANSWER,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.aclose()

    async def call(self, call: PanelrRequest, *, now: datetime) -> Outcome:
        """Make `call` and return its outcome, whatever happens.

        The whole exchange is bounded by the timeout: a peer that drips its answer does not hold us.
        """
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._wire.handle_async_request(self._request(call))
            return answer.interpret(
                status=response.status_code, headers=response.headers, body=body_of(response), now=now
            )
        except TimeoutError:
            return Unknown(words=f"Panelr did not finish its answer within {self._timeout:g} s")
        except Exception as error:  # noqa: BLE001  an outcome that nobody expected is unknown, never a crash
            return classify(error)

    @functools.cached_property
    def _headers(self) -> tuple[httpx.Headers, httpx.Headers]:
        """What is said in every call without a body, and with one; raises UnicodeEncodeError."""
        said = {"Host": httpx.URL(self._address).netloc.decode()} | self._key
        return httpx.Headers(said), httpx.Headers(said | {"Content-Type": "application/json"})

    def _request(self, call: PanelrRequest) -> httpx.Request:
        """Return what is sent. It goes to the transport itself, so everything is said here."""
        url = _build_url(self._address, call.action)
        if call.query:
            url = url.copy_merge_params(dict(call.query))
        try:
            without, with_body = self._headers
        except UnicodeEncodeError as error:
            raise httpx.LocalProtocolError("a header holds what is no ASCII") from error
        if call.body is None:
            return httpx.Request(call.method, url, headers=without, stream=NO_BODY)
        headers = with_body.copy()
        headers["Content-Length"] = str(len(call.body))
        return httpx.Request(call.method, url, headers=headers, stream=httpx.ByteStream(call.body))


@functools.lru_cache(maxsize=64)
def _build_url(address: str, action: str) -> httpx.URL:
    """Return the address of an action; raises InvalidURL and UnsupportedProtocol where it is none."""
    url = httpx.URL(address, params={"action": action})
    try:
        host = url.host
    except UnicodeError as error:  # what stands for a name in other letters, and does not
        raise httpx.InvalidURL(str(error)) from error
    if url.scheme not in {"http", "https"} or not host or (url.port or 0) > 65535:
        raise httpx.UnsupportedProtocol(f"{url.scheme or 'no scheme'} cannot be called")
    return url


def classify(error: Exception) -> Outcome:
    """Return the outcome of a call that ended in `error`; only what is known not to have left is NotSent."""
    causes = tuple(_causes(error))
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return Misconfigured(words="BRIDGE_PANELR_URL is no address that can be called")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return _classify_connect_error(causes)
    if isinstance(error, httpx.LocalProtocolError):
        return Misconfigured(words="BRIDGE_PANELR_API_KEY holds characters that cannot be sent")
    if isinstance(error, ResponseTooLarge):
        return Unknown(words="Panelr's answer is larger than any of its answers", status=error.status)
    if isinstance(error, httpx.PoolTimeout):
        return NotSent(words="no connection to Panelr was free in time")
    return Unknown(words=_describe(error))


def _describe(error: Exception) -> str:
    known = (words for kind, words in _BROKEN if isinstance(error, kind))
    return next(known, f"the call to Panelr ended in an error that nobody expected: {type(error).__name__}")


def _classify_connect_error(causes: tuple[BaseException, ...]) -> Outcome:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Misconfigured(words=f"Panelr's certificate is not valid for its address: {cause.verify_message}")
        if isinstance(cause, socket.gaierror):
            words = "Panelr's host name could not be looked up"
            return (
                NotSent(words=words)
                if cause.errno == socket.EAI_AGAIN
                else Misconfigured(words=f"{words}: BRIDGE_PANELR_URL")
            )
    refused = any(getattr(cause, "errno", None) == errno.ECONNREFUSED for cause in causes)
    return NotSent(words="Panelr refused the connection" if refused else "no connection to Panelr could be made")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what it was raised while handling: httpx keeps the reason there."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        if isinstance(seen, BaseExceptionGroup):
            yield from seen.exceptions
        seen = seen.__cause__ or seen.__context__
