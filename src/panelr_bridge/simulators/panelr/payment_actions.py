"""The actions for payments: submit_payment, complete_order, send_payment_instructions."""

from decimal import Decimal
from typing import Any

from panelr_bridge.simulators.panelr.api_call import ApiCall, read_json_object
from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.money import CENT
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.payment_input import (
    WorkOrderProof,
    parse_completion,
    parse_completion_by_token,
    parse_instructions,
    parse_submission,
)
from panelr_bridge.simulators.panelr.pricing import show_amount
from panelr_bridge.simulators.panelr.renewals import check_renewals
from panelr_bridge.simulators.panelr.work_order_views import view_queued, view_submitted
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
    return view_submitted(work_order, with_amount=payment.amount is not None)


def complete_order(panel: Panel, call: ApiCall) -> dict[str, Any]:
    """Queue a work order for provisioning: the one of the confirmation token, otherwise a new one."""
    body = read_json_object(panel, call)
    has_token = "confirmation_token" in body and panel.settings.knows_complete_by_token
    work_order = _complete_existing(panel, body) if has_token else _complete_new(panel, body)
    return view_queued(work_order, panel.rules)


def _complete_new(panel: Panel, body: dict[str, Any]) -> WorkOrder:
    new = parse_completion(body, products=panel.products, methods=panel.payment_methods, strict=panel.settings.strict)
    if panel.settings.checks_renewals:
        check_renewals(new.items, panel.lines)
    draft = panel.draft(new)
    _check_payment(panel, total=draft.order_total, covered=draft.paid + draft.store_discount)
    return panel.add(draft)


def _complete_existing(panel: Panel, body: dict[str, Any]) -> WorkOrder:
    settings = panel.settings
    proof, payment = parse_completion_by_token(body, methods=panel.payment_methods, strict=settings.strict)
    work_order = _find_work_order(panel, proof)
    _check_status(work_order, (*COMPLETABLE, "queued") if settings.accepts_repeated_payments else COMPLETABLE)
    discount = work_order.store_discount if payment.store_discount is None else payment.store_discount
    covered = work_order.paid + (payment.amount or 0) + discount
    _check_payment(panel, total=panel.price_completion(work_order, payment).order_total, covered=covered)
    panel.pay(work_order, payment, status="queued")
    return work_order


def _check_payment(panel: Panel, *, total: Decimal, covered: Decimal) -> None:
    """Check that payments and store discount cover the total, within a cent. Raises ApiError (422)."""
    if panel.rules.refuses_underpayment and covered < total - CENT:
        raise ApiError(
            422,
            f"The payment is too low: {show_amount(covered)} paid or discounted, "
            f"but the work order costs {show_amount(total)}",
        )


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
