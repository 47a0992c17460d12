"""Webhooks and deliveries: headers, body and the rule for success. No I/O.

Source: deliveries recorded from WooCommerce 10.5.0 (tests/captures), and its class-wc-webhook.php.
"""

from dataclasses import dataclass
from datetime import datetime

from panelr_bridge.simulators.woocommerce.http_sender import DeliveryResponse, Headers, get_host
from panelr_bridge.simulators.woocommerce.models import Order, Subscription
from panelr_bridge.simulators.woocommerce.payload import encode_json, order_payload, subscription_json
from panelr_bridge.simulators.woocommerce.signature import build_delivery_id, sign

# The topics that this shop fires. As in WooCommerce, others can be registered, but they never fire.
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
SUBSCRIPTION_TOPICS = ("subscription.created", "subscription.updated", "subscription.deleted", "subscription.switched")
"""The topics that WooCommerce Subscriptions adds."""
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
UNAUTHORIZED = {**FORBIDDEN, "data": {"status": 401}}


@dataclass(slots=True)
class Webhook:
    """A registered webhook.

    `owner_exists` says whether its owner exists, `owner_may_read` whether the owner may view orders.
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
        """Update the failure count: a success resets it, the 7th failure in a row disables the webhook."""
        if delivery.succeeded:
            self.failure_count = 0
        elif self.failure_count >= MAX_FAILURES:
            self.status = "disabled"
        else:
            self.failure_count += 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One sent request and its response. `order_id` is None for a ping; `repeats` is the id of the original."""

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
        """Return whether WooCommerce counts it as a success: 200 to 302 (its docblock says 2xx); a ping needs 200."""
        status = self.answer.status
        return status is not None and (status == 200 if self.order_id is None else 200 <= status < 303)


def is_topic(topic: str) -> bool:
    """Return whether WooCommerce accepts the topic: a resource with an event, or any action."""
    resource, _, event = topic.partition(".")
    return (resource in RESOURCES and event in EVENTS) or (resource == "action" and event != "")


def delivery_body(webhook: Webhook, order_id: int, order: Order | None, *, home_url: str) -> bytes:
    """Return the body for the order's present state: the order, its bare id, or an error object."""
    if webhook.topic == "order.deleted":
        return encode_json({"id": order_id})
    if not webhook.owner_exists:
        return encode_json(UNAUTHORIZED)
    if not webhook.owner_may_read:
        return encode_json(FORBIDDEN)
    return encode_json(GONE) if order is None else order_payload(order, home_url=home_url)


def subscription_body(subscription: Subscription | None, *, home_url: str) -> bytes:
    """Return the body of a subscription's present state; one that was made by hand is an empty list."""
    if subscription is None or not subscription.order.parent_id:
        return encode_json([])
    return encode_json(subscription_json(subscription, home_url=home_url))


def delivery_headers(webhook: Webhook, body: bytes, *, home_url: str, unix_second: int) -> Headers:
    """Return the headers of a delivery in WooCommerce's order and letter case."""
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
    """Return the headers of a ping, as in capture 001. They do not identify the webhook."""
    return [
        ("Host", get_host(url)),
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "deflate, gzip, br, zstd"),
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
