"""What requests to a store go by: httpx's own transport, which tells every broken connection as one."""

import httpx


class TimeoutTransport(httpx.AsyncHTTPTransport):
    """httpx's transport. On uvloop, one of a connection's errors would come out of it as an AttributeError."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises httpx's errors, ReadError where the connection was reset as it was made.

        anyio then asks for the socket of a connection that has none any more.
        """
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            raise httpx.ReadError("the connection was reset as it was made", request=request) from error
