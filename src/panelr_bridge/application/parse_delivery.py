"""Parse an authentic delivery: its verdict, and its event, of an order or a subscription. No I/O but the log."""

from dataclasses import dataclass, field

from panelr_bridge import logs
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.store.deliveries import Delivery, digest
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.error_object import API_VERSION, ErrorObject
from panelr_bridge.woocommerce.order_payload import Order, OrderDeleted, OtherTopic
from panelr_bridge.woocommerce.subscription_payload import Subscription

log = logs.get(__name__)

Event = Order | OrderDeleted | Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDelivery:
    """An authentic delivery as it arrived: its store, its topic, its body and the headers to keep."""

    store: str
    topic: str
    body: bytes
    headers: dict[str, str]
    sha256: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", digest(self.body))

    def with_verdict(self, verdict: str, *, words: str | None = None, woo_order_id: int | None = None) -> Delivery:
        """Return the delivery to store, with its verdict, words for the operator, and the order that it is about."""
        return Delivery(
            store=self.store,
            topic=self.topic,
            body=self.body,
            headers=self.headers,
            verdict=verdict,
            words=words,
            woo_order_id=woo_order_id,
            sha256=self.sha256,
        )


def parse_delivery(raw: RawDelivery) -> tuple[Delivery, Event | None]:
    """Return the delivery with its verdict, and its event; None if it is about neither. Never raises."""
    verdict, words, event = _parse(raw)
    order_id = event.id if isinstance(event, Order | OrderDeleted) else None
    return raw.with_verdict(verdict, words=words, woo_order_id=order_id), event


def _parse(raw: RawDelivery) -> tuple[str, str | None, Event | None]:
    """Return verdict, words for the operator, and event."""
    try:
        event = order_payload.parse(body=raw.body, topic=raw.topic)
    except UnreadableBody as error:
        return "unreadable", str(error), None
    except Exception:
        log.exception("delivery.failed", topic=raw.topic)
        return "failed", "this delivery could not be read because of a fault in the bridge; see the log", None
    if isinstance(event, OtherTopic):
        return "other_topic", f"the bridge does not use the topic {event.topic or '(none)'}", None
    if isinstance(event, ErrorObject):
        return "woocommerce_error", _describe_error(event), None
    if isinstance(event, Subscription):
        return "subscription", event.words, event
    return ("deleted" if isinstance(event, OrderDeleted) else "order"), None, event


def _describe_error(error: ErrorObject) -> str:
    """Say what WooCommerce's error means for the shop."""
    if error.owner_may_not_read:
        hint = "the webhook's owner may not read orders: give the webhook to a user who may (shop manager)"
    else:
        hint = "WooCommerce could not read the order at the time of delivery"
    if error.legacy:
        hint = f"{hint}; and {API_VERSION}"
    return f"{hint} ({error.code}: {error.words})"[:500]
