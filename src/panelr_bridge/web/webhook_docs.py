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

router = APIRouter(tags=["WooCommerce"])


@router.post(
    WEBHOOK_PATH,
    operation_id="receive_delivery",
    responses=_RESPONSES,
    summary="Receive a delivery of the default store",
)
async def default_store() -> None:
    """The body is the order as WooCommerce sends it, signed with the webhook's secret."""


@router.post(
    WEBHOOK_PATH + "/{store}",
    operation_id="receive_delivery_of_store",
    responses=_RESPONSES,
    summary="Receive a delivery of a named store",
)
async def named_store(store: str) -> None:
    """The store's name is the one in BRIDGE_STORES__{name}__WEBHOOK_SECRET."""
