"""Converts an order of either API to wc/v3's form, as read by `order_payload` and stored with deliveries. No I/O.

An Orders resource omits some fields:

- `date_paid`: derived from the status, as in WooCommerce itself. An order in processing or completed counts as paid at
  its last modification; cash on delivery counts as paid only when completed.
- `fee_lines`, `coupon_lines`, `refunds`: no adjustment, and no attention after a refund.
- meta with a key beginning with `_`: an order sent by Panelr's own plugin is not recognised.
- `order_key`, `transaction_id`, and the lines' `sku` and `total_tax`: lines are mapped by product or variation only.

A webhook sends all of them, so its snapshot is the better one.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import simplejson

from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.rest.models import Payload

LINE_MONEY = ("subtotal", "total")
ORDER_MONEY = ("total", "total_tax")
DATES = ("date_created", "date_modified")


def as_order(payload: Mapping[str, Any]) -> order_payload.Order:
    """Return the order in a `payload` of either API; raise UnreadableBody if it is not an order."""
    return order_payload.read_order(as_wc_body(payload))


def as_wc_body(payload: Mapping[str, Any]) -> bytes:
    """Return a `payload` of either API as wc/v3's JSON, in ASCII and with exact numbers."""
    text: str = simplejson.dumps(as_wc_payload(payload), use_decimal=True, separators=(",", ":"), ignore_nan=False)
    return text.encode("ascii")


def as_wc_payload(payload: Mapping[str, Any]) -> Payload:
    """Return a `payload` of either API in wc/v3's form; one in this form is returned unchanged."""
    if "date_modified_gmt" in payload:
        return dict(payload)
    converted = {name: value for name, value in payload.items() if name not in {"billing_email", *DATES}}
    converted |= {f"{name}_gmt": _as_utc_text(payload.get(name)) for name in DATES if name in payload}
    converted |= _amounts_as_text(payload, ORDER_MONEY)
    billing = payload.get("billing")
    converted["billing"] = dict(billing) if isinstance(billing, Mapping) else {}
    converted["billing"]["email"] = converted["billing"].get("email") or payload.get("billing_email") or ""
    if payload.get("status") in _paid_statuses(payload):
        converted["date_paid_gmt"] = converted.get("date_modified_gmt")
    lines = payload.get("line_items")
    if isinstance(lines, list):
        converted["line_items"] = [
            {**line, **_amounts_as_text(line, LINE_MONEY)} if isinstance(line, Mapping) else line for line in lines
        ]
    return converted


def _paid_statuses(payload: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({"completed"} if payload.get("payment_method") == "cod" else {"processing", "completed"})


def _amounts_as_text(thing: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Return the amounts sent as numbers, by versions of the library before 1.0, as text."""
    return {
        name: f"{Decimal(thing[name]):f}"
        for name in names
        if isinstance(thing.get(name), (int, Decimal)) and not isinstance(thing[name], bool)
    }


def _as_utc_text(value: Any) -> str | None:
    """Return a time as wc/v3 writes it: in UTC, to the second, without an offset."""
    time = read_time(value)
    return None if time is None else time.replace(microsecond=0, tzinfo=None).isoformat()
