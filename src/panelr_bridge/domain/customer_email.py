"""By which e-mail address Panelr knows an order's customer. No I/O."""

import re

from panelr_bridge.domain.models import Reason
from panelr_bridge.woocommerce.order_payload import Order

LONGEST_EMAIL = 254  # RFC 5321 leaves no more room for an address
_EMAIL = re.compile(r"[^@\s<>\"(),;:]+@[^@\s<>\"(),;:]+\.[^@\s<>\"(),;:.]+")


def find_email(order: Order) -> str | None:
    """Return the customer's address as Panelr is told it; None where there is none that it would take."""
    email, reasons = read_email(order)
    return None if reasons else email


def read_email(order: Order) -> tuple[str, list[Reason]]:
    """Return the customer's address, or why there is none that Panelr would take."""
    email = (order.meta("_panelr_customer_email") or order.billing.email).strip()
    if not email:
        return "", [Reason("no_email", "the order has no e-mail address, and Panelr needs one")]
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        return "", [Reason("unusable_email", "the order's e-mail address is none that Panelr would take")]
    return email, []
