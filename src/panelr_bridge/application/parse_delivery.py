"""What an authentic delivery says: its verdict, and the event where it is about an order. No I/O but the log."""

from collections.abc import Mapping

from panelr_bridge import logs
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.woocommerce import order_payload
from panelr_bridge.woocommerce.order_payload import ErrorObject, Order, OrderDeleted, OtherTopic

log = logs.get(__name__)


def parse_delivery(
    *, store: str, topic: str, body: bytes, headers: Mapping[str, str], sha256: bytes = b""
) -> tuple[Delivery, Order | OrderDeleted | None]:
    """Return a delivery with its verdict, and its event; None where it says nothing about an order. Never raises."""
    verdict, words, event = _verdict(topic, body)
    delivery = Delivery(
        store=store,
        topic=topic,
        body=body,
        headers=dict(headers),
        verdict=verdict,
        words=words,
        woo_order_id=event.id if event is not None else None,
        sha256=sha256,
    )
    return delivery, event


def _verdict(topic: str, body: bytes) -> tuple[str, str | None, Order | OrderDeleted | None]:
    try:
        event = order_payload.parse(body=body, topic=topic)
    except UnreadableBody as error:
        return "unreadable", str(error), None
    except Exception:
        log.exception("delivery.failed", topic=topic)
        return "failed", "this delivery could not be read, for a fault of the bridge; the log says which", None
    if isinstance(event, OtherTopic):
        return "other_topic", f"the topic {event.topic or '(none)'} is none that the bridge uses", None
    if isinstance(event, ErrorObject):
        return "woocommerce_error", _error_words(event), None
    return ("deleted" if isinstance(event, OrderDeleted) else "order"), None, event


def _error_words(error: ErrorObject) -> str:
    """Say what WooCommerce's error means for the shop."""
    if error.code in order_payload.OWNER_MAY_NOT_READ:
        hint = "the webhook's owner may not read orders: give the webhook to a user who may (shop manager)"
    else:
        hint = "WooCommerce could not read the order at the time of delivery"
    return f"{hint} ({error.code}: {error.words})"[:500]
