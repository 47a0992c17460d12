"""Controls by hand over the REST API: its faults, its journal, how the shop is set up."""

from dataclasses import asdict, fields
from typing import Any

from panelr_bridge.simulators.faults import WHENS, FaultError
from panelr_bridge.simulators.woocommerce.control_call import Call, Control
from panelr_bridge.simulators.woocommerce.faults import REPERTOIRE, Asked, Switches
from panelr_bridge.simulators.woocommerce.ledger import StoreError
from panelr_bridge.simulators.woocommerce.rest.notes import note_json
from panelr_bridge.simulators.woocommerce.store import Store

FAULT_FIELDS = ("kind", "action", "when", "times", "seconds", "status", "retry_after", "body", *REPERTOIRE.subjects)
SWITCHES = tuple(switch.name for switch in fields(Switches))
# What of a query no eye should see.
SECRET = ("consumer_", "oauth_")


async def faults(store: Store, _: Call) -> Any:
    """Tell of the faults in waiting."""
    return [fault.shown() for fault in store.faults.waiting]


async def add_fault(store: Store, call: Call) -> Any:
    """Add a fault."""
    call.known(*FAULT_FIELDS)
    try:
        return store.faults.add(**{"kind": None, **call.body}).shown()
    except FaultError as error:
        raise StoreError(str(error)) from error


async def clear_faults(store: Store, call: Call) -> Any:
    """Forget the faults in waiting."""
    store.faults.clear()
    return await faults(store, call)


async def requests(store: Store, call: Call) -> Any:
    """Show the journal of the REST API, oldest first, or its last entries alone."""
    last = call.query.get("last", "")
    shown = list(store.requests)
    return [_asked_json(asked) for asked in (shown[-int(last) :] if last.isdigit() and int(last) else shown)]


async def switches(store: Store, call: Call) -> Any:
    """Change how the shop is set up, and tell it."""
    call.known(*SWITCHES)
    wanted = {name: call.flag(name) for name in SWITCHES if name in call.body}
    for name, value in wanted.items():
        setattr(store.switches, name, value)
    return asdict(store.switches)


async def notes(store: Store, call: Call) -> Any:
    """Show the notes of an order, oldest first."""
    order = store.order(call.number)
    return [note_json(store, order, note) for note in order.notes]


def repertoire_json() -> dict[str, Any]:
    """Tell which faults there are."""
    return {
        "kinds": {name: {"what": kind.what, "fields": kind.fields} for name, kind in REPERTOIRE.kinds.items()},
        "actions": REPERTOIRE.actions,
        "when": WHENS,
        "body": REPERTOIRE.bodies,
        "times": "1 unless given; null is every time",
        "order_id": "strikes requests about this order alone",
    }


def _asked_json(asked: Asked) -> dict[str, Any]:
    return {
        "time": asked.time.isoformat(timespec="milliseconds"),
        "method": asked.method,
        "path": asked.path,
        "query": {name: value for name, value in asked.query.items() if not name.startswith(SECRET)},
        "action": asked.action,
        "status": asked.status,
        "fault": asked.fault,
        "body": asked.body.decode(errors="replace"),
    }


FAULT = '{"kind": "status", "status": 503, "retry_after": 5, "action": "orders.update", "when": "after", "times": 2}'
REST_CONTROLS = [
    Control("GET", "/_sim/faults", "", "the faults in waiting at the REST API", faults),
    Control("POST", "/_sim/faults", FAULT, "let requests to the REST API go wrong; see faults below", add_fault),
    Control("DELETE", "/_sim/faults", "", "forget the faults in waiting", clear_faults),
    Control("GET", "/_sim/requests", "", "what was asked of the REST API; ?last=5", requests),
    Control("PATCH", "/_sim/settings", '{"resave": true}', f"switch on or off: {', '.join(SWITCHES)}", switches),
    Control("GET", "/_sim/orders/{number:int}/notes", "", "the notes of an order", notes),
]
