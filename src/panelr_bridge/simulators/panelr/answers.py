"""Panelr's envelope as bytes, before anything is done to it."""

from typing import Any

import simplejson

from panelr_bridge.simulators.wire import Answer


def success(data: object) -> Answer:
    """The envelope of a success; Decimals become JSON numbers."""
    return Answer(200, _envelope(True, data, None), succeeded=True)


def failure(status: int, text: str, retry_after: int | str | None = None) -> Answer:
    """The envelope of a failure."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(status, _envelope(False, None, text), headers=headers)


def written(value: object) -> bytes:
    """Any value as JSON."""
    text: str = simplejson.dumps(value, use_decimal=True)
    return text.encode()


def parsed(raw: bytes) -> Any:
    """JSON as a value, with every number that is no integer as a Decimal. Raises ValueError."""
    try:
        return simplejson.loads(raw, use_decimal=True)
    except RecursionError as deep:
        raise ValueError("nested too deeply") from deep


def _envelope(succeeded: bool, data: object, error: str | None) -> bytes:
    return written({"success": succeeded, "data": data, "error": error})
