"""What get_work_order tells of a work order and its payments, read without I/O."""

from decimal import Decimal
from typing import Any

from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.models import RecordedPayment, WorkOrderDetails
from panelr_bridge.panelr.json_fields import moment, money, string


def work_order_details(outcome: Done) -> WorkOrderDetails | Unknown:
    """Return what get_work_order's data tell; Unknown where they tell no status, or not every payment.

    One payment that cannot be read spoils the whole, because it might be the one that is looked for.
    """
    data = outcome.data if isinstance(outcome.data, dict) else {}
    status, history = work_order_status(outcome), _read_history(data)
    if isinstance(status, Unknown):
        return status
    if history is None:
        return Unknown(words="the payments of Panelr's work order cannot be read", status=outcome.status)
    return WorkOrderDetails(
        status=status,
        order_total=money(data.get("order_total")),
        prev_paid=money(data.get("prev_paid")),
        balance_due=money(data.get("balance_due")),
        payment_history=history,
        currency=string(data.get("currency")),
    )


def work_order_status(outcome: Done) -> str | Unknown:
    """Return where a work order stands; Unknown where get_work_order's data do not tell."""
    data = outcome.data if isinstance(outcome.data, dict) else {}
    status = string(data.get("status"))
    return status or Unknown(words="Panelr shows a work order, but not where it stands", status=outcome.status)


def _read_history(data: dict[str, Any]) -> tuple[RecordedPayment, ...] | None:
    """Read the payments; an absent list is an empty one only where nothing has been paid."""
    shown = data.get("payment_history")
    if shown is None and money(data.get("prev_paid")) == Decimal(0):
        return ()
    if not isinstance(shown, list):
        return None
    payments = [_read_payment(row) for row in shown]
    if any(payment is None for payment in payments):
        return None
    return tuple(payment for payment in payments if payment is not None)


def _read_payment(row: Any) -> RecordedPayment | None:
    amount = money(row.get("amount")) if isinstance(row, dict) else None
    if amount is None:
        return None
    return RecordedPayment(amount=amount, at=moment(row.get("at")) or moment(row.get("date")))
