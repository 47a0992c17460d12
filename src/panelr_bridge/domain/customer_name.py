"""The customer's name, as people read it. No I/O."""

import html

from panelr_bridge.woocommerce.order_payload import Order

MOST_ESCAPES = 3
"""How many times a name may have been escaped for HTML."""


def find_name(order: Order) -> str:
    """Return the customer's name, in its place the company, or "" if the order has neither."""
    billing = order.billing
    names = (order.meta("_panelr_customer_name"), f"{billing.first_name} {billing.last_name}", billing.company)
    return next(filter(None, map(_read, names)), "")


def _read(text: str | None) -> str:
    """Return a name without HTML's escapes and needless blanks; "" for one without anything to see."""
    if not text:
        return ""
    if "&" in text:
        text = unescape(text)
    name = " ".join(text.split())
    return name if any(map(str.isprintable, name.replace(" ", ""))) else ""


def unescape(text: str) -> str:
    """Return a text without HTML's escapes; the checkout and plugins may both have escaped it."""
    for _ in range(MOST_ESCAPES):
        plain = html.unescape(text)
        if plain == text:
            break
        text = plain
    return text
