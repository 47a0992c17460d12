"""Send the shop's HTTP requests, with the given order and letter case of the headers."""

import asyncio
import ssl
import time
from dataclasses import dataclass

import httpx

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DeliveryResponse:
    """The response to a request: a status, or no status and the reason in `error`."""

    status: int | None
    body: bytes
    location: str | None
    milliseconds: float
    error: str | None


class HttpSender:
    """Sends requests, each on its own TCP connection. Plain HTTP only; redirects are returned, not followed."""

    def __init__(self) -> None:
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes, *, timeout_seconds: float
    ) -> DeliveryResponse:
        """Send one request and read its response in `timeout_seconds`. Network errors are returned, not raised."""
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
        """Close the transport. A later request opens it again."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._transport is None:
            # A transport, because a client would add its own headers. The empty TLS context saves 30 ms for loading
            # certificates.
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
    """Return the Host header for `url`; empty if the URL has no host."""
    try:
        return httpx.URL(url).netloc.decode("ascii")
    except httpx.InvalidURL:
        return ""
