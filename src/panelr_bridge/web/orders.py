"""The admin API of the orders: their state and their history."""

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import Field

from panelr_bridge import logs
from panelr_bridge.application import order_queries
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.domain.mapping_input import PlainText
from panelr_bridge.store.pagination import order_list
from panelr_bridge.web import problems
from panelr_bridge.web.answers import ListAnswer, SingleAnswer
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.order_models import OrderOut, OrderStoryOut
from panelr_bridge.web.pagination import Id, ListQuery, ListResource, Number

router = admin_router("Orders")
log = logs.get(__name__)
ORDERS = ListResource(OrderOut, sorts=frozenset(order_list.SORTS))


class OrderQuery(ListQuery):
    """Query of the orders."""

    state: str | None = Field(
        None, description="Only orders in one of these states, separated by commas.", examples=["held,refused"]
    )
    store: PlainText | None = Field(None, description="Only orders of this store.")
    woo_order_id: Number | None = Field(None, description="Only orders with this WooCommerce order id.")
    attention: bool | None = Field(
        None, description="Only orders that need an operator (true), or only others (false)."
    )

    def filters(self) -> dict[str, Any]:
        """Return the filters of this query by name; raises BadQuery for an unknown state."""
        filters = super().filters()
        return filters if self.state is None else filters | {"state": order_queries.parse_states(self.state)}


@router.get("/orders", response_model=ListAnswer[OrderOut], summary="List orders")
async def list_orders(container: Container, query: Annotated[OrderQuery, Query()]) -> JSONResponse:
    """Return one page of orders."""
    page = await order_queries.list_orders(container.database, ORDERS.page_query(query))
    return JSONResponse(ORDERS.answer(query, page))


@router.get("/orders/{order_id}", responses=problems.documented(404), summary="Get an order")
async def get_order(container: Container, order_id: Id) -> SingleAnswer[OrderStoryOut]:
    """Return one order with its attempts, owed calls, follow-ups and deliveries."""
    return await read_story(container, order_id)


async def read_story(container: BridgeContainer, order_id: int) -> SingleAnswer[OrderStoryOut]:
    """Return the answer with everything about one order; raises NotFound."""
    story = await order_queries.read_story(container.database, order_id)
    return SingleAnswer[OrderStoryOut](data=OrderStoryOut.of(story))
