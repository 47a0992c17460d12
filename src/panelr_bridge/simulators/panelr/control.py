"""Strings to pull by hand, with curl: `/_sim/`. Nothing of this exists in a real Panelr."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr import control_lines
from panelr_bridge.simulators.panelr.answers import parsed
from panelr_bridge.simulators.panelr.control_call import BadRequestError, as_json, given_object, not_there, panel_of
from panelr_bridge.simulators.panelr.faults import BODIES, KINDS, SUBJECTS, WHENS, FaultError
from panelr_bridge.simulators.panelr.lines import LINE_STATUSES
from panelr_bridge.simulators.panelr.panel import Entry, Panel
from panelr_bridge.simulators.panelr.settings import Settings
from panelr_bridge.simulators.panelr.work_orders import CREATE_STATUSES, LATER_STATUSES

FAULT_FIELDS = ("kind", "action", "when", "times", "seconds", "status", "retry_after", "body", *SUBJECTS)
LINES = {"fields": control_lines.LINE_FIELDS, "statuses": LINE_STATUSES}
STATUSES = (*CREATE_STATUSES, *LATER_STATUSES)
PAGES = {
    "GET /_sim/": "this page",
    "GET /_sim/work-orders": "everything that is kept of the work orders, with their payments and the instructions "
    "that were sent; ?wc_order_id= filters",
    "POST /_sim/work-orders/{id}/status": "an admin's decision: an object with status",
    **control_lines.PAGES,
    "GET /_sim/requests": "the last 1000 requests to the API, oldest first",
    "GET /_sim/faults": "the faults in waiting",
    "POST /_sim/faults": "add a fault: an object with kind, perhaps action, when, times, wc_order_id, customer_email "
    "and the kind's own fields",
    "DELETE /_sim/faults": "forget the faults in waiting",
    "PATCH /_sim/settings": "change settings",
    "DELETE /_sim/state": "start anew; settings stay",
}


async def index(request: Request) -> Response:
    """What can be done here, and how the panel is set."""
    panel = panel_of(request)
    kinds = {name: {"what": kind.what, "fields": kind.fields} for name, kind in KINDS.items()}
    faults = {"kinds": kinds, "when": WHENS, "body": BODIES, "times": "1 unless given; null is every time"}
    return as_json(
        {"pages": PAGES, "faults": faults, "statuses": STATUSES, "lines": LINES, "settings": _settings(panel)}
    )


async def work_orders(request: Request) -> Response:
    """Everything that is kept of the work orders, oldest first."""
    panel, wanted = panel_of(request), request.query_params.get("wc_order_id")
    found = list(panel.work_orders.values()) if wanted is None else panel.of_wc_order(wanted)
    return as_json([each.everything() for each in found])


async def decide(request: Request) -> Response:
    """Put a work order into another status, as an admin or the provisioning would."""
    status = (await given_object(request, ("status",))).get("status")
    if status not in STATUSES:
        raise BadRequestError(f"status must be one of {', '.join(STATUSES)}")
    try:
        work_order = panel_of(request).set_status(request.path_params["id"], status)
    except KeyError:
        return not_there("work order")
    return as_json(work_order.everything())


async def requests(request: Request) -> Response:
    """The journal."""
    return as_json([_entry(entry) for entry in panel_of(request).journal])


async def faults(request: Request) -> Response:
    """The faults in waiting."""
    return as_json([fault.shown() for fault in panel_of(request).faults.waiting])


async def add_fault(request: Request) -> Response:
    """Add a fault. 400 when there is none such."""
    given = await given_object(request, FAULT_FIELDS)
    if "kind" not in given:
        raise BadRequestError(f"kind is required, one of {', '.join(KINDS)}")
    return as_json(panel_of(request).faults.add(**given).shown(), 201)


async def clear_faults(request: Request) -> Response:
    """Forget the faults in waiting."""
    panel_of(request).faults.clear()
    return Response(status_code=204)


async def start_anew(request: Request) -> Response:
    """Forget everything but the settings."""
    panel_of(request).reset()
    return Response(status_code=204)


async def change_settings(request: Request) -> Response:
    """Change settings: either all that were given or, with a 400, none."""
    panel = panel_of(request)
    given = await given_object(request, tuple(each.name for each in fields(Settings)))
    try:
        panel.settings = replace(panel.settings, **given)
    except ValueError as unfit:
        raise BadRequestError(str(unfit)) from unfit
    return as_json(_settings(panel))


async def refuse(_request: Request, error: Exception) -> Response:
    """400 with the sentence that says what is possible."""
    return as_json({"error": str(error)}, 400)


ROUTES = [
    Route("/", index),
    Route("/work-orders", work_orders),
    Route("/work-orders/{id:int}/status", decide, methods=["POST"]),
    *control_lines.ROUTES,
    Route("/requests", requests),
    Route("/faults", faults, methods=["GET"]),
    Route("/faults", add_fault, methods=["POST"]),
    Route("/faults", clear_faults, methods=["DELETE"]),
    Route("/state", start_anew, methods=["DELETE"]),
    Route("/settings", change_settings, methods=["PATCH"]),
]
ERRORS = {BadRequestError: refuse, FaultError: refuse}


def _settings(panel: Panel) -> Mapping[str, Any]:
    return {name: value for name, value in vars(panel.settings).items() if name != "api_key"}


def _entry(entry: Entry) -> dict[str, Any]:
    try:
        body = parsed(entry.body) if entry.body else None
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
