"""`/wp-json/wc/v3/webhooks`. No response shows a secret or the failure count."""

import secrets
from collections.abc import Mapping
from typing import Any

from panelr_bridge.simulators.woocommerce.deliveries import SUBSCRIPTION_TOPICS, Webhook, is_topic
from panelr_bridge.simulators.woocommerce.models import SHOP_ZONE
from panelr_bridge.simulators.woocommerce.payload import format_gmt, format_local
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply, build_page
from panelr_bridge.simulators.woocommerce.rest.errors import (
    RestError,
    invalid_parameter,
    missing_parameters,
    unknown_id,
)
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

KIND = "shop_webhook"
STATUSES = ("active", "paused", "disabled")
HOOKS = {
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
}


async def list_webhooks(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /webhooks`, newest first."""
    status = call.choice("status", ("all", *STATUSES))
    newest_first = call.choice("order", ("desc", "asc")) == "desc"
    webhooks = [each for each in shop.webhooks.registered.values() if status in {"all", each.status}]
    webhooks.sort(key=lambda webhook: webhook.id, reverse=newest_first)
    return build_page(shop, call, webhooks, lambda webhook: webhook_json(shop, webhook))


async def get_webhook(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /webhooks/{id}`."""
    return RestReply(webhook_json(shop, _find_webhook(shop, call)))


async def create_webhook(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`POST /webhooks`: active at once, whatever the status; the ping is sent before the response."""
    parameters = call.parameters
    if parameters.get("id"):
        raise RestError(f"woocommerce_rest_{KIND}_exists", f"Cannot create existing {KIND}.", 400)
    missing = [name for name in ("topic", "delivery_url") if name not in parameters]
    if missing:
        raise missing_parameters(*missing)
    _check_status(parameters)
    # The default name contains the shop's local time.
    now = shop.now().astimezone(SHOP_ZONE)
    webhook = shop.webhooks.add(
        topic=_read_topic(shop, parameters),
        delivery_url=_read_delivery_url(parameters),
        secret=_read_text(parameters, "secret"),
        name=_read_text(parameters, "name") or f"Webhook created on {now:%b %d, %Y @ %I:%M %p}",
    )
    await shop.webhooks.ping(webhook)
    body = webhook_json(shop, webhook)
    return RestReply(body, 201, {"Location": body["_links"]["self"][0]["href"]})


async def update_webhook(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`PUT /webhooks/{id}`: a ping is sent only for a new URL; the failure count stays."""
    webhook, parameters = _find_webhook(shop, call, status=400), call.parameters
    _check_status(parameters)
    topic = _read_topic(shop, parameters) if parameters.get("topic") else webhook.topic
    secret = _read_text(parameters, "secret") if "secret" in parameters else webhook.secret
    changes = {
        "status": parameters.get("status") or webhook.status,
        "delivery_url": _read_delivery_url(parameters) if parameters.get("delivery_url") else webhook.delivery_url,
        "secret": secret or secrets.token_urlsafe(50)[:50],
        "name": _read_text(parameters, "name") or webhook.name,
    }
    webhook.topic = topic
    await shop.webhooks.update(webhook, **changes)
    return RestReply(webhook_json(shop, webhook))


async def delete_webhook(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`DELETE /webhooks/{id}`, only with `force`, because webhooks have no trash."""
    if not call.flag("force"):
        raise RestError("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
    webhook = _find_webhook(shop, call)
    del shop.webhooks.registered[webhook.id]
    return RestReply(webhook_json(shop, webhook))


def webhook_json(shop: SimulatedShop, webhook: Webhook) -> dict[str, Any]:
    """Return a webhook in the form of wc/v3."""
    resource, _, event = webhook.topic.partition(".")
    collection = f"{shop.home_url}/wp-json/wc/v3/webhooks"
    return {
        "id": webhook.id,
        "name": webhook.name,
        "status": webhook.status,
        "topic": webhook.topic,
        "resource": resource,
        "event": event,
        "hooks": [event] if resource == "action" else HOOKS.get(webhook.topic, []),
        "delivery_url": webhook.delivery_url,
        "date_created": format_local(webhook.created),
        "date_created_gmt": format_gmt(webhook.created),
        "date_modified": format_local(webhook.modified),
        "date_modified_gmt": format_gmt(webhook.modified),
        "_links": {"self": [{"href": f"{collection}/{webhook.id}"}], "collection": [{"href": collection}]},
    }


def _find_webhook(shop: SimulatedShop, call: RestCall, *, status: int = 404) -> Webhook:
    if call.number not in shop.webhooks.registered:
        raise unknown_id(KIND, status)
    return shop.webhooks.registered[call.number]


def _check_status(parameters: Mapping[str, Any]) -> None:
    if "status" in parameters and parameters["status"] not in STATUSES:
        raise invalid_parameter("status", "status is not one of active, paused, and disabled.", "rest_not_in_enum")


def _read_topic(shop: SimulatedShop, parameters: Mapping[str, Any]) -> str:
    topic = _read_text(parameters, "topic").lower()
    if not is_topic(topic) and not (shop.switches.subscriptions and topic in SUBSCRIPTION_TOPICS):
        words = "Webhook topic is required and must be valid."
        raise RestError(f"woocommerce_rest_{KIND}_invalid_topic", words, 400)
    return topic


def _read_delivery_url(parameters: Mapping[str, Any]) -> str:
    # As in WooCommerce, an unreachable URL is accepted here; its deliveries fail later.
    url = _read_text(parameters, "delivery_url")
    if not url.startswith(("http://", "https://")):
        words = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise RestError(f"woocommerce_rest_{KIND}_invalid_delivery_url", words, 400)
    return url


def _read_text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name, "")
    if not isinstance(value, str):
        raise invalid_parameter(name, f"{name} is not of type string.")
    return value


WEBHOOKS: Mapping[str, RestHandler] = {
    "webhooks.list": list_webhooks,
    "webhooks.get": get_webhook,
    "webhooks.create": create_webhook,
    "webhooks.update": update_webhook,
    "webhooks.delete": delete_webhook,
}
