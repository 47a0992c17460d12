"""What the pages under `/_sim/` have in common: the panel, JSON in and out, and how they say no."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from panelr_bridge.simulators.panelr.envelope import dump_json
from panelr_bridge.simulators.panelr.panel import Panel


class BadRequestError(ValueError):
    """What was asked for is not possible here; the text says what is."""


def get_panel(request: Request) -> Panel:
    """The panel that a request is about."""
    panel: Panel = request.app.state.panel
    return panel


def json_response(value: object, status: int = 200) -> Response:
    """An answer."""
    return Response(dump_json(value) + b"\n", status, media_type="application/json")


def not_found_response(what: str) -> Response:
    """404 with a sentence."""
    return json_response({"error": f"There is no such {what}"}, 404)


async def read_object(request: Request, allowed: tuple[str, ...]) -> dict[str, Any]:
    """The body of a request. Raises BadRequestError when it is no JSON object or has a field not `allowed`."""
    try:
        given = json.loads(await request.body())
    except ValueError as broken:
        raise BadRequestError("The body must be JSON") from broken
    if not isinstance(given, dict):
        raise BadRequestError("The body must be a JSON object")
    for name in given:
        if name not in allowed:
            raise BadRequestError(f"There is no field {name}; there are {', '.join(allowed)}")
    return given
