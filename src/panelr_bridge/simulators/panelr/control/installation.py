"""Controls of the installation: requests, faults, settings and the whole state."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.control.request import (
    BadRequestError,
    get_panel,
    json_response,
    read_object,
)
from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.panelr.faults import KINDS, SUBJECTS
from panelr_bridge.simulators.panelr.panel import JournalEntry, Panel
from panelr_bridge.simulators.panelr.settings import PanelSettings

FAULT_FIELDS = ("kind", "action", "when", "times", "seconds", "status", "retry_after", "body", *SUBJECTS)
PAGES = {
    "GET /_sim/requests": "the last 1000 requests to the API, oldest first",
    "GET /_sim/faults": "the pending faults",
    "POST /_sim/faults": "add a fault: an object with kind; action, when, times, wc_order_id, customer_email "
    "and the kind's own fields are optional",
    "DELETE /_sim/faults": "remove the pending faults",
    "PATCH /_sim/settings": "change settings, such as generation (1 is an older Panelr), currency, list_cap and "
    "firewall_words (texts whose requests get 403 with an HTML page)",
    "DELETE /_sim/state": "reset everything except the settings",
}


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
    return json_response(settings_json(panel))


ROUTES = [
    Route("/requests", list_requests),
    Route("/faults", list_faults, methods=["GET"]),
    Route("/faults", add_fault, methods=["POST"]),
    Route("/faults", clear_faults, methods=["DELETE"]),
    Route("/state", reset_state, methods=["DELETE"]),
    Route("/settings", change_settings, methods=["PATCH"]),
]


def settings_json(panel: Panel) -> Mapping[str, Any]:
    """Return the settings without the API key."""
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
