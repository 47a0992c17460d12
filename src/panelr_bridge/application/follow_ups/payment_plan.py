"""Plan the follow-up `payment`: whether Panelr must learn of a payment, how, and what stands in the way. Pure."""

from decimal import Decimal
from typing import Any

from panelr_bridge.domain.decision import ENDED
from panelr_bridge.domain.follow_up_rules import Cancel, CreatedOrder, Escalate, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, FreeOrders, OnPaid, Reason
from panelr_bridge.domain.work_order_request import PAID_STATUSES, UNPAID
from panelr_bridge.woocommerce.order_payload import Order

SUBMITTED = "payment_submitted"
AWAITING_WEBHOOK = "awaiting_webhook"
"""The status of an unpaid order of Panelr's own checkout. Only complete_order pays for it."""
STATUSES_AFTER_SUBMIT_PAYMENT = frozenset({SUBMITTED, "processing", "queued", "completed"})
"""A work order's statuses after submit_payment."""
STATUSES_AFTER_COMPLETE_ORDER = frozenset({"processing", "queued", "completed"})
"""A work order's statuses after complete_order."""
PLACED_FREE = frozenset({"processing", "completed"})
"""WooCommerce's statuses of a free order that needs no payment."""


def plan(created: CreatedOrder) -> Step | None:
    """Schedule a payment that came after the work order's creation; create_work_order reported an earlier one."""
    state, action = created.follow_ups.get(FollowUpKind.PAYMENT), payment_action(created)
    is_unreported = _is_unreported(created, action)
    if state is not None:
        return Cancel(FollowUpKind.PAYMENT) if state.owed and not state.sent and not is_unreported else None
    words = _obstacle(created, action) if is_unreported else _unreported_method(created)
    if words is not None:
        return Escalate(FollowUpKind.PAYMENT, Reason("payment_not_told", words))
    return Schedule(FollowUpKind.PAYMENT, created.now, _content(created, action)) if is_unreported else None


def payment_action(created: CreatedOrder) -> OnPaid:
    """Return the call that reports the order's payment by its present state; NONE if there is nothing to report.

    A free order has no gateway, and so no mapping: the setting alone decides whether it is completed.
    """
    order = created.order
    if order.status in ENDED or order.unreadable:
        return OnPaid.NONE
    if _is_completed_free(created):
        return OnPaid.COMPLETE_ORDER
    if not order.is_paid or (not order.total and created.on_paid is OnPaid.COMPLETE_ORDER):
        return OnPaid.NONE
    pays_at_checkout = created.on_paid is OnPaid.SUBMIT_PAYMENT and created.work_order.status == AWAITING_WEBHOOK
    return OnPaid.COMPLETE_ORDER if pays_at_checkout else created.on_paid


def statuses_after(action: str) -> frozenset[str]:
    """Return a work order's statuses after this call."""
    return STATUSES_AFTER_COMPLETE_ORDER if action == OnPaid.COMPLETE_ORDER else STATUSES_AFTER_SUBMIT_PAYMENT


def _is_completed_free(created: CreatedOrder) -> bool:
    order, wanted = created.order, created.free_orders is FreeOrders.COMPLETE
    return wanted and not order.total and (order.is_paid or order.status in PLACED_FREE)


def _is_unreported(created: CreatedOrder, action: OnPaid) -> bool:
    """Return whether there is something to report, and Panelr does not know it.

    A payment that was reported at the creation is not reported again, whatever administrators do to the work order
    since. It can only be completed, if the mapping says so now. A work order that a person linked may be another one.
    """
    status, request = created.work_order.status, created.request
    if action is OnPaid.NONE or status in statuses_after(action):
        return False
    if created.by_plugin:
        return not _plugin_reported(created.order) and not _awaits_status(created, action)
    if request is not None and request.status in PAID_STATUSES and not created.by_person:
        return action is OnPaid.COMPLETE_ORDER and status == SUBMITTED
    return True


def _plugin_reported(order: Order) -> bool:
    """Return whether Panelr's plugin says in the order's meta that it has reported the payment.

    Its state `sent` says only that the work order exists.
    """
    is_submitted = (order.meta("_panelr_payment_submitted") or "").lower() not in {"", "0", "no", "false"}
    states = {order.meta("_panelr_state"), order.meta("_panelr_status")}
    return is_submitted or bool(states & STATUSES_AFTER_SUBMIT_PAYMENT)


def _awaits_status(created: CreatedOrder, action: OnPaid) -> bool:
    """Return whether the first status poll must say what a work order without a token needs."""
    work_order = created.work_order
    is_polled = work_order.reference_code is not None and created.has_email
    lacks_token = action is OnPaid.COMPLETE_ORDER and work_order.confirmation_token is None
    return lacks_token and work_order.status is None and is_polled


def _obstacle(created: CreatedOrder, action: OnPaid) -> str | None:
    """Return why the bridge cannot report a payment that Panelr should know; None if it can."""
    work_order = created.work_order
    if created.request is None and not created.by_plugin:
        return "the order is paid, but its work order was only adopted: record the payment in Panelr"
    if action is OnPaid.COMPLETE_ORDER and work_order.confirmation_token is None:
        return "the order is paid, but its work order's token is not known: complete it in Panelr"
    if work_order.confirmation_token is None and not created.has_email:
        return "the order is paid, but its work order's token and e-mail address are not known: record it in Panelr"
    if work_order.reference_code is None:
        return "the order is paid, but its work order's reference code is not known: record the payment in Panelr"
    if action is OnPaid.COMPLETE_ORDER and created.items_changed:
        return (
            "the order is paid, but its items changed after its work order was created, so Panelr would set up the old"
            " ones: correct the work order in Panelr, then acknowledge items_changed"
        )
    if _paid(created) is None and not created.omits_amounts:
        return "the order is paid, but its mappings changed and the amount is not known: record it in Panelr"
    return None


def _unreported_method(created: CreatedOrder) -> str | None:
    """Return that Panelr expects a payment that its mapping does not report, if it does."""
    instructions, request = created.follow_ups.get(FollowUpKind.INSTRUCTIONS), created.request
    was_instructed = instructions is not None and (instructions.sent or not instructions.owed)
    # an order that was sent without a payment method did not change its method
    changed_method = request is not None and request.payment_method_id not in {None, created.payment_method_id}
    is_paid = created.order.is_paid and created.order.status not in ENDED
    expects_payment = request is not None and (was_instructed or changed_method)
    if expects_payment and is_paid and created.on_paid is OnPaid.NONE and created.work_order.status == UNPAID:
        return "the order is paid by a method that is not reported to Panelr: record the payment in Panelr"
    return None


def _content(created: CreatedOrder, action: OnPaid) -> dict[str, Any]:
    is_free = _is_completed_free(created)
    is_sent = created.request is not None and created.request.payment_amount is not None
    is_recorded = is_sent and not is_free and not created.by_person
    paid = str(_paid(created))
    content: dict[str, Any] = {
        "action": action.value,
        "amount": None if is_recorded else paid,
        "paid": paid,
        "currency": created.order.currency,
        "transaction_id": created.order.transaction_id or None,
        "payment_method_id": _method_to_name(created),
    }
    if created.omits_amounts:
        content |= {"amount": None, "omits_amounts": True}
        del content["paid"]  # there is nothing to compare with Panelr's total
    if is_free:
        content["is_free"] = True
    if created.by_plugin or created.by_person:  # the plugin or the person may have reported the payment
        content["looks_first"] = True
    if created.by_plugin:
        content["coupons"] = [str(amount) for amount in _coupons(created.order)]
    return content


def _method_to_name(created: CreatedOrder) -> int | None:
    """Return the payment method that complete_order may name without a change of Panelr's total.

    Panelr adds the fee of the method that is named. So the method of the creation stays, whatever method the customer
    paid by, and a first one is named only if it has no fee and no discount.
    """
    is_same = created.request is None or created.request.payment_method_id == created.payment_method_id
    if created.request is None or is_same or created.by_person:  # a person may have linked another work order
        return created.payment_method_id
    if created.request.payment_method_id is not None:
        return created.request.payment_method_id
    return None if created.method_adjusts else created.payment_method_id


def _paid(created: CreatedOrder) -> Decimal | None:
    """Return what the customer paid for Panelr's part; of an order of Panelr's plugin, if need be, all that they paid.

    An amount that create_work_order reported counts as it was reported.
    """
    request = created.request
    if _is_completed_free(created):
        return Decimal(0)
    if request is not None and request.payment_amount is not None:
        return request.payment_amount
    if created.amount is None and created.by_plugin:
        return max(created.order.total - created.order.refunded, Decimal(0))
    return created.amount


def _coupons(order: Order) -> tuple[Decimal, Decimal]:
    """Return what the shop's own coupons took off the lines, without and with tax.

    Only a work order of Panelr's plugin lacks them: the plugin sends no adjustment. The bridge's own work orders have
    them in theirs, and would count them twice.
    """
    net = sum((line.subtotal - line.total for line in order.line_items), Decimal(0))
    return net, net + sum((line.subtotal_tax - line.total_tax for line in order.line_items), Decimal(0))
