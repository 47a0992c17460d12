"""The customer's e-mail address: Panelr identifies customers by it. No I/O."""

import re
import unicodedata

from panelr_bridge.domain.models import Reason
from panelr_bridge.woocommerce.order_payload import Order

MAX_EMAIL_LENGTH = 254  # RFC 5321
_EMAIL = re.compile(r"[^@\s<>\"(),;:]+@[^@\s<>\"(),;:]+\.[^@\s<>\"(),;:.]+")
_INVISIBLE = re.compile(
    "[\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffc\U0001d173-\U0001d17a\U000e0000-\U000e01ef]"
)
"""Characters that cannot be seen in an address: of no width, of direction, byte order marks, and other blanks."""
_LOST = "\ufffd"
"""Stands where a character was lost."""


def find_email(order: Order) -> str | None:
    """Return the customer's e-mail address, or None if Panelr would not accept it."""
    email, reasons = read_email(order)
    return None if reasons else email


def read_email(order: Order) -> tuple[str, list[Reason]]:
    """Return the customer's e-mail address and no reasons, or "" and the reason why it cannot be used."""
    email = clean_email(order.meta("_panelr_customer_email") or order.billing.email)
    if email == "":
        return "", [Reason("no_email", "the order has no e-mail address, and Panelr needs one")]
    if email is None or not _EMAIL.fullmatch(email) or len(email) > MAX_EMAIL_LENGTH:
        return "", [Reason("unusable_email", "Panelr would not accept the order's e-mail address: correct it")]
    return email, []


def clean_email(text: str) -> str | None:
    """Return an address without characters that cannot be seen, in ordinary letters in place of full-width ones.

    Returns None if such letters stand in it and it is no ordinary address without them, and for characters that are no
    letters: lost in a conversion, or of private use.
    """
    text = text.strip()
    if text.isascii():
        return text
    visible = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).strip()
    folded = unicodedata.normalize("NFKC", visible)
    if not folded.isprintable() or _LOST in folded:
        return None
    return folded if folded == visible or folded.isascii() else None
