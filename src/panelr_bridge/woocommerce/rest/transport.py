"""httpx's transport, with one more kind of broken connection reported as such."""

import importlib.util
import sys

import httpx

if importlib.util.find_spec("sniffio") is None:
    # httpcore looks for this optional package four times a request; None makes each look-up end at once.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


class TimeoutTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, without the AttributeError that it raises on uvloop after a reset connection."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise httpx's errors, with ReadError for a connection reset while it was made.

        anyio then asks for the socket of a closed connection, hence the AttributeError.
        """
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            raise httpx.ReadError("the connection was reset while it was made", request=request) from error
