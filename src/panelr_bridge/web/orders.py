"""The admin API of the orders: their state, their history, and the actions of an operator."""

from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from panelr_bridge import logs
from panelr_bridge.application import operator_actions, order_queries
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.domain.mapping_input import Name, PlainText, require_plain_text
from panelr_bridge.domain.models import WorkOrder
from panelr_bridge.store.pagination import order_list
from panelr_bridge.web import problems
from panelr_bridge.web.answers import ListAnswer, SingleAnswer
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.order_models import OrderOut, OrderStoryOut, TokenOut
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


class ResolveInput(BaseModel):
    """An operator's answer about an unconfirmed order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"work_order_id": 7, "reference_code": "WO-2026-00007"}, {"not_created": True}]
        },
    )

    work_order_id: int | None = Field(None, ge=1, lt=2**63, description="Panelr's id of the work order, if known.")
    reference_code: Name | None = Field(None, description="Reference code of the work order.")
    not_created: bool = Field(False, description="True if Panelr has no work order for this order.")

    @model_validator(mode="after")
    def says_one_thing(self) -> "ResolveInput":
        """Require either a work order or `not_created`; raises ValueError."""
        linked = self.work_order_id is not None or self.reference_code is not None
        if linked == self.not_created:
            raise ValueError('send either work_order_id and reference_code, or {"not_created": true}')
        if linked and self.reference_code is None:
            raise ValueError("send the reference_code too: the bridge asks Panelr by it")
        return self


class CloseInput(BaseModel):
    """Why an order is closed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "set up by hand"}]})

    why: Annotated[
        str,
        Field(min_length=1, max_length=500, description="The reason, for the audit log."),
        AfterValidator(require_plain_text),
    ] = "no reason given"


@router.get("/orders", response_model=ListAnswer[OrderOut], summary="List orders")
async def list_orders(container: Container, query: Annotated[OrderQuery, Query()]) -> JSONResponse:
    """Return one page of orders."""
    page = await order_queries.list_orders(container.database, ORDERS.page_query(query))
    return JSONResponse(ORDERS.answer(query, page))


@router.get("/orders/{order_id}", responses=problems.documented(404), summary="Get an order")
async def get_order(container: Container, order_id: Id) -> SingleAnswer[OrderStoryOut]:
    """Return one order with its attempts, owed calls, follow-ups and deliveries."""
    return await _read_story(container, order_id)


@router.post("/orders/{order_id}/retry", responses=problems.documented(404, 409), summary="Retry an order")
async def retry_order(container: Container, order_id: Id) -> SingleAnswer[OrderStoryOut]:
    """Decide the order again and make its call due now. An unconfirmed order is looked up.

    Decides by the order's latest snapshot and the current mappings. Never creates a second work order.
    """
    await container.bridge.write(operator_actions.retry, order_id, policy=container.bridge.policy, actor=ACTOR)
    return await _acted_on(container, order_id, "retry")


@router.post(
    "/orders/{order_id}/resolve",
    responses=problems.documented(404, 409, 422),
    summary="Resolve an unconfirmed order",
)
async def resolve_order(container: Container, order_id: Id, resolution: ResolveInput) -> SingleAnswer[OrderStoryOut]:
    """Link the order to its work order in Panelr, or state that Panelr has none.

    If Panelr has none, the order is sent again.
    """
    if resolution.not_created:
        await container.bridge.write(operator_actions.confirm_not_created, order_id, actor=ACTOR)
    else:
        work_order = WorkOrder(work_order_id=resolution.work_order_id, reference_code=resolution.reference_code)
        await container.bridge.write(operator_actions.link_work_order, order_id, work_order, actor=ACTOR)
    return await _acted_on(container, order_id, "resolve")


@router.post("/orders/{order_id}/close", responses=problems.documented(404, 409, 422), summary="Close an order")
async def close_order(
    container: Container, order_id: Id, closing: CloseInput | None = None
) -> SingleAnswer[OrderStoryOut]:
    """Close an order, so that it never reaches Panelr. The audit log keeps the reason.

    A closed order stays closed until it is retried.
    """
    why = (closing or CloseInput()).why
    await container.bridge.write(operator_actions.close, order_id, why=why, actor=ACTOR)
    return await _acted_on(container, order_id, "close")


@router.get(
    "/orders/{order_id}/confirmation-token",
    responses=problems.documented(404),
    summary="Get a confirmation token",
)
async def get_confirmation_token(container: Container, order_id: Id, response: Response) -> SingleAnswer[TokenOut]:
    """Return the confirmation token of the order's work order. Every request is written to the audit log."""
    token = await container.bridge.write(operator_actions.confirmation_token, order_id, actor=ACTOR)
    log.info("operator.acted", action="confirmation_token", order=order_id)
    response.headers["Cache-Control"] = "no-store"
    return SingleAnswer[TokenOut](data=TokenOut(confirmation_token=token))


async def _read_story(container: BridgeContainer, order_id: int) -> SingleAnswer[OrderStoryOut]:
    story = await order_queries.read_story(container.database, order_id)
    return SingleAnswer[OrderStoryOut](data=OrderStoryOut.of(story))


async def _acted_on(container: BridgeContainer, order_id: int, action: str) -> SingleAnswer[OrderStoryOut]:
    """Log the action, wake the worker, and return the order as it is now."""
    log.info("operator.acted", action=action, order=order_id)
    container.bridge.wake_worker.set()
    return await _read_story(container, order_id)
