"""Read the requests to the controls, and write their responses."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from panelr_bridge.simulators.panelr.envelope import dump_json
from panelr_bridge.simulators.panelr.panel import Panel


class BadRequestError(ValueError):
    """An invalid request to a control; the text lists the possible values."""


def get_panel(request: Request) -> Panel:
    """Return the panel of a request."""
    panel: Panel = request.app.state.panel
    return panel


def json_response(value: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(dump_json(value) + b"\n", status, media_type="application/json")


def not_found_response(what: str) -> Response:
    """Return a 404 response with an error text."""
    return json_response({"error": f"There is no such {what}"}, 404)


async def read_json(request: Request, parse: Callable[[bytes], Any] = json.loads) -> Any:
    """Return the JSON in the body. Raises BadRequestError."""
    try:
        return parse(await request.body())
    except ValueError as error:
        raise BadRequestError("The body must be JSON") from error


async def read_object(
    request: Request, allowed: tuple[str, ...], parse: Callable[[bytes], Any] = json.loads
) -> dict[str, Any]:
    """Return the JSON object in the body. Raises BadRequestError for another body or a field not in `allowed`."""
    return check_object(await read_json(request, parse), allowed)


def check_object(body: object, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return `body`, an object with fields of `allowed` only. Raises BadRequestError."""
    if not isinstance(body, dict):
        raise BadRequestError("The body must be a JSON object")
    for name in body:
        if name not in allowed:
            raise BadRequestError(f"Unknown field {name}; known are {', '.join(allowed)}")
    return body
