"""The faults that the simulated Panelr supports."""

from collections.abc import Callable, Mapping

from panelr_bridge.simulators.faults import (
    COMMON_KINDS,
    FAULT_TIMES,
    Fault,
    FaultCatalogue,
    FaultError,
    FaultKind,
    FaultQueue,
)
from panelr_bridge.simulators.panelr.envelope import failure_response
from panelr_bridge.simulators.panelr.wrong_answers import (
    insert_holes,
    negate_total,
    remove_total,
    set_total_to_list,
    set_total_to_text,
)
from panelr_bridge.simulators.transport import HttpResponse, build_status_response

__all__ = ["BODIES", "FAULT_TIMES", "KINDS", "SUBJECTS", "Fault", "FaultCatalogue", "FaultError", "FaultQueue"]

BODIES = ("html", "envelope")
# The actions whose requests name an order or a customer, directly or by a work order. A fault can be limited to one
# order or customer.
_OF_AN_ORDER = (
    "create_work_order",
    "get_work_order",
    "submit_payment",
    "complete_order",
    "send_payment_instructions",
)
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "wc_order_id": _OF_AN_ORDER,
    "customer_email": (*_OF_AN_ORDER, "get_work_orders", "get_lines", "quote_cart"),
}
KINDS: Mapping[str, FaultKind] = {
    "refuse": FaultKind("422 with the envelope"),
    "unauthorized": FaultKind("401 with the envelope"),
    "forbidden": FaultKind("403 with the envelope"),
    "throttle": FaultKind("429 with the envelope", ("retry_after",)),
    "status": FaultKind("any status (default 500) with a page or the envelope", ("status", "body", "retry_after")),
    "total_text": FaultKind("order_total as text", alters_response=True),
    "total_negative": FaultKind("a negative order_total", alters_response=True),
    "total_list": FaultKind("order_total as a list", alters_response=True),
    "total_missing": FaultKind("no order_total", alters_response=True),
    "holes": FaultKind("lists with entries that are no objects", alters_response=True),
    **COMMON_KINDS,
}


def _apply_status(fault: Fault, _answer: HttpResponse) -> HttpResponse:
    status = fault.status or 500
    return build_status_response(fault, failure_response(status, f"Simulated status {status}", fault.retry_after))


OWN_ALTERATIONS: Mapping[str, Callable[[Fault, HttpResponse], HttpResponse]] = {
    "refuse": lambda _fault, _answer: failure_response(422, "Simulated refusal"),
    "unauthorized": lambda _fault, _answer: failure_response(401, "Invalid API key"),
    "forbidden": lambda _fault, _answer: failure_response(403, "Too many failed attempts, your address is blocked"),
    "throttle": lambda fault, _answer: failure_response(429, "Rate limit exceeded", fault.retry_after),
    "status": _apply_status,
    "total_text": lambda _fault, answer: set_total_to_text(answer),
    "total_negative": lambda _fault, answer: negate_total(answer),
    "total_list": lambda _fault, answer: set_total_to_list(answer),
    "total_missing": lambda _fault, answer: remove_total(answer),
    "holes": lambda _fault, answer: insert_holes(answer),
}
