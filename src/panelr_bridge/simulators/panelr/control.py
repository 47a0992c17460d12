"""Controls for manual use with curl below `/_sim/`. A real Panelr has none of them."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.customer_lines import LINE_STATUSES, CustomerLine
from panelr_bridge.simulators.panelr.envelope import dump_json, parse_json
from panelr_bridge.simulators.panelr.faults import BODIES, FAULT_TIMES, KINDS, SUBJECTS, FaultError
from panelr_bridge.simulators.panelr.panel import JournalEntry, Panel
from panelr_bridge.simulators.panelr.settings import PanelSettings
from panelr_bridge.simulators.panelr.work_order_views import view_everything
from panelr_bridge.simulators.panelr.work_orders import CREATE_STATUSES, LATER_STATUSES

FAULT_FIELDS = ("kind", "action", "when", "times", "seconds", "status", "retry_after", "body", *SUBJECTS)
LINE_FIELDS = tuple(each.name for each in fields(CustomerLine))
LINES = {"fields": LINE_FIELDS, "statuses": LINE_STATUSES}
STATUSES = (*CREATE_STATUSES, *LATER_STATUSES)
PAGES = {
    "GET /_sim/": "this list",
    "GET /_sim/work-orders": "the complete work orders, with payments and sent instructions; filter with ?wc_order_id=",
    "POST /_sim/work-orders/{id}/status": "set the status, as an admin does: an object with status",
    "GET /_sim/lines": "the customers' lines; filter with ?customer_email=",
    "POST /_sim/lines": "add a line: an object with customer_email; other fields of a line are optional",
    "PATCH /_sim/lines/{id}": "change a line: an object with the fields to change",
    "DELETE /_sim/lines/{id}": "delete a line",
    "GET /_sim/requests": "the last 1000 requests to the API, oldest first",
    "GET /_sim/faults": "the pending faults",
    "POST /_sim/faults": "add a fault: an object with kind; action, when, times, wc_order_id, customer_email "
    "and the kind's own fields are optional",
    "DELETE /_sim/faults": "remove the pending faults",
    "PATCH /_sim/settings": "change settings",
    "DELETE /_sim/state": "reset everything except the settings",
}


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


async def read_object(request: Request, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON object in the body. Raises BadRequestError for another body or a field not in `allowed`."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise BadRequestError("The body must be JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError("The body must be a JSON object")
    for name in body:
        if name not in allowed:
            raise BadRequestError(f"Unknown field {name}; known are {', '.join(allowed)}")
    return body


async def show_index(request: Request) -> Response:
    """List the controls, the faults and the settings."""
    panel = get_panel(request)
    kinds = {name: {"what": kind.what, "fields": kind.fields} for name, kind in KINDS.items()}
    faults = {"kinds": kinds, "when": FAULT_TIMES, "body": BODIES, "times": "default 1; null means every request"}
    return json_response(
        {"pages": PAGES, "faults": faults, "statuses": STATUSES, "lines": LINES, "settings": _settings_json(panel)}
    )


async def list_work_orders(request: Request) -> Response:
    """List the complete work orders, oldest first."""
    panel, wc_order_id = get_panel(request), request.query_params.get("wc_order_id")
    work_orders = list(panel.work_orders.values()) if wc_order_id is None else panel.of_wc_order(wc_order_id)
    return json_response([view_everything(each) for each in work_orders])


async def set_status(request: Request) -> Response:
    """Set the status of a work order, as an admin or the provisioning does."""
    status = (await read_object(request, ("status",))).get("status")
    if status not in STATUSES:
        raise BadRequestError(f"status must be one of {', '.join(STATUSES)}")
    try:
        work_order = get_panel(request).set_status(request.path_params["id"], status)
    except KeyError:
        return not_found_response("work order")
    return json_response(view_everything(work_order))


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


async def list_requests(request: Request) -> Response:
    """List the journal of API requests."""
    return json_response([_entry_json(entry) for entry in get_panel(request).journal])


async def list_faults(request: Request) -> Response:
    """List the pending faults."""
    return json_response([fault.as_json() for fault in get_panel(request).faults.pending])


async def add_fault(request: Request) -> Response:
    """Add a fault; answer 400 if it is not supported."""
    values = await read_object(request, FAULT_FIELDS)
    if "kind" not in values:
        raise BadRequestError(f"kind is required, one of {', '.join(KINDS)}")
    return json_response(get_panel(request).faults.add(**values).as_json(), 201)


async def clear_faults(request: Request) -> Response:
    """Remove the pending faults."""
    get_panel(request).faults.clear()
    return Response(status_code=204)


async def reset_state(request: Request) -> Response:
    """Reset everything except the settings."""
    get_panel(request).reset()
    return Response(status_code=204)


async def change_settings(request: Request) -> Response:
    """Change the given settings; answer 400 and change nothing if one is invalid."""
    panel = get_panel(request)
    values = await read_object(request, tuple(each.name for each in fields(PanelSettings)))
    try:
        panel.settings = replace(panel.settings, **values)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return json_response(_settings_json(panel))


async def answer_bad_request(_request: Request, error: Exception) -> Response:
    """Answer 400 with the error text."""
    return json_response({"error": str(error)}, 400)


ROUTES = [
    Route("/", show_index),
    Route("/work-orders", list_work_orders),
    Route("/work-orders/{id:int}/status", set_status, methods=["POST"]),
    Route("/lines", list_lines, methods=["GET"]),
    Route("/lines", add_line, methods=["POST"]),
    Route("/lines/{id:int}", edit_line, methods=["PATCH"]),
    Route("/lines/{id:int}", remove_line, methods=["DELETE"]),
    Route("/requests", list_requests),
    Route("/faults", list_faults, methods=["GET"]),
    Route("/faults", add_fault, methods=["POST"]),
    Route("/faults", clear_faults, methods=["DELETE"]),
    Route("/state", reset_state, methods=["DELETE"]),
    Route("/settings", change_settings, methods=["PATCH"]),
]
ERRORS = {BadRequestError: answer_bad_request, FaultError: answer_bad_request}


def _settings_json(panel: Panel) -> Mapping[str, Any]:
    return {name: value for name, value in vars(panel.settings).items() if name != "api_key"}


def _entry_json(entry: JournalEntry) -> dict[str, Any]:
    try:
        body = parse_json(entry.body) if entry.body else None
    except ValueError:
        body = entry.body.decode(errors="replace")
    return {
        "time": entry.time.isoformat(timespec="milliseconds"),
        "address": entry.address,
        "method": entry.method,
        "action": entry.action,
        "query": entry.query,
        "status": entry.status,
        "fault": entry.fault,
        "body": body,
    }
