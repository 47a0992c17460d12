"""The admin API of the deliveries: everything authentic that came, byte for byte."""

import base64
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import Field

from panelr_bridge import logs
from panelr_bridge.domain.mapping_input import PlainText
from panelr_bridge.errors import NotFound
from panelr_bridge.store import deliveries
from panelr_bridge.store.pagination import delivery_list
from panelr_bridge.store.tables import Row
from panelr_bridge.web import problems
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.dependencies import Parts
from panelr_bridge.web.pagination import Id, ListAnswer, ListQuery, ListResource, Number, SingleAnswer, moment
from panelr_bridge.web.webhook import result_json

router = admin_router("Deliveries")
log = logs.get(__name__)

_DELIVERY_NAMES = (
    "id",
    "store",
    "topic",
    "verdict",
    "words",
    "woo_order_id",
    "times",
    "headers",
    "received_at",
    "last_received_at",
)


class DeliveryQuery(ListQuery):
    """Filters of the deliveries."""

    store: PlainText | None = None
    topic: PlainText | None = None
    verdict: PlainText | None = Field(
        None, description="order, deleted, other_topic, woocommerce_error, unreadable or failed"
    )
    woo_order_id: Number | None = None


def show_delivery(row: Row) -> dict[str, Any]:
    """Return a delivery as the API shows it, without its body."""
    moments = {name: moment(row[name]) for name in ("received_at", "last_received_at")}
    return {name: row[name] for name in _DELIVERY_NAMES} | moments


DELIVERIES = ListResource(
    fields=_DELIVERY_NAMES,
    show=show_delivery,
    sorts=delivery_list.SORTS,
    filters=("store", "topic", "verdict", "woo_order_id"),
)


@router.get("/deliveries", responses=problems.documented(ok=ListAnswer[dict[str, Any]]), summary="List deliveries")
async def list_deliveries(parts: Parts, asked: Annotated[DeliveryQuery, Query()]) -> JSONResponse:
    """One page of authentic deliveries; `times` says how often the same bytes came."""
    page = await parts.database.read(delivery_list.page, DELIVERIES.query(asked))
    return JSONResponse(DELIVERIES.answer(asked, page))


@router.get(
    "/deliveries/{delivery_id}",
    responses=problems.documented(404, ok=SingleAnswer[dict[str, Any]]),
    summary="Get a delivery with its body",
)
async def get_delivery(parts: Parts, delivery_id: Id) -> JSONResponse:
    """One delivery with the bytes that came (`body_base64`). They hold the customer's data."""
    row = await parts.database.read(deliveries.get, delivery_id)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    body = base64.b64encode(row["body"]).decode()
    return JSONResponse({"data": show_delivery(row) | {"body_base64": body}})


@router.post(
    "/deliveries/{delivery_id}/replay",
    responses=problems.documented(404, ok=SingleAnswer[dict[str, Any]]),
    summary="Act on a stored delivery again",
)
async def replay_delivery(parts: Parts, delivery_id: Id) -> JSONResponse:
    """Do now what could not be done when it came; what was done then changes nothing. `outcome` says what it came to.

    An order that is held is not decided anew by this: that is `/orders/{id}/retry`.
    """
    row = await parts.database.read(deliveries.get, delivery_id)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    result = await parts.bridge.replay(row, actor=ACTOR)
    log.info("operator.acted", action="replay", delivery=delivery_id)
    shown = show_delivery(row) | {"verdict": result.verdict, "words": result.words}
    return JSONResponse({"data": shown | {"outcome": result_json(result)}})
