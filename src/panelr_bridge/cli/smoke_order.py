"""A test order: what it holds, and what is likely wrong where it gets stuck. No I/O."""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from panelr_bridge.domain.models import OrderState

WAITED_FOR = ("on-hold", "processing", "completed")
NOTE = "A test order of panelr-bridge smoke. Nobody has ordered anything; it may be deleted."
TOPICS = frozenset({"order.created", "order.updated"})
"""What a new order makes the shop send."""
STILL_OWED = (
    "A delivery that the shop still owes tells of an order that is gone by then: check counts it for a day, as an error"
    " of WooCommerce's."
)
ENDS = frozenset({OrderState.HELD, OrderState.REFUSED, OrderState.IGNORED, OrderState.WAITING, OrderState.CLOSED})
"""States that an order does not leave by itself."""
NOT_HEARD = (
    "the webhook is missing, paused or disabled: panelr-bridge connect",
    "WooCommerce sends webhooks by WP-Cron, which sleeps while nobody visits the shop: open a page of it, or give"
    " --timeout",
    "the shop does not reach the bridge, or its secret is another one: WooCommerce > Status > Logs, webhooks-delivery",
    "this command and the running bridge do not use the same BRIDGE_DATABASE_URL",
)
NOT_CREATED = (
    "no worker is running, or it cannot reach Panelr: panelr-bridge check",
    "many orders wait for Panelr's limit of calls: panelr-bridge orders list --state queued",
)
NOT_SHOWN = (
    "the key may not write: panelr-bridge connect, and panelr-bridge orders show says what the shop answered",
    "no worker is running: panelr-bridge check",
)


def order(*, line: Mapping[str, Any], status: str, email: str, payment_method: str | None) -> dict[str, Any]:
    """Return the fields of a test order: unpaid, of a customer who is plainly none."""
    content: dict[str, Any] = {
        "status": status,
        "billing": {"first_name": "Smoke", "last_name": "Test (panelr-bridge)", "email": email},
        "customer_note": NOTE,
        "line_items": [dict(line)],
    }
    return content | ({} if payment_method is None else {"payment_method": payment_method})


def status_of(create_on: Iterable[str]) -> str:
    """Return the status that calls for a work order and says the least about money."""
    allowed = sorted(create_on)
    return next((status for status in WAITED_FOR if status in allowed), allowed[0] if allowed else WAITED_FOR[0])


def email_of(shop_url: str) -> str:
    """Return the test customer's address: at the shop's own name, or at one that reaches nobody."""
    host = urlsplit(shop_url).hostname or ""
    return f"smoke-test@{host.removeprefix('www.') if '.' in host and not _is_number(host) else 'example.com'}"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def usable(mappings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the mappings by which an order becomes a work order, those first that need no SKU to be looked up.

    A renewal needs a line that the customer has already: a test customer has none.
    """
    fit = [row for row in mappings if row["panelr_product_id"] is not None and row["intent"] == "new_activation"]
    return sorted(fit, key=lambda row: row["woo_product_id"] is None and row["woo_variation_id"] is None)


def line_of(mapping: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an order's line of the product of a mapping; None for one that names a SKU alone."""
    numbers = {"product_id": mapping["woo_product_id"], "variation_id": mapping["woo_variation_id"]}
    known = {name: number for name, number in numbers.items() if number is not None}
    return {**known, "quantity": 1} if known else None


def product_line(product: Mapping[str, Any], *, parent: int | None = None) -> dict[str, Any]:
    """Return an order's line of a product that the shop has told, or of a variation of `parent`."""
    if parent is None:
        return {"product_id": product["id"], "quantity": 1}
    return {"product_id": parent, "variation_id": product["id"], "quantity": 1}


def came_by(deliveries: Iterable[Mapping[str, Any]]) -> str:
    """Say how the bridge heard of an order first."""
    first = next(iter(deliveries), None)
    if first is None:
        return "by backfill"
    by_webhook = "x-wc-webhook-id" in first["headers"]
    return f"by its webhook {first['topic']}" if by_webhook else f"by backfill, and not by a webhook ({first['topic']})"


def reference(order: Mapping[str, Any]) -> str | None:
    """Return the reference code that an order of the shop carries."""
    entries = order.get("meta_data") or ()
    codes = [entry.get("value") for entry in entries if entry.get("key") == "panelr_reference_code"]
    return str(codes[0]) if codes else None


def modified(order: Mapping[str, Any]) -> datetime | None:
    """Return when an order of the shop was changed last, where it tells that in UTC."""
    try:
        moment = datetime.fromisoformat(order["date_modified_gmt"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def reasons(row: Mapping[str, Any]) -> str:
    """Say in which state an order is, and why."""
    told = [
        f"{reason['line']}: {reason['words']}" if "line" in reason else reason["words"] for reason in row["reasons"]
    ]
    return f"it is {row['state']}" + (f": {'; '.join(told)}" if told else "")
