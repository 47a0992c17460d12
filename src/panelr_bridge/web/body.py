"""Read a request's body up to a limit."""

from fastapi import Request

from panelr_bridge.errors import BodyTooLarge


async def read(request: Request, *, limit: int) -> bytes:
    """Return the body; raises BodyTooLarge before reading on, as soon as it is known to be."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise BodyTooLarge(f"the body is larger than {limit} bytes (BRIDGE_MAX_BODY_BYTES)")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"the body is larger than {limit} bytes (BRIDGE_MAX_BODY_BYTES)")
    return bytes(body)
