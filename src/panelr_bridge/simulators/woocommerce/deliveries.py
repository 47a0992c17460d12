"""What a webhook is, and what a delivery holds: its headers, its body, what counts as success. No I/O.

Source of every rule: reference/woocommerce-webhooks.md, measured on WooCommerce 10.5.0; sections are named in comments.
"""

from dataclasses import dataclass
from datetime import datetime

from panelr_bridge.simulators.woocommerce.http_sender import DeliveryResponse, Headers, get_host
from panelr_bridge.simulators.woocommerce.models import Order
from panelr_bridge.simulators.woocommerce.payload import encode_json, order_payload
from panelr_bridge.simulators.woocommerce.signature import build_delivery_id, sign

# The topics that this shop fires. Others can be registered, as in WooCommerce, and stay silent.
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
RESOURCES = ("coupon", "customer", "order", "product")
EVENTS = ("created", "updated", "deleted", "restored")
USER_AGENT = "WooCommerce/10.5.0 Hookshot (WordPress/6.9.7)"
EXPECT_FROM_BYTES = 1_048_576
MAX_FAILURES = 6
GONE = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
FORBIDDEN = {
    "code": "woocommerce_rest_cannot_view",
    "message": "Sorry, you cannot view this resource.",
    "data": {"status": 403},
}
NOBODY = {**FORBIDDEN, "data": {"status": 401}}


@dataclass(slots=True)
class Webhook:
    """A registered webhook.

    `owner_may_read` says whether its owner still has the right to view orders, `owner_exists` whether there is one.
    """

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    status: str = "active"  # or paused, or disabled
    failure_count: int = 0
    pending_delivery: bool = True
    owner_may_read: bool = True
    owner_exists: bool = True
    created: datetime | None = None
    modified: datetime | None = None

    def record_result(self, delivery: "Delivery") -> None:
        """Keep the failure count of section 5: any success clears it, the 7th failure in a row disables."""
        if delivery.succeeded:
            self.failure_count = 0
        elif self.failure_count >= MAX_FAILURES:
            self.status = "disabled"
        else:
            self.failure_count += 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that was sent, and what came back. `order_id` is None for a ping, `repeats` names the original."""

    id: int
    webhook_id: int
    topic: str
    order_id: int | None
    url: str
    headers: Headers
    body: bytes
    answer: DeliveryResponse
    repeats: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether WooCommerce counts it as delivered: 200 to 302, although its docblock says 2xx; a ping needs 200."""
        status = self.answer.status
        return status is not None and (status == 200 if self.order_id is None else 200 <= status < 303)


def is_topic(topic: str) -> bool:
    """Whether WooCommerce lets a webhook have this topic: a resource with an event, or any action."""
    resource, _, event = topic.partition(".")
    return (resource in RESOURCES and event in EVENTS) or (resource == "action" and event != "")


def delivery_body(webhook: Webhook, order_id: int, order: Order | None, *, home_url: str) -> bytes:
    """Give what a delivery of `order_id` says now (section 6): the order, its bare id, or an error object."""
    if webhook.topic == "order.deleted":
        return encode_json({"id": order_id})
    if not webhook.owner_exists:
        return encode_json(NOBODY)
    if not webhook.owner_may_read:
        return encode_json(FORBIDDEN)
    return encode_json(GONE) if order is None else order_payload(order, home_url=home_url)


def delivery_headers(webhook: Webhook, body: bytes, *, home_url: str, unix_second: int) -> Headers:
    """Give the headers of a delivery in the order and letter case of the wire (section 2)."""
    resource, event = webhook.topic.split(".")
    headers = [
        ("Host", get_host(webhook.delivery_url)),
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "deflate, gzip, br, zstd"),
        ("Content-Type", "application/json"),
        ("X-WC-Webhook-Source", f"{home_url}/"),
        ("X-WC-Webhook-Topic", webhook.topic),
        ("X-WC-Webhook-Resource", resource),
        ("X-WC-Webhook-Event", event),
        ("X-WC-Webhook-Signature", sign(body, webhook.secret)),
        ("X-WC-Webhook-ID", str(webhook.id)),
        ("X-WC-Webhook-Delivery-ID", build_delivery_id(webhook.id, unix_second)),
        ("Connection", "close"),
    ]
    if len(body) >= EXPECT_FROM_BYTES:
        headers.append(("Expect", "100-Continue"))
    return [*headers, ("Content-Length", str(len(body)))]


def ping_headers(url: str, body: bytes) -> Headers:
    """Give the headers of a ping, as in capture 001: nothing in them says whose it is."""
    return [
        ("Host", get_host(url)),
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "deflate, gzip, br, zstd"),
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
