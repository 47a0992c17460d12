"""The client for Panelr: one POST or GET, and its outcome by type. It never retries and never raises.

This module decides which connection errors are safe to retry; `response.py` decides it for responses. It relies on
`http_transport.py`, whose connect errors mean that no byte of the request was sent.
"""

import asyncio
import errno
import functools
import socket
import ssl
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx

from panelr_bridge.domain.call_outcome import Misconfigured, NotSent, Outcome, Refused, Unknown
from panelr_bridge.errors import iter_causes
from panelr_bridge.panelr import response as panelr_response
from panelr_bridge.panelr.http_transport import HttpTransport, ResponseTooLarge, body_of
from panelr_bridge.panelr.request import PanelrRequest, entry_points

IDLE_SECONDS = 2.0
"""Apache closes an idle connection after 5 s; one that is about to close is never used."""
CONNECTIONS = 512
LARGEST_RESPONSE = 4 * 1024 * 1024
LONGEST_ADDRESS = 6000
"""Bytes of a request's path and query. Apache and nginx refuse a request line of more than 8,190."""
NO_BODY = httpx.ByteStream(b"")

_CONNECTION_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.TimeoutException, "Panelr took too long, and it is not known how far it came"),
    (httpx.WriteError, "the connection to Panelr broke while the request was being sent"),
    (httpx.ReadError, "the connection to Panelr broke before its answer was there"),
    (httpx.RemoteProtocolError, "Panelr's answer broke off, or cannot be read"),
)


class UnsendableRequest(Exception):
    """The texts of one order make a request that cannot be sent; the message says why."""


class PanelrClient:
    """Calls one Panelr. Use it as an async context manager; `call` may run many times at once."""

    def __init__(self, *, base_url: str, api_key: str, timeout_seconds: float) -> None:
        self.base_url = base_url
        self.addresses = entry_points(base_url)
        self._address = self.addresses[0] if len(self.addresses) == 1 else None
        self._timeout = timeout_seconds
        self._base_headers = {
            "X-Panelr-API-Key": api_key,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "panelr-bridge",
        }
        self._transport = HttpTransport(
            connections=CONNECTIONS,
            connect_seconds=min(timeout_seconds / 2, 10.0),  # well before the whole timeout: then nothing was sent
            idle_seconds=IDLE_SECONDS,
            largest_response=LARGEST_RESPONSE,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    @property
    def address(self) -> str | None:
        """The API's address; None until it is found out which of `addresses` it is."""
        return self._address

    def use(self, address: str) -> None:
        """Call Panelr at this one of `addresses`."""
        self._address = address

    async def call(
        self, call: PanelrRequest, *, now: datetime, address: str | None = None, patience: float | None = None
    ) -> Outcome:
        """Make `call` and return its outcome, whatever happens; `address` is for a test of that address.

        The timeout bounds the whole exchange, so a slowly dripping response cannot hold it up. `patience` shortens it.
        """
        address, seconds = address or self._address, min(patience or self._timeout, self._timeout)
        if address is None:
            return NotSent(words=f"the bridge is finding out which address Panelr has: {' or '.join(self.addresses)}")
        try:
            request = self._build_request(call, address)
            async with asyncio.timeout(seconds):
                response = await self._transport.handle_async_request(request)
            return panelr_response.interpret(
                action=call.action,
                status=response.status_code,
                headers=response.headers,
                body=body_of(response),
                now=now,
            )
        except TimeoutError as error:
            drop_frames(error)
            return Unknown(words=f"Panelr did not finish its answer within {seconds:g} s")
        except UnsendableRequest as error:
            return Refused(words=str(error))
        except Exception as error:  # noqa: BLE001  an unexpected error is an unknown outcome, never a crash
            drop_frames(error)
            return classify(error)

    @functools.cached_property
    def _headers(self) -> tuple[httpx.Headers, httpx.Headers]:
        """The headers of calls without a body and with one; raises UnicodeEncodeError."""
        headers = {"Host": httpx.URL(self.addresses[0]).netloc.decode()} | self._base_headers
        return httpx.Headers(headers), httpx.Headers(headers | {"Content-Type": "application/json"})

    def _build_request(self, call: PanelrRequest, address: str) -> httpx.Request:
        """Return the request with all its headers: no httpx client adds to it."""
        url = _add_query(_build_url(address, call.action), call.query)
        try:
            without_body, with_body = self._headers
        except UnicodeEncodeError as error:
            raise httpx.LocalProtocolError("a header is not ASCII") from error
        if call.body is None:
            return httpx.Request(call.method, url, headers=without_body, stream=NO_BODY)
        headers = with_body.copy()
        headers["Content-Length"] = str(len(call.body))
        return httpx.Request(call.method, url, headers=headers, stream=httpx.ByteStream(call.body))


def _add_query(url: httpx.URL, query: tuple[tuple[str, str], ...]) -> httpx.URL:
    """Return `url` with more parameters; raise UnsendableRequest if the texts of one order make it unusable."""
    if not query:
        return url
    try:
        whole = url.query + b"&" + urlencode(query).encode()
    except UnicodeEncodeError:
        raise UnsendableRequest("the address of this call holds characters that cannot be sent") from None
    length = len(url.path) + 1 + len(whole)
    if length > LONGEST_ADDRESS:
        words = f"the address of this call is too long: {length} bytes, and at most {LONGEST_ADDRESS} are sent"
        raise UnsendableRequest(f"{words}. Shorten the reference code, token or e-mail address")
    return url.copy_with(query=whole)


@functools.lru_cache(maxsize=64)
def _build_url(address: str, action: str) -> httpx.URL:
    """Return the URL of an action; raise InvalidURL or UnsupportedProtocol if `address` cannot be called."""
    url = httpx.URL(address, params={"action": action})
    try:
        host = url.host
    except UnicodeError as error:  # an invalid internationalized host name
        raise httpx.InvalidURL(str(error)) from error
    if url.scheme not in {"http", "https"} or not host or (url.port or 0) > 65535:
        raise httpx.UnsupportedProtocol(f"{url.scheme or 'no scheme'} cannot be called")
    return url


def classify(error: Exception) -> Outcome:
    """Return the outcome of a call that raised `error`: NotSent only if certainly nothing was sent."""
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return Misconfigured(words="BRIDGE_PANELR_URL is not an address that can be called")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return _classify_connect_error(tuple(iter_causes(error)))
    if isinstance(error, httpx.LocalProtocolError):
        return Misconfigured(words="BRIDGE_PANELR_API_KEY holds characters that cannot be sent")
    if isinstance(error, ResponseTooLarge):
        return Unknown(words="Panelr's answer is too large", status=error.status)
    if isinstance(error, httpx.PoolTimeout):
        return NotSent(words="no connection to Panelr was free in time")
    return Unknown(words=_describe(error))


def drop_frames(error: BaseException) -> None:
    """Drop the tracebacks of an error and its causes: their frames refer to bodies, and to the error again."""
    for cause in iter_causes(error):
        cause.__traceback__ = None


def _describe(error: Exception) -> str:
    sentences = (words for kind, words in _CONNECTION_ERRORS if isinstance(error, kind))
    return next(sentences, f"the call to Panelr ended in an unexpected error: {type(error).__name__}")


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
