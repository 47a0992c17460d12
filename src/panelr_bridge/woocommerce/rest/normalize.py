"""An order of either API in the words of wc/v3, as `order_payload.payload` and the stored deliveries have it. No I/O.

What an Orders resource does not tell is lost:

- `date_paid`: the status stands in for it, as in WooCommerce itself: an order in processing or completed was paid when
  it was modified last, but for cash on delivery, which is paid when it is completed
- `fee_lines`, `coupon_lines`, `refunds`: no adjustment, and no attention when money is given back
- meta whose key begins with `_`: an order that Panelr's own plugin has sent is not recognised as such
- `order_key`, `transaction_id`, and the lines' `sku` and `total_tax`: lines are found by product or variation alone

A webhook tells all of it. Where both bring an order, the webhook's is the better one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import simplejson

from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.rest.models import Payload

LINE_MONEY = ("subtotal", "total")
ORDER_MONEY = ("total", "total_tax")
DATES = ("date_created", "date_modified")


def as_order(payload: Mapping[str, Any]) -> order_payload.Order:
    """Return the order that `payload` of either API tells; raises Unreadable."""
    return order_payload.read_order(as_wc_body(payload))


def as_wc_body(payload: Mapping[str, Any]) -> bytes:
    """Return `payload` of either API as the bytes that wc/v3 would have sent: ASCII, numbers as exact as they came."""
    text: str = simplejson.dumps(as_wc_payload(payload), use_decimal=True, separators=(",", ":"), ignore_nan=False)
    return text.encode("ascii")


def as_wc_payload(payload: Mapping[str, Any]) -> Payload:
    """Return `payload` in the words of wc/v3. One that has them already comes back as it is."""
    if "date_modified_gmt" in payload:
        return dict(payload)
    shaped = {name: value for name, value in payload.items() if name not in {"billing_email", *DATES}}
    shaped |= {f"{name}_gmt": _as_utc_text(payload.get(name)) for name in DATES if name in payload}
    shaped |= _amounts_as_text(payload, ORDER_MONEY)
    billing = payload.get("billing")
    shaped["billing"] = dict(billing) if isinstance(billing, Mapping) else {}
    shaped["billing"]["email"] = shaped["billing"].get("email") or payload.get("billing_email") or ""
    if payload.get("status") in _paid_statuses(payload):
        shaped["date_paid_gmt"] = shaped.get("date_modified_gmt")
    lines = payload.get("line_items")
    if isinstance(lines, list):
        shaped["line_items"] = [
            {**line, **_amounts_as_text(line, LINE_MONEY)} if isinstance(line, Mapping) else line for line in lines
        ]
    return shaped


def _paid_statuses(payload: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({"completed"} if payload.get("payment_method") == "cod" else {"processing", "completed"})


def _amounts_as_text(thing: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Return the amounts that came as numbers, before version 1.0 of the library, as texts."""
    return {
        name: f"{Decimal(thing[name]):f}"
        for name in names
        if isinstance(thing.get(name), (int, Decimal)) and not isinstance(thing[name], bool)
    }


def _as_utc_text(value: Any) -> str | None:
    """Return a moment with an offset as wc/v3 writes it: UTC, to the second, without saying so."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(microsecond=0, tzinfo=None).isoformat()
