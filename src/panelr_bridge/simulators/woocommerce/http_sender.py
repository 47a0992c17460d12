"""One HTTP request of the shop, with the header names, their order and their letter case left as given."""

import asyncio
import ssl
import time
from dataclasses import dataclass

import httpx

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DeliveryResponse:
    """What came back: a status, or no status and the reason in `error`."""

    status: int | None
    body: bytes
    location: str | None
    milliseconds: float
    error: str | None


class HttpSender:
    """Sends requests, each on a TCP connection of its own. Plain HTTP only; redirects are handed back, not followed."""

    def __init__(self) -> None:
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes, *, timeout_seconds: float
    ) -> DeliveryResponse:
        """Send one request and read its whole answer within `timeout_seconds`. Never raises for the network's sake."""
        started = time.monotonic()
        status, content, location, error = None, b"", None, None
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await self._exchange(httpx.Request(method, url, headers=headers, content=body))
            status, content, location = response.status_code, response.content, response.headers.get("location")
        except TimeoutError:
            milliseconds = round(timeout_seconds * 1000)
            error = f"http_request_failed: cURL error 28: Operation timed out after {milliseconds} milliseconds"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            error = f"http_request_failed: {type(failure).__name__}: {failure}"
        return DeliveryResponse(status, content, location, (time.monotonic() - started) * 1000, error)

    async def close(self) -> None:
        """Close what is open. A later request opens it again."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._transport is None:
            # A transport instead of a client: a client puts headers of its own in front. The empty TLS
            # context saves the 30 ms of loading certificates that nobody needs here.
            self._transport = httpx.AsyncHTTPTransport(
                verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
        response = await self._transport.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response


def get_host(url: str) -> str:
    """Give the Host header for `url`; empty when there is no host in it."""
    try:
        return httpx.URL(url).netloc.decode("ascii")
    except httpx.InvalidURL:
        return ""
