"""Customers' lines by hand: `/_sim/lines`."""

from dataclasses import fields

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.control_call import (
    BadRequestError,
    get_panel,
    json_response,
    not_found_response,
    read_object,
)
from panelr_bridge.simulators.panelr.customer_lines import CustomerLine

LINE_FIELDS = tuple(each.name for each in fields(CustomerLine))
PAGES = {
    "GET /_sim/lines": "the customers' lines; ?customer_email= filters",
    "POST /_sim/lines": "add a line: an object with customer_email and perhaps any other field of a line",
    "PATCH /_sim/lines/{id}": "change a line: an object with the fields that change",
    "DELETE /_sim/lines/{id}": "take a line away",
}


async def list_lines(request: Request) -> Response:
    """All lines, or those of one customer."""
    wanted = request.query_params.get("customer_email")
    found = get_panel(request).lines.values()
    return json_response(
        [each.full_json() for each in found if wanted is None or each.customer_email.casefold() == wanted.casefold()]
    )


async def add_line(request: Request) -> Response:
    """Add a line. 400 when a value does not fit."""
    given = await read_object(request, LINE_FIELDS)
    if "customer_email" not in given:
        raise BadRequestError("customer_email is required")
    try:
        line = get_panel(request).add_line(**given)
    except ValueError as unfit:
        raise BadRequestError(str(unfit)) from unfit
    return json_response(line.full_json(), 201)


async def edit_line(request: Request) -> Response:
    """Change a line: either all that was given or, with a 400, nothing."""
    given = await read_object(request, tuple(name for name in LINE_FIELDS if name != "id"))
    try:
        line = get_panel(request).edit_line(request.path_params["id"], **given)
    except KeyError:
        return not_found_response("line")
    except ValueError as unfit:
        raise BadRequestError(str(unfit)) from unfit
    return json_response(line.full_json())


async def remove_line(request: Request) -> Response:
    """Take a line away."""
    try:
        get_panel(request).remove_line(request.path_params["id"])
    except KeyError:
        return not_found_response("line")
    return Response(status_code=204)


ROUTES = [
    Route("/lines", list_lines, methods=["GET"]),
    Route("/lines", add_line, methods=["POST"]),
    Route("/lines/{id:int}", edit_line, methods=["PATCH"]),
    Route("/lines/{id:int}", remove_line, methods=["DELETE"]),
]
