"""The deliveries of the burst: a recorded order, grown to the size that shops with a few plugins send, and signed."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "secret-of-the-burst"  # noqa: S105  it guards nothing
RECORDED = Path(__file__).with_name("burst_order.json")
SMALLEST, STEP, SIZES = 6000, 250, 8
"""Bodies of 6 to 8 KB."""
ATTRIBUTION = {
    "_wc_order_attribution_source_type": "utm",
    "_wc_order_attribution_utm_source": "newsletter",
    "_wc_order_attribution_session_entry": "https://shop.example/product/iptv-subscription/?utm_source=newsletter",
    "_wc_order_attribution_user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML) Chrome/131 Safari",
    "_stripe_intent_id": "pi_3QO1r2LkdIwHu7ix0ZzK8w5b",
    "_stripe_upe_payment_type": "card",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request, ready for the wire."""

    order_id: int
    request: bytes


def deliveries(count: int, *, first: int = 1000) -> list[Delivery]:
    """Return the deliveries of `count` different orders."""
    recorded = json.loads(RECORDED.read_text())
    order = json.loads(base64.b64decode(recorded["body_base64"]))
    headers = {name: value for name, value in recorded["headers"].items() if name not in {"Content-Length"}}
    return [_delivery(order, headers, order_id) for order_id in range(first, first + count)]


def _delivery(order: dict[str, Any], headers: dict[str, str], order_id: int) -> Delivery:
    body = json.dumps(_grown(order, order_id), separators=(",", ":")).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    own = headers | {"X-WC-Webhook-Signature": signature, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in own.items())
    return Delivery(order_id, f"POST /webhooks/woocommerce HTTP/1.1\r\n{head}\r\n".encode() + body)


def _grown(order: dict[str, Any], order_id: int) -> dict[str, Any]:
    """Return the order as another customer's, with the meta that plugins leave."""
    customer = {"email": f"customer-{order_id}@shop.example", "first_name": f"Ada {order_id}"}
    notes = [
        {"id": 900 + number, "key": key, "value": value} for number, (key, value) in enumerate(ATTRIBUTION.items())
    ]
    grown = order | {
        "id": order_id,
        "number": str(order_id),
        "order_key": f"wc_order_{order_id:013d}",
        "billing": order["billing"] | customer,
        "meta_data": order["meta_data"] + notes,
    }
    missing = SMALLEST + STEP * (order_id % SIZES) - len(json.dumps(grown, separators=(",", ":")))
    fingerprint = hashlib.sha512(str(order_id).encode()).hexdigest() * (missing // 128 + 1)
    grown["meta_data"].append({"id": 990, "key": "_fraud_check_report", "value": fingerprint[:missing]})
    return grown
