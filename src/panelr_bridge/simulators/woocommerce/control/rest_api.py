"""Controls for the REST API: its faults, its journal and its settings."""

from dataclasses import asdict, fields
from typing import Any

from panelr_bridge.simulators.faults import FAULT_TIMES, FaultError
from panelr_bridge.simulators.woocommerce.control.request import ControlAction, ControlRequest
from panelr_bridge.simulators.woocommerce.faults import FAULT_CATALOGUE, RecordedRequest, ShopSwitches
from panelr_bridge.simulators.woocommerce.rest.notes import note_json
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import ShopError

FAULT_FIELDS = (
    "kind",
    "action",
    "when",
    "times",
    "seconds",
    "status",
    "retry_after",
    "body",
    *FAULT_CATALOGUE.subjects,
)
SWITCHES = tuple(switch.name for switch in fields(ShopSwitches))
# Query parameters that must not be shown.
SECRET = ("consumer_", "oauth_")


async def list_faults(shop: SimulatedShop, _: ControlRequest) -> Any:
    """List the pending faults."""
    return [fault.as_json() for fault in shop.faults.pending]


async def add_fault(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Add a fault."""
    call.check_fields(*FAULT_FIELDS)
    try:
        return shop.faults.add(**{"kind": None, **call.body}).as_json()
    except FaultError as error:
        raise ShopError(str(error)) from error


async def clear_faults(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Remove the pending faults."""
    shop.faults.clear()
    return await list_faults(shop, call)


async def list_requests(shop: SimulatedShop, call: ControlRequest) -> Any:
    """List the journal of REST requests, oldest first, or only its last entries."""
    last = call.query.get("last", "")
    requests = list(shop.requests)
    return [
        _request_json(request) for request in (requests[-int(last) :] if last.isdigit() and int(last) else requests)
    ]


async def change_switches(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Change the shop's switches and return all of them."""
    call.check_fields(*SWITCHES)
    changes = {name: call.flag(name) for name in SWITCHES if name in call.body}
    for name, value in changes.items():
        setattr(shop.switches, name, value)
    return asdict(shop.switches)


async def list_notes(shop: SimulatedShop, call: ControlRequest) -> Any:
    """List the notes of an order, oldest first."""
    order = shop.order(call.number)
    return [note_json(shop, order, note) for note in order.notes]


def fault_catalogue_json() -> dict[str, Any]:
    """Return the supported faults as a JSON object."""
    return {
        "kinds": {name: {"what": kind.what, "fields": kind.fields} for name, kind in FAULT_CATALOGUE.kinds.items()},
        "actions": FAULT_CATALOGUE.actions,
        "when": FAULT_TIMES,
        "body": FAULT_CATALOGUE.bodies,
        "times": "default 1; null means every request",
        "order_id": "limits the fault to requests for this order",
    }


def _request_json(request: RecordedRequest) -> dict[str, Any]:
    return {
        "time": request.time.isoformat(timespec="milliseconds"),
        "method": request.method,
        "path": request.path,
        "query": {name: value for name, value in request.query.items() if not name.startswith(SECRET)},
        "action": request.action,
        "status": request.status,
        "fault": request.fault,
        "body": request.body.decode(errors="replace"),
    }


FAULT = '{"kind": "status", "status": 503, "retry_after": 5, "action": "orders.update", "when": "after", "times": 2}'
REST_CONTROLS = [
    ControlAction("GET", "/_sim/faults", "", "the pending faults of the REST API", list_faults),
    ControlAction(
        "POST", "/_sim/faults", FAULT, "add a fault of the REST API; 'faults' below lists the fields", add_fault
    ),
    ControlAction("DELETE", "/_sim/faults", "", "remove the pending faults", clear_faults),
    ControlAction(
        "GET", "/_sim/requests", "", "the requests to the REST API; last entries with ?last=5", list_requests
    ),
    ControlAction(
        "PATCH",
        "/_sim/settings",
        '{"resave": true}',
        f"change the setup; switches: {', '.join(SWITCHES)}",
        change_switches,
    ),
    ControlAction("GET", "/_sim/orders/{number:int}/notes", "", "the notes of an order", list_notes),
]
