"""Strings to pull by hand, with curl: `/_sim/`. Nothing of this exists in a real Panelr."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panelr_bridge.simulators.panelr.answers import parsed, written
from panelr_bridge.simulators.panelr.faults import BODIES, KINDS, SUBJECTS, WHENS, FaultError
from panelr_bridge.simulators.panelr.panel import Entry, Panel
from panelr_bridge.simulators.panelr.settings import Settings
from panelr_bridge.simulators.panelr.work_orders import CREATE_STATUSES, LATER_STATUSES

FAULT_FIELDS = ("kind", "action", "when", "times", "seconds", "status", "retry_after", "body", *SUBJECTS)
STATUSES = (*CREATE_STATUSES, *LATER_STATUSES)
PAGES = {
    "GET /_sim/": "this page",
    "GET /_sim/work-orders": "everything that is kept of the work orders; ?wc_order_id= filters",
    "POST /_sim/work-orders/{id}/status": "an admin's decision: an object with status",
    "GET /_sim/requests": "the last 1000 requests to the API, oldest first",
    "GET /_sim/faults": "the faults in waiting",
    "POST /_sim/faults": "add a fault: an object with kind, perhaps action, when, times, wc_order_id, customer_email "
    "and the kind's own fields",
    "DELETE /_sim/faults": "forget the faults in waiting",
    "PATCH /_sim/settings": "change settings",
    "DELETE /_sim/state": "start anew; settings stay",
}


class BadRequestError(ValueError):
    """What was asked for is not possible here; the text says what is."""


async def index(request: Request) -> Response:
    """What can be done here, and how the panel is set."""
    panel = _panel(request)
    kinds = {name: {"what": kind.what, "fields": kind.fields} for name, kind in KINDS.items()}
    faults = {"kinds": kinds, "when": WHENS, "body": BODIES, "times": "1 unless given; null is every time"}
    return _json({"pages": PAGES, "faults": faults, "statuses": STATUSES, "settings": _settings(panel)})


async def work_orders(request: Request) -> Response:
    """Everything that is kept of the work orders, oldest first."""
    panel, wanted = _panel(request), request.query_params.get("wc_order_id")
    found = list(panel.work_orders.values()) if wanted is None else panel.of_wc_order(wanted)
    return _json([each.everything() for each in found])


async def decide(request: Request) -> Response:
    """Put a work order into another status, as an admin or the provisioning would."""
    status = (await _object(request, ("status",))).get("status")
    if status not in STATUSES:
        raise BadRequestError(f"status must be one of {', '.join(STATUSES)}")
    try:
        work_order = _panel(request).set_status(request.path_params["id"], status)
    except KeyError:
        return _json({"error": "There is no such work order"}, 404)
    return _json(work_order.everything())


async def requests(request: Request) -> Response:
    """The journal."""
    return _json([_entry(entry) for entry in _panel(request).journal])


async def faults(request: Request) -> Response:
    """The faults in waiting."""
    return _json([fault.shown() for fault in _panel(request).faults.waiting])


async def add_fault(request: Request) -> Response:
    """Add a fault. 400 when there is none such."""
    given = await _object(request, FAULT_FIELDS)
    if "kind" not in given:
        raise BadRequestError(f"kind is required, one of {', '.join(KINDS)}")
    return _json(_panel(request).faults.add(**given).shown(), 201)


async def clear_faults(request: Request) -> Response:
    """Forget the faults in waiting."""
    _panel(request).faults.clear()
    return Response(status_code=204)


async def start_anew(request: Request) -> Response:
    """Forget everything but the settings."""
    _panel(request).reset()
    return Response(status_code=204)


async def change_settings(request: Request) -> Response:
    """Change settings: either all that were given or, with a 400, none."""
    panel = _panel(request)
    given = await _object(request, tuple(each.name for each in fields(Settings)))
    try:
        panel.settings = replace(panel.settings, **given)
    except ValueError as unfit:
        raise BadRequestError(str(unfit)) from unfit
    return _json(_settings(panel))


async def refuse(_request: Request, error: Exception) -> Response:
    """400 with the sentence that says what is possible."""
    return _json({"error": str(error)}, 400)


ROUTES = [
    Route("/", index),
    Route("/work-orders", work_orders),
    Route("/work-orders/{id:int}/status", decide, methods=["POST"]),
    Route("/requests", requests),
    Route("/faults", faults, methods=["GET"]),
    Route("/faults", add_fault, methods=["POST"]),
    Route("/faults", clear_faults, methods=["DELETE"]),
    Route("/state", start_anew, methods=["DELETE"]),
    Route("/settings", change_settings, methods=["PATCH"]),
]
ERRORS = {BadRequestError: refuse, FaultError: refuse}


def _panel(request: Request) -> Panel:
    panel: Panel = request.app.state.panel
    return panel


def _json(value: object, status: int = 200) -> Response:
    return Response(written(value) + b"\n", status, media_type="application/json")


async def _object(request: Request, allowed: tuple[str, ...]) -> dict[str, Any]:
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
