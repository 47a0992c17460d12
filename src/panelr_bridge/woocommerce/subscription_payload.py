"""Reads a subscription's body: an order's with its billing period and its parent. It is never an order. No I/O.

Source: WooCommerce Subscriptions 9.0 and its core library, as a real shop delivered them (tests/captures, s003, s168).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import unwrap

READ_FIELDS = ("billing_period", "billing_interval", "resubscribed_from")
_PERIOD = frozenset({"billing_period", "billing_interval"})
_OWN_META = "_subscription_renewal_order_ids_cache"
"""A meta key that only subscriptions have: no plugin copies it to an order."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription by WooCommerce's ids: its first order, and the subscription that it goes on with.

    The bridge makes no order of it. Its first order is the one of a resubscription if it goes on with another.
    """

    id: int
    parent_id: int | None = None
    resubscribed_from: int | None = None

    @property
    def words(self) -> str:
        """What the subscription is, for the operator."""
        first = "without a first order" if self.parent_id is None else f"begun by order {self.parent_id}"
        return f"subscription {self.id}, {first}: a subscription makes no work order, its orders do"


def is_subscription_topic(topic: str) -> bool:
    """Return whether a topic is about subscriptions: those of the plugin, and others that it may add."""
    return topic.startswith("subscription.")


def is_subscription(content: Mapping[str, Any], metas: Mapping[str, Any]) -> bool:
    """Return whether an order's body is a subscription: the core library has no topics of its own."""
    return content.keys() >= _PERIOD or _OWN_META in metas


def read_subscription(content: Mapping[str, Any]) -> Subscription:
    """Return the subscription in a body; of one that was deleted, only the id is there. Raises UnreadableBody."""
    subscription_id = read_id(content.get("id"))
    if subscription_id is None:
        raise UnreadableBody("the body holds no id of a subscription")
    parent_id, old_id = read_id(content.get("parent_id")), read_id(content.get("resubscribed_from"))
    return Subscription(subscription_id, parent_id, old_id)


def read_id(value: Any) -> int | None:
    """Return an id as PHP writes it: a number, or its digits; None for none."""
    value = unwrap(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    is_id = isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63
    return value if is_id else None
