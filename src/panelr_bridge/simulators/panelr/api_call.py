"""One request, as far as the actions care, and what they read out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.panel import Panel


@dataclass(frozen=True)
class ApiCall:
    """One request, as far as the actions care. `arrived_at` is the panel's clock."""

    action: str
    method: str
    query: Mapping[str, str]
    key: str | None
    address: str
    content_type: str
    body: bytes
    arrived_at: float


def read_json_object(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """The body of a request. Raises Refused (400) when it is no JSON object, or is not sent as one."""
    if panel.settings.strict and call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(400, "Content-Type must be application/json")
    try:
        body = parse_json(call.body)
    except ValueError as broken:
        raise ApiError(400, "The body is not valid JSON") from broken
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object")
    return body


def read_positive(text: str, name: str) -> int:
    """A number out of the query. Raises Refused (422)."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise ApiError(422, f"{name} must be an integer of at least 1")
    return int(text)
