"""What a fault makes of Panelr's answers: the envelope says so."""

from collections.abc import Callable, Mapping

from panelr_bridge.simulators.faults import Fault
from panelr_bridge.simulators.panelr.envelope import failure_response
from panelr_bridge.simulators.transport import HttpResponse, build_status_response


def _apply_status(fault: Fault, _answer: HttpResponse) -> HttpResponse:
    status = fault.status or 500
    return build_status_response(fault, failure_response(status, f"Simulated status {status}", fault.retry_after))


OWN_ALTERATIONS: Mapping[str, Callable[[Fault, HttpResponse], HttpResponse]] = {
    "refuse": lambda _fault, _answer: failure_response(422, "Simulated refusal"),
    "unauthorized": lambda _fault, _answer: failure_response(401, "Invalid API key"),
    "forbidden": lambda _fault, _answer: failure_response(403, "Too many failed attempts, your address is blocked"),
    "throttle": lambda fault, _answer: failure_response(429, "Rate limit exceeded", fault.retry_after),
    "status": _apply_status,
}
