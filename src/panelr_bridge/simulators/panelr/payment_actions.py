"""The actions for payments: submit_payment, complete_order, send_payment_instructions."""

from typing import Any

from panelr_bridge.simulators.panelr.api_call import ApiCall, read_json_object
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.payment_input import (
    WorkOrderProof,
    parse_completion,
    parse_completion_by_token,
    parse_instructions,
    parse_submission,
)
from panelr_bridge.simulators.panelr.work_orders import WorkOrder

AWAITING_PAYMENT = ("pending_payment",)
# Not documented. Assumption: every status before provisioning can be completed, except canceled.
COMPLETABLE = ("pending", "pending_payment", "payment_submitted", "payment_failed", "awaiting_webhook")


def submit_payment(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Add a payment and set the status payment_submitted."""
    proof, payment = parse_submission(read_json_object(panel, call), strict=panel.settings.strict)
    work_order = _find_work_order(panel, proof)
    repeatable = ("payment_submitted",) if panel.settings.accepts_repeated_payments else ()
    _check_status(work_order, (*AWAITING_PAYMENT, *repeatable))
    panel.pay(work_order, payment, status="payment_submitted")
    return work_order.submitted_json(with_amount=payment.amount is not None)


def complete_order(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Queue a work order for provisioning: the one of the confirmation token, otherwise a new one."""
    settings, body = panel.settings, read_json_object(panel, call)
    if "confirmation_token" not in body or not settings.knows_complete_by_token:
        new = parse_completion(body, products=panel.products, methods=panel.payment_methods, strict=settings.strict)
        return panel.create(new).queued_json()
    proof, payment = parse_completion_by_token(body, methods=panel.payment_methods, strict=settings.strict)
    work_order = _find_work_order(panel, proof)
    _check_status(work_order, (*COMPLETABLE, "queued") if settings.accepts_repeated_payments else COMPLETABLE)
    panel.pay(work_order, payment, status="queued")
    return work_order.queued_json()


def send_payment_instructions(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Send the customer an e-mail with payment instructions."""
    work_order_id, confirm_url = parse_instructions(read_json_object(panel, call), strict=panel.settings.strict)
    work_order = panel.work_orders.get(work_order_id)
    if work_order is None:
        raise ApiError(404, "Work order not found")
    _check_status(work_order, AWAITING_PAYMENT)
    panel.send_instructions(work_order, confirm_url)
    return {"sent": True, "reference_code": work_order.reference_code}


def _find_work_order(panel: Panel, proof: WorkOrderProof) -> WorkOrder:
    if proof.token is not None:
        work_order = panel.find_by_token(proof.token)
    else:
        work_order = panel.find_by_reference(proof.reference_code)
        if work_order is not None and work_order.customer_email.casefold() != proof.customer_email.casefold():
            work_order = None
    if work_order is None:
        raise ApiError(404, "Work order not found")
    return work_order


def _check_status(work_order: WorkOrder, statuses: tuple[str, ...]) -> None:
    if work_order.status not in statuses:
        raise ApiError(409, f"The work order is {work_order.status}; it must be {' or '.join(statuses)}")
