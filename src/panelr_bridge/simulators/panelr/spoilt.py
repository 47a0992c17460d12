"""What a fault makes of Panelr's answers: the envelope says so."""

from collections.abc import Callable, Mapping

from panelr_bridge.simulators.faults import Fault
from panelr_bridge.simulators.panelr.answers import failure
from panelr_bridge.simulators.wire import Answer, as_status


def _status(fault: Fault, _answer: Answer) -> Answer:
    status = fault.status or 500
    return as_status(fault, failure(status, f"Simulated status {status}", fault.retry_after))


SPOILT: Mapping[str, Callable[[Fault, Answer], Answer]] = {
    "refuse": lambda _fault, _answer: failure(422, "Simulated refusal"),
    "unauthorized": lambda _fault, _answer: failure(401, "Invalid API key"),
    "forbidden": lambda _fault, _answer: failure(403, "Too many failed attempts, your address is blocked"),
    "throttle": lambda fault, _answer: failure(429, "Rate limit exceeded", fault.retry_after),
    "status": _status,
}
