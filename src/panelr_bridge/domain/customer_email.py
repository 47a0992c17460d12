"""The customer's e-mail address: Panelr identifies customers by it. No I/O."""

import re

from panelr_bridge.domain.models import Reason
from panelr_bridge.woocommerce.order_payload import Order

MAX_EMAIL_LENGTH = 254  # RFC 5321
_EMAIL = re.compile(r"[^@\s<>\"(),;:]+@[^@\s<>\"(),;:]+\.[^@\s<>\"(),;:.]+")


def find_email(order: Order) -> str | None:
    """Return the customer's e-mail address, or None if Panelr would not accept it."""
    email, reasons = read_email(order)
    return None if reasons else email


def read_email(order: Order) -> tuple[str, list[Reason]]:
    """Return the customer's e-mail address and no reasons, or "" and the reason why it cannot be used."""
    email = (order.meta("_panelr_customer_email") or order.billing.email).strip()
    if not email:
        return "", [Reason("no_email", "the order has no e-mail address, and Panelr needs one")]
    if not _EMAIL.fullmatch(email) or len(email) > MAX_EMAIL_LENGTH:
        return "", [Reason("unusable_email", "Panelr would not accept the order's e-mail address: correct it")]
    return email, []
