"""Panelr's JSON envelope as bytes."""

from typing import Any

import simplejson

from panelr_bridge.simulators.transport import HttpResponse


def success_response(data: object) -> HttpResponse:
    """Return the response of a successful action; Decimals become JSON numbers."""
    return HttpResponse(200, _envelope(True, data, None), succeeded=True)


def failure_response(status: int, text: str, retry_after: int | str | None = None) -> HttpResponse:
    """Return the response of a failed action."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return HttpResponse(status, _envelope(False, None, text), headers=headers)


def dump_json(value: object) -> bytes:
    """Return a value as JSON."""
    text: str = simplejson.dumps(value, use_decimal=True)
    return text.encode()


def parse_json(raw: bytes) -> Any:
    """Parse JSON; numbers that are not integers become Decimals. Raises ValueError."""
    try:
        return simplejson.loads(raw, use_decimal=True)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _envelope(succeeded: bool, data: object, error: str | None) -> bytes:
    return dump_json({"success": succeeded, "data": data, "error": error})
