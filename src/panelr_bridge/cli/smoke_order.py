"""The test order: its content, and the likely causes if a step fails. No I/O."""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from panelr_bridge.domain.models import OrderState

PREFERRED_STATUSES = ("on-hold", "processing", "completed")
CUSTOMER_NOTE = "A test order of panelr-bridge smoke. It is not a real order and may be deleted."
EXPECTED_TOPICS = frozenset({"order.created", "order.updated"})
"""The topics that fire for a new order."""
DELIVERY_PENDING = (
    "The shop still has to deliver a webhook for this order. Because the order is deleted, it delivers an error:"
    " panelr-bridge check reports that until the same webhook delivers another order. You can ignore it."
)
FINAL_STATES = frozenset(
    {OrderState.HELD, OrderState.REFUSED, OrderState.IGNORED, OrderState.WAITING, OrderState.CLOSED}
)
"""States that an order leaves only after somebody changes something."""
# `{store}` stands for the option that names the store.
NOT_RECEIVED_CAUSES = (
    "the webhook is missing, paused or disabled: run panelr-bridge connect{store}",
    "WooCommerce sends webhooks by WP-Cron, and WP-Cron runs only when somebody visits the shop: open one of its"
    " pages, or give a longer --timeout",
    "the shop cannot reach the bridge: see WooCommerce > Status > Logs, webhooks-delivery",
    "the shop has another webhook secret than the bridge: run panelr-bridge connect{store} --new-secret",
    "this command and the running bridge have different values of BRIDGE_DATABASE_URL",
)
NOT_CREATED_CAUSES = (
    "no worker is running, or it cannot reach Panelr: run panelr-bridge check",
    "many orders wait for Panelr's rate limit: run panelr-bridge orders list --state queued",
)
NOT_WRITTEN_BACK_CAUSES = (
    "the key may not write: run panelr-bridge connect{store}, and see the shop's answer with panelr-bridge orders show",
    "no worker is running: run panelr-bridge check",
)


def build_order(*, line: Mapping[str, Any], status: str, email: str, payment_method: str | None) -> dict[str, Any]:
    """Return the fields of an unpaid test order. The customer's name shows that it is a test."""
    content: dict[str, Any] = {
        "status": status,
        "billing": {"first_name": "Smoke", "last_name": "Test (panelr-bridge)", "email": email},
        "customer_note": CUSTOMER_NOTE,
        "line_items": [dict(line)],
    }
    return content | ({} if payment_method is None else {"payment_method": payment_method})


def choose_status(create_on: Iterable[str]) -> str:
    """Return a status in which the order gets a work order, if possible one that does not say it is paid."""
    allowed = sorted(create_on)
    fallback = allowed[0] if allowed else PREFERRED_STATUSES[0]
    return next((status for status in PREFERRED_STATUSES if status in allowed), fallback)


def customer_email(shop_url: str) -> str:
    """Return an address at the shop's domain, or at example.com if the shop has no domain."""
    host = urlsplit(shop_url).hostname or ""
    return f"smoke-test@{host.removeprefix('www.') if '.' in host and not _is_ip_address(host) else 'example.com'}"


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def usable_mappings(mappings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the mappings that create a new line in Panelr; first those with a product id, which need no SKU search.

    A renewal cannot be tested: the test customer has no line to renew.
    """
    usable = [row for row in mappings if row["panelr_product_id"] is not None and row["intent"] == "new_activation"]
    return sorted(usable, key=lambda row: row["woo_product_id"] is None and row["woo_variation_id"] is None)


def mapping_line(mapping: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an order line with the mapping's product, or None if the mapping has only a SKU."""
    ids = {"product_id": mapping["woo_product_id"], "variation_id": mapping["woo_variation_id"]}
    given = {name: number for name, number in ids.items() if number is not None}
    return {**given, "quantity": 1} if given else None


def product_line(product: Mapping[str, Any], *, parent: int | None = None) -> dict[str, Any]:
    """Return an order line with a product from the shop's list, or with a variation of the product `parent`."""
    if parent is None:
        return {"product_id": product["id"], "quantity": 1}
    return {"product_id": parent, "variation_id": product["id"], "quantity": 1}


def describe_source(deliveries: Iterable[Mapping[str, Any]]) -> str:
    """Say by what the bridge received an order first: a webhook or a backfill run."""
    first = next(iter(deliveries), None)
    if first is None:
        return "by backfill"
    is_webhook = "x-wc-webhook-id" in first["headers"]
    return f"by its webhook {first['topic']}" if is_webhook else f"by backfill, not by a webhook ({first['topic']})"


def find_reference_code(order: Mapping[str, Any]) -> str | None:
    """Return the reference code that the bridge wrote into an order of the shop, or None."""
    entries = order.get("meta_data") or ()
    codes = [entry.get("value") for entry in entries if entry.get("key") == "panelr_reference_code"]
    return str(codes[0]) if codes else None


def modified_at(order: Mapping[str, Any]) -> datetime | None:
    """Return when an order of the shop was last changed, or None if it has no UTC time."""
    try:
        moment = datetime.fromisoformat(order["date_modified_gmt"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def describe_state(row: Mapping[str, Any]) -> str:
    """Return a sentence with an order's state and its reasons."""
    reasons = [
        f"{reason['line']}: {reason['words']}" if "line" in reason else reason["words"] for reason in row["reasons"]
    ]
    return f"the order is {row['state']}" + (f": {'; '.join(reasons)}" if reasons else "")
