"""Controls of the customers' lines."""

from dataclasses import fields

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.control.request import (
    BadRequestError,
    get_panel,
    json_response,
    not_found_response,
    read_object,
)
from panelr_bridge.simulators.panelr.customer_lines import LINE_STATUSES, CustomerLine

LINE_FIELDS = tuple(each.name for each in fields(CustomerLine))
LINES = {"fields": LINE_FIELDS, "statuses": LINE_STATUSES}
PAGES = {
    "GET /_sim/lines": "the customers' lines; filter with ?customer_email=",
    "POST /_sim/lines": "add a line: an object with customer_email; other fields of a line are optional",
    "PATCH /_sim/lines/{id}": "change a line: an object with the fields to change",
    "DELETE /_sim/lines/{id}": "delete a line",
}


async def list_lines(request: Request) -> Response:
    """List all lines, or those of one customer."""
    customer_email = request.query_params.get("customer_email")
    lines = get_panel(request).lines.values()
    return json_response(
        [
            each.full_json()
            for each in lines
            if customer_email is None or each.customer_email.casefold() == customer_email.casefold()
        ]
    )


async def add_line(request: Request) -> Response:
    """Add a line; answer 400 for an invalid value."""
    values = await read_object(request, LINE_FIELDS)
    if "customer_email" not in values:
        raise BadRequestError("customer_email is required")
    try:
        line = get_panel(request).add_line(**values)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return json_response(line.full_json(), 201)


async def edit_line(request: Request) -> Response:
    """Change the given fields of a line; answer 400 and change nothing if a value is invalid."""
    values = await read_object(request, tuple(name for name in LINE_FIELDS if name != "id"))
    try:
        line = get_panel(request).edit_line(request.path_params["id"], **values)
    except KeyError:
        return not_found_response("line")
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return json_response(line.full_json())


async def remove_line(request: Request) -> Response:
    """Delete a line."""
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
