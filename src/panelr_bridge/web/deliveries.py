"""The admin API of the deliveries: every authentic delivery, byte for byte."""

import base64
from typing import Annotated, Literal

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import Field

from panelr_bridge import logs
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.unread_deliveries import resolve_by_hand
from panelr_bridge.domain.mapping_input import PlainText
from panelr_bridge.domain.operator_input import ResolveDeliveryInput
from panelr_bridge.errors import NotFound
from panelr_bridge.store import deliveries
from panelr_bridge.store.pagination import delivery_list
from panelr_bridge.store.rows import DeliveryRow
from panelr_bridge.web import problems
from panelr_bridge.web.answers import ListAnswer, SingleAnswer
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.delivery_models import DeliveryOut, DeliveryWithBodyOut, ReplayedDeliveryOut
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.pagination import Id, ListQuery, ListResource, Number
from panelr_bridge.web.webhook import result_json

router = admin_router("Deliveries")
log = logs.get(__name__)
DELIVERIES = ListResource(DeliveryOut, sorts=delivery_list.SORTS)


class DeliveryQuery(ListQuery):
    """Query of the deliveries."""

    store: PlainText | None = Field(None, description="Only deliveries of this store.")
    topic: PlainText | None = Field(None, description="Only deliveries of this topic.", examples=["order.updated"])
    verdict: PlainText | None = Field(
        None,
        description=(
            "Only this verdict: order, deleted, subscription, other_topic, woocommerce_error, unreadable, failed, "
            "another_order or other_source."
        ),
    )
    woo_order_id: Number | None = Field(None, description="Only deliveries about this WooCommerce order id.")
    unresolved: Literal["true"] | None = Field(
        None, description="Only unread deliveries. They brought no order, and nothing has made up for it."
    )


@router.get("/deliveries", response_model=ListAnswer[DeliveryOut], summary="List deliveries")
async def list_deliveries(container: Container, query: Annotated[DeliveryQuery, Query()]) -> JSONResponse:
    """Return one page of authentic deliveries, without their bodies."""
    page = await container.database.read(delivery_list.page, DELIVERIES.page_query(query))
    return JSONResponse(DELIVERIES.answer(query, page))


@router.get("/deliveries/{delivery_id}", responses=problems.documented(404), summary="Get a delivery")
async def get_delivery(container: Container, delivery_id: Id) -> SingleAnswer[DeliveryWithBodyOut]:
    """Return one delivery with its body. The body holds the customer's data."""
    row = await _read_delivery(container, delivery_id)
    body = base64.b64encode(row["body"]).decode()
    return SingleAnswer[DeliveryWithBodyOut](data=DeliveryWithBodyOut.model_validate(row | {"body_base64": body}))


@router.post("/deliveries/{delivery_id}/replay", responses=problems.documented(404), summary="Replay a delivery")
async def replay_delivery(container: Container, delivery_id: Id) -> SingleAnswer[ReplayedDeliveryOut]:
    """Process a stored delivery again.

    Failed work is done now, and finished work is not repeated. A held order is
    not decided again: use `POST /orders/{order_id}/retry` for that.
    """
    row = await _read_delivery(container, delivery_id)
    result = await container.bridge.replay(row, actor=ACTOR)
    log.info("operator.acted", action="replay", delivery=delivery_id)
    replayed = await _read_delivery(container, delivery_id)
    return SingleAnswer[ReplayedDeliveryOut](
        data=ReplayedDeliveryOut.model_validate(replayed | {"outcome": result_json(result)})
    )


@router.post(
    "/deliveries/{delivery_id}/resolve", responses=problems.documented(404, 409, 422), summary="Resolve a delivery"
)
async def resolve_delivery(
    container: Container, delivery_id: Id, resolution: ResolveDeliveryInput
) -> SingleAnswer[DeliveryOut]:
    """Say that an unread delivery is dealt with: `check` and `/readyz` no longer report it.

    The note and who gave it stay with the delivery and in the audit log. The same bytes, received again, are unread
    again. 409: the delivery is not unread.
    """
    await container.bridge.write(resolve_by_hand, delivery_id, note=resolution.note, actor=ACTOR)
    log.info("operator.acted", action="resolve", delivery=delivery_id)
    return SingleAnswer[DeliveryOut](data=DeliveryOut.model_validate(await _read_delivery(container, delivery_id)))


async def _read_delivery(container: BridgeContainer, delivery_id: int) -> DeliveryRow:
    row = await container.database.read(deliveries.get, delivery_id)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    return row
