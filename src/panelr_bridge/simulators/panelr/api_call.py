"""One request to the API, and the parsing that actions share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.panel import Panel


@dataclass(frozen=True)
class ApiCall:
    """One request to the API. `arrived_at` is a time of the panel's clock."""

    action: str
    method: str
    query: Mapping[str, str]
    key: str | None
    address: str
    content_type: str
    body: bytes
    arrived_at: float


def read_json_object(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Return the JSON object in the body. Raises ApiError (400) for another body or content type."""
    if panel.settings.strict and call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(400, "Content-Type must be application/json")
    try:
        body = parse_json(call.body)
    except ValueError as error:
        raise ApiError(400, "The body is not valid JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object")
    return body


def read_positive(text: str, name: str) -> int:
    """Return a positive integer from the query. Raises ApiError (422)."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise ApiError(422, f"{name} must be an integer of at least 1")
    return int(text)
