"""Read a request's body up to a limit."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from panelr_bridge.errors import BodyTooLarge


async def read_body(receive: Receive, *, content_length: bytes, limit: int) -> bytes:
    """Return the body; `content_length` is the header as it arrived.

    Raises BodyTooLarge as soon as the body exceeds `limit` bytes, and ClientDisconnect if it breaks off.
    """
    if content_length.isdigit() and int(content_length[:20]) > limit:
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
