"""httpx's transport, with one more kind of broken connection reported as such."""

import httpx


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
