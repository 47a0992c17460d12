"""Read a request's body up to a limit."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from panelr_bridge.errors import BodyTooLarge


async def read(receive: Receive, *, announced: bytes, limit: int) -> bytes:
    """Return the body; `announced` is its Content-Length as it came.

    Raises BodyTooLarge before reading on, as soon as it is known to be, and ClientDisconnect where the body has no end.
    """
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {limit} bytes (BRIDGE_MAX_BODY_BYTES)")
