"""Reads a work order and its payments from get_work_order, and the answers to payments. No I/O."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from panelr_bridge import text_limits
from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.panelr_values import PaymentReceipt, RecordedPayment, WorkOrderDetails
from panelr_bridge.json_codec import read_time
from panelr_bridge.panelr.json_fields import flag, integer, money, rows, status, string, total

DISPUTE_FIELDS = ("disputed", "dispute", "is_disputed")
NO_DISPUTE = frozenset({"", "no", "none", "closed", "resolved"})


def work_order_details(outcome: Done) -> WorkOrderDetails | Unknown:
    """Return the work order in get_work_order's data, or Unknown if its status or a payment cannot be read.

    An unreadable payment may be the one that the caller looks for.
    """
    summary = work_order_summary(outcome)
    if isinstance(summary, Unknown):
        return summary
    history = _read_history(outcome.data)
    if history is None:
        return Unknown(words="the payments of Panelr's work order cannot be read", status=outcome.status)
    return replace(summary, payment_history=history)


def work_order_summary(outcome: Done) -> WorkOrderDetails | Unknown:
    """Return the work order in get_work_order's data without its payments, or Unknown if its status is missing."""
    shown = work_order_status(outcome)
    if isinstance(shown, Unknown):
        return shown
    data = outcome.data
    return WorkOrderDetails(
        status=shown,
        order_total=total(data.get("order_total")),
        prev_paid=money(data.get("prev_paid")),
        balance_due=money(data.get("balance_due")),
        payment_history=(),
        currency=string(data.get("currency"), text_limits.CURRENCY),
        disputed=_is_disputed(data),
        activations=_read_activations(data),
    )


def payment_receipt(outcome: Done) -> PaymentReceipt:
    """Return what submit_payment or complete_order answers, as far as it can be read."""
    data = outcome.data if isinstance(outcome.data, dict) else {}
    return PaymentReceipt(
        status=status(data.get("status")),
        order_total=total(data.get("order_total")),
        balance_due=money(data.get("balance_due")),
        is_fully_paid=flag(data.get("fully_paid")),
    )


def work_order_status(outcome: Done) -> str | Unknown:
    """Return a work order's status, or Unknown if get_work_order's data have none."""
    data = outcome.data if isinstance(outcome.data, dict) else {}
    return status(data.get("status")) or Unknown(
        words="Panelr shows a work order without its status", status=outcome.status
    )


def _is_disputed(data: dict[str, Any]) -> bool:
    """Return whether Panelr shows a dispute. The field's name and form are not documented: details mean one as well."""
    for name in DISPUTE_FIELDS:
        value = data.get(name)
        disputed = flag(value)
        if disputed is None:
            disputed = bool(value) and str(value).strip().lower() not in NO_DISPUTE
        if disputed:
            return True
    return False


def _read_activations(data: dict[str, Any]) -> tuple[Activation, ...]:
    """Return the lines of the cart's items: all of them or none, because a renewal could take one for another.

    An item of several units may have brought several lines, of which it shows one.
    """
    cart = rows(data.get("cart"), "items") or []
    items = [item if isinstance(item, dict) else {} for item in cart]
    ids = [integer(item.get("activation_id")) for item in items]
    shown = [
        Activation(number, integer(item.get("product_id")))
        for number, item in zip(ids, items, strict=True)
        if number is not None and integer(item.get("qty")) in {None, 1}
    ]
    return tuple(shown) if len(shown) == len(items) else ()


def _read_history(data: dict[str, Any]) -> tuple[RecordedPayment, ...] | None:
    """Return the payments, or None if one cannot be read. A missing list means no payments if `prev_paid` is 0."""
    listed = data.get("payment_history")
    if listed is None and money(data.get("prev_paid")) == Decimal(0):
        return ()
    if not isinstance(listed, list):
        return None
    payments = [_read_payment(row) for row in listed]
    if any(payment is None for payment in payments):
        return None
    return tuple(payment for payment in payments if payment is not None)


def _read_payment(row: Any) -> RecordedPayment | None:
    amount = money(row.get("amount")) if isinstance(row, dict) else None
    if amount is None:
        return None
    return RecordedPayment(amount=amount, at=read_time(row.get("at")) or read_time(row.get("date")))
