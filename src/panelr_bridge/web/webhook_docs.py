"""How OpenAPI describes the webhook route. These endpoints only describe it; `web/webhook.py` serves it."""

from typing import Any

from fastapi import APIRouter

from panelr_bridge.web import problems
from panelr_bridge.web.delivery_models import DeliveryResultOut
from panelr_bridge.woocommerce.delivery_url import WEBHOOK_PATH

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": DeliveryResultOut, "description": "Stored; nothing more is to be done now."},
    202: {"model": DeliveryResultOut, "description": "Stored; the work order follows."},
}
_RESPONSES |= problems.documented(401, 404, 413, 503)
_ORDER = {
    "id": 123,
    "status": "processing",
    "currency": "EUR",
    "total": "58.45",
    "date_paid_gmt": "2026-11-30T10:00:00",
    "payment_method": "stripe",
    "billing": {"email": "ada@example.com"},
    "line_items": [{"id": 1, "sku": "IPTV-12M", "quantity": 1, "subtotal": "58.45", "total": "58.45"}],
}
_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": "X-WC-Webhook-Signature",
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "description": "The HMAC-SHA256 of the raw body by the webhook's secret, in Base64.",
        },
        {
            "name": "X-WC-Webhook-Topic",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "examples": ["order.updated"]},
            "description": "The event: order.created, order.updated, order.deleted or order.restored.",
        },
    ],
    "requestBody": {
        "required": True,
        "description": "The order as WooCommerce's API version 3 shows it.",
        "content": {"application/json": {"schema": {"type": "object"}, "example": _ORDER}},
    },
}

router = APIRouter(tags=["WooCommerce"])


@router.post(
    WEBHOOK_PATH,
    operation_id="receive_delivery",
    responses=_RESPONSES,
    openapi_extra=_REQUEST,
    summary="Receive a delivery of the default store",
)
async def default_store() -> None:
    """The body is the order as WooCommerce sends it, signed with the webhook's secret."""


@router.post(
    WEBHOOK_PATH + "/{store}",
    operation_id="receive_delivery_of_store",
    responses=_RESPONSES,
    openapi_extra=_REQUEST,
    summary="Receive a delivery of a named store",
)
async def named_store(store: str) -> None:
    """The store's name is the one in BRIDGE_STORES__{name}__WEBHOOK_SECRET."""
