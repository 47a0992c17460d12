"""Controls for the webhooks, their queue and their journal."""

from typing import Any

from panelr_bridge.simulators.woocommerce.control.request import ControlAction, ControlRequest
from panelr_bridge.simulators.woocommerce.deliveries import SUBSCRIPTION_TOPICS, TOPICS, Delivery, Webhook
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import NotFoundError, ShopError

AT_MOST_TIMES = 1000


async def list_webhooks(shop: SimulatedShop, _: ControlRequest) -> Any:
    """List the webhooks and the queue. Secrets are not shown, as in WooCommerce."""
    dispatcher = shop.webhooks
    return {
        "webhooks": [_webhook_json(webhook) for webhook in dispatcher.registered.values()],
        "held": dispatcher.held,
        "pending": [{"webhook_id": webhook_id, "order_id": order_id} for webhook_id, order_id in dispatcher.pending],
    }


async def register_webhooks(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Register one webhook, or one for each topic if `topic` is missing. Ping each one, as the REST API does."""
    call.check_fields("topic", "delivery_url", "secret", "name")
    requested_topic = call.text("topic")
    topics = (*TOPICS, *SUBSCRIPTION_TOPICS) if shop.switches.subscriptions else TOPICS
    if requested_topic not in {"", *topics}:
        raise ShopError(f"topic must be one of {', '.join(topics)}, or left out for all of them")
    if not call.text("delivery_url"):
        raise ShopError("delivery_url is missing")
    registered = []
    for topic in [requested_topic] if requested_topic else topics:
        webhook = shop.webhooks.add(
            topic=topic,
            delivery_url=call.text("delivery_url"),
            secret=call.text("secret"),
            name=call.text("name"),
        )
        ping = await shop.webhooks.ping(webhook)
        registered.append(_webhook_json(webhook) | {"ping": _answer_json(ping)})
    return registered


async def edit_webhook(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Change a webhook. A new URL is pinged. Reactivation sends no ping and keeps the failure count."""
    call.check_fields("status", "owner_may_read", "owner_exists", "delivery_url", "secret", "name")
    webhook = _find_webhook(shop, call.number)
    status = call.text("status", webhook.status)
    if status not in {"active", "paused", "disabled"}:
        raise ShopError("status must be active, paused or disabled")
    changes = {name: call.text(name, getattr(webhook, name)) for name in ("delivery_url", "secret", "name")}
    webhook.owner_may_read = call.flag("owner_may_read", default=webhook.owner_may_read)
    webhook.owner_exists = call.flag("owner_exists", default=webhook.owner_exists)
    await shop.webhooks.update(webhook, status=status, **changes)
    return _webhook_json(webhook)


async def delete_webhook(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Delete a webhook; its queued deliveries are never sent."""
    del shop.webhooks.registered[_find_webhook(shop, call.number).id]
    return {"deleted": call.number}


async def hold_deliveries(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Stop automatic delivery."""
    shop.webhooks.hold()
    return await list_webhooks(shop, call)


async def release_deliveries(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Resume automatic delivery."""
    shop.webhooks.release()
    return await list_webhooks(shop, call)


async def run_deliveries(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Deliver the queue, and answer afterwards."""
    call.check_fields("limit")
    limit = call.integer("limit", 0) if "limit" in call.body else None
    return [_delivery_json(delivery) for delivery in await shop.webhooks.run(limit)]


async def list_deliveries(shop: SimulatedShop, call: ControlRequest) -> Any:
    """List the journal of deliveries, oldest first, or only its last entries."""
    last = call.query.get("last", "")
    deliveries = list(shop.webhooks.deliveries)
    return [
        _delivery_json(delivery)
        for delivery in (deliveries[-int(last) :] if last.isdigit() and int(last) else deliveries)
    ]


async def redeliver(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Send the same bytes of a delivery again."""
    call.check_fields("delivery", "times", "at_once")
    delivery_id, times = call.integer("delivery", 0), call.integer("times", 1)
    if not 1 <= times <= AT_MOST_TIMES:
        raise ShopError(f"times must be from 1 to {AT_MOST_TIMES}")
    original = next((delivery for delivery in shop.webhooks.deliveries if delivery.id == delivery_id), None)
    if original is None:
        raise NotFoundError(f"there is no delivery {delivery_id}")
    repeated = await shop.webhooks.redeliver(original, times, at_once=call.flag("at_once"))
    return [_delivery_json(delivery) for delivery in repeated]


async def reset_shop(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Reset the shop."""
    shop.reset(keep_webhooks=call.query.get("keep") == "webhooks")
    return await list_webhooks(shop, call)


def _find_webhook(shop: SimulatedShop, webhook_id: int) -> Webhook:
    if webhook_id not in shop.webhooks.registered:
        raise NotFoundError(f"there is no webhook {webhook_id}")
    return shop.webhooks.registered[webhook_id]


def _webhook_json(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "topic": webhook.topic,
        "delivery_url": webhook.delivery_url,
        "status": webhook.status,
        "failure_count": webhook.failure_count,
        "pinged": not webhook.pending_delivery,
        "owner_may_read": webhook.owner_may_read,
        "owner_exists": webhook.owner_exists,
    }


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "topic": delivery.topic,
        "order_id": delivery.order_id,
        "repeats": delivery.repeats,
        "url": delivery.url,
        "headers": delivery.headers,
        "body": delivery.body.decode("ascii"),
        "answer": _answer_json(delivery),
    }


def _answer_json(delivery: Delivery) -> dict[str, Any]:
    answer = delivery.answer
    return {
        "status": answer.status,
        "body": answer.body.decode(errors="replace"),
        "milliseconds": round(answer.milliseconds, 1),
        "error": answer.error,
        "succeeded": delivery.succeeded,
    }


HOOK = '{"topic": "order.created", "delivery_url": "http://127.0.0.1:8080/webhooks/woocommerce", "secret": "s3cret"}'
WEBHOOK = "/_sim/webhooks/{number:int}"
WEBHOOK_CONTROLS = [
    ControlAction("GET", "/_sim/webhooks", "", "the webhooks and the queue", list_webhooks),
    ControlAction(
        "POST",
        "/_sim/webhooks",
        HOOK,
        "register and ping a webhook; without topic, one for each topic",
        register_webhooks,
    ),
    ControlAction(
        "PATCH",
        WEBHOOK,
        '{"status": "paused", "owner_may_read": false}',
        "change a webhook; also owner_exists, delivery_url, secret, name",
        edit_webhook,
    ),
    ControlAction("DELETE", WEBHOOK, "", "delete a webhook", delete_webhook),
    ControlAction("POST", "/_sim/webhooks/hold", "", "stop automatic delivery", hold_deliveries),
    ControlAction("POST", "/_sim/webhooks/release", "", "resume automatic delivery", release_deliveries),
    ControlAction("POST", "/_sim/webhooks/run", '{"limit": 1}', "deliver the queue; limit is optional", run_deliveries),
    ControlAction(
        "GET", "/_sim/deliveries", "", "the deliveries and their responses; last entries with ?last=5", list_deliveries
    ),
    ControlAction(
        "POST",
        "/_sim/redeliver",
        '{"delivery": 3, "times": 2, "at_once": true}',
        "send the same bytes again",
        redeliver,
    ),
    ControlAction(
        "DELETE", "/_sim/state", "", "reset the shop; keep webhooks with ?keep=webhooks; ids continue", reset_shop
    ),
]
