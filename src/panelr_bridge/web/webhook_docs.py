"""How OpenAPI describes the webhook route. These endpoints only describe it; `web/webhook.py` serves it."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from panelr_bridge.domain.models import OrderState
from panelr_bridge.web import problems


class DeliveryAnswer(BaseModel):
    """The result of a delivery."""

    order_id: int | None = Field(description="The order's id in WooCommerce.", examples=[123])
    state: OrderState | None = Field(description="The order's state in the bridge.", examples=["created"])
    work_order_id: int | None = Field(description="Panelr's id of the work order.", examples=[7])
    reference_code: str | None = Field(description="Panelr's reference code.", examples=["WO-2026-00007"])
    reason: str | None = Field(description="Why there is no work order (yet), in words.", examples=[None])


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": DeliveryAnswer, "description": "Stored; nothing more is to be done now."},
    202: {"model": DeliveryAnswer, "description": "Stored; the work order follows."},
}
_RESPONSES |= problems.documented(401, 404, 413, 503)

router = APIRouter(tags=["WooCommerce"])


@router.post("/webhooks/woocommerce", responses=_RESPONSES, summary="Receive a delivery of the default store")
async def default_store() -> None:
    """The body is the order as WooCommerce sends it, signed with the webhook's secret."""


@router.post("/webhooks/woocommerce/{store}", responses=_RESPONSES, summary="Receive a delivery of a named store")
async def named_store(store: str) -> None:
    """The store's name is the one in BRIDGE_STORES__{name}__WEBHOOK_SECRET."""
