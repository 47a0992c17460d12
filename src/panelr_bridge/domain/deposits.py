"""Orders of which a deposit was paid and the rest is due: Panelr must not take them for paid. Pure."""

from panelr_bridge.domain.models import OrderMappings, Reason
from panelr_bridge.domain.money import in_words
from panelr_bridge.woocommerce.json_fields import read_amount
from panelr_bridge.woocommerce.order_payload import Order


def deposit_reasons(order: Order, mappings: OrderMappings) -> list[Reason]:
    """Return the reason that a part of the order is still to be paid."""
    text = order.due_text
    if text is None or "deposit_due" in mappings.overridden:
        return []
    if read_amount(text) is None:
        words = f"the deposit's rest {text[:40]!r} in the order's meta cannot be read"
        return [Reason("deposit_due", f"{words}: correct it, or retry the order to send it as paid in full")]
    due = order.money_due
    if not due:
        return []
    words = (
        f"only a deposit is paid: {in_words(due, order)} of {in_words(order.total, order)} are due. The order is sent"
        " when the rest is paid; a retry sends it now, with the deposit as its payment"
    )
    return [Reason("deposit_due", words)]


def rest_paid_since(*, sent: Order, now: Order) -> list[Reason]:
    """Return the reason for attention if the rest was paid after the work order had been created."""
    paid = sent.money_due - now.money_due
    if paid <= 0:
        return []
    words = f"{in_words(paid, now)} of the rest were paid after the work order was created: record them in Panelr"
    return [Reason("deposit_rest_paid", words)]
