"""Orders as WooCommerce sends them.

`order.json` is a recorded order with lines of two other orders and the notes that plugins add. It has 6 KB, as orders
of a shop in use. The same number always gives the same bytes.
"""

import base64
import copy
import functools
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SECRET = "secret-of-the-benchmark-9c1f"  # noqa: S105  a local test value
PATH = "/webhooks/woocommerce"
CREATED = "order.created"
MAPPINGS = (
    {"sku": "IPTV-1M", "panelr_product_id": 1},
    {"sku": "PANEL-1000", "panelr_product_id": 3},
    {"sku": "VIRT-1", "panelr_product_id": 4},
    {"sku": "EBOOK-1", "panelr_product_id": 5},
)
"""The mappings of the lines' products."""
BEGAN = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)


@functools.cache
def _read_recorded_order() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(__file__).with_name("order.json").read_text())
    return content


def build_body(number: int) -> bytes:
    """Return the body of order `number`: the recorded order with its own id, key, customer and dates."""
    order = copy.copy(_read_recorded_order())
    recorded_id, key = str(order["id"]), f"wc_order_{hashlib.md5(str(number).encode()).hexdigest()[:13]}"  # noqa: S324
    placed = (BEGAN + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S")
    order |= {"id": number, "number": str(number), "order_key": key, "cart_hash": f"{number:032x}"}
    order |= dict.fromkeys(("date_created", "date_modified", "date_created_gmt", "date_modified_gmt"), placed)
    order["billing"] = order["billing"] | {
        "email": f"customer-{number}@example.test",
        "last_name": f"Lovelace {number}",
    }
    order["payment_url"] = f"https://shop.test/checkout/order-pay/{number}/?pay_for_order=true&key={key}"
    order["_links"] = json.loads(json.dumps(order["_links"]).replace(f"/orders/{recorded_id}", f"/orders/{number}"))
    return json.dumps(order, separators=(",", ":")).replace("/", "\\/").encode()  # slashes escaped as in PHP


def build_headers(number: int, content: bytes, *, topic: str = CREATED) -> dict[str, str]:
    """Return WooCommerce's headers for `content`."""
    signature = base64.b64encode(hmac.digest(SECRET.encode(), content, hashlib.sha256)).decode()
    return {
        "User-Agent": "WooCommerce/10.5.0 Hookshot (WordPress/6.9.7)",
        "Accept": "*/*",
        "Accept-Encoding": "deflate, gzip, br, zstd",
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": "https://shop.test/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": topic.partition(".")[0],
        "X-WC-Webhook-Event": topic.partition(".")[2],
        "X-WC-Webhook-Signature": signature,
        "X-WC-Webhook-ID": "1",
        "X-WC-Webhook-Delivery-ID": hashlib.md5(f"delivery {number}".encode()).hexdigest(),  # noqa: S324
    }


def build_request(number: int, *, close: bool) -> bytes:
    """Return the whole HTTP request for order `number`. WooCommerce closes the connection after each delivery."""
    content = build_body(number)
    lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in build_headers(number, content).items()]
    lines += [f"Connection: {'close' if close else 'keep-alive'}", f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content
