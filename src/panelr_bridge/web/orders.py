"""The admin API of the orders: what happened, why, and what a person can do about it."""

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection

from panelr_bridge import logs
from panelr_bridge.application import operator_actions
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.domain.mapping_input import Name, PlainText, require_plain_text
from panelr_bridge.domain.models import OrderState, WorkOrder
from panelr_bridge.errors import BadQuery, NotFound
from panelr_bridge.store import deliveries, follow_ups, orders, owed_calls
from panelr_bridge.store.database import Database, use_one_snapshot
from panelr_bridge.store.pagination import order_list
from panelr_bridge.store.tables import Row
from panelr_bridge.web import problems
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.deliveries import show_delivery
from panelr_bridge.web.dependencies import Parts
from panelr_bridge.web.pagination import Id, ListQuery, ListResource, Number, PageMeta, SingleAnswer, moment

router = admin_router("Orders")
log = logs.get(__name__)

_ORDER: dict[str, Any] = {
    "id": 1,
    "store": "default",
    "woo_order_id": 20,
    "woo_order_number": "20",
    "woo_status": "processing",
    "woo_total": "58.45",
    "woo_currency": "USD",
    "woo_modified_at": "2026-11-21T19:16:43Z",
    "state": "held",
    "reasons": [{"code": "unmapped_product", "words": "no mapping for product 12 ...", "line": "Panel Credits 1000"}],
    "attention": [],
    "work_order_id": None,
    "reference_code": None,
    "panelr_status": None,
    "adopted": False,
    "attempts": 0,
    "next_attempt_at": None,
    "created_at": "2026-11-21T19:16:44Z",
    "updated_at": "2026-11-21T19:16:44Z",
}
_NAMES = tuple(_ORDER)


class OrderQuery(ListQuery):
    """Filters of the orders."""

    state: str | None = Field(None, description="One state or several, separated by commas.", examples=["held,refused"])
    store: PlainText | None = None
    woo_order_id: Number | None = None
    attention: bool | None = Field(None, description="Whether something about the order needs a person.")


class OrderOut(BaseModel):
    """An order as it stands."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_ORDER]})


class OrderList(BaseModel):
    """A page of orders."""

    data: list[OrderOut]
    meta: PageMeta


class TokenOut(BaseModel):
    """The token that authenticates a customer's payment at Panelr."""

    confirmation_token: str | None


class ResolveInput(BaseModel):
    """What a person found in Panelr about an unconfirmed order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"work_order_id": 7, "reference_code": "WO-2026-00007"}, {"not_created": True}]
        },
    )

    work_order_id: int | None = Field(None, ge=1, lt=2**63)
    reference_code: Name | None = None
    not_created: bool = False

    @model_validator(mode="after")
    def says_one_thing(self) -> "ResolveInput":
        """Refuse a resolution that says nothing, or both."""
        linked = self.work_order_id is not None or self.reference_code is not None
        if linked == self.not_created:
            raise ValueError('send either work_order_id and reference_code, or {"not_created": true}')
        if linked and self.reference_code is None:
            raise ValueError("send the reference_code too: Panelr is asked by it")
        return self


class CloseInput(BaseModel):
    """Why nothing is owed for an order."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "set up by hand"}]})

    why: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(require_plain_text)] = "no reason given"


def _show_order(row: Row) -> dict[str, Any]:
    shown = {name: row[name] for name in _NAMES}
    total = row["woo_total"]
    return shown | {
        "woo_total": None if total is None else format(total, "f"),
        "woo_modified_at": moment(row["woo_modified_at"]),
        "attention": row["attention"] or [],
        "next_attempt_at": moment(row["next_attempt_at"]),
        "created_at": moment(row["created_at"]),
        "updated_at": moment(row["updated_at"]),
    }


def _states(asked: str) -> tuple[str, ...]:
    states = tuple(part.strip() for part in asked.split(",") if part.strip())
    unknown = [state for state in states if state not in set(OrderState)]
    if unknown or not states:
        raise BadQuery(f"state: {', '.join(unknown) or 'nothing'} is none of {', '.join(OrderState)}")
    return states


ORDERS = ListResource(
    fields=_NAMES,
    show=_show_order,
    sorts=frozenset(order_list.SORTS),
    filters=("state", "store", "woo_order_id", "attention"),
    reads={"state": _states},
)


@router.get("/orders", responses=problems.documented(ok=OrderList), summary="List orders")
async def list_orders(parts: Parts, asked: Annotated[OrderQuery, Query()]) -> JSONResponse:
    """One page of orders."""
    page = await parts.database.read(order_list.page, ORDERS.query(asked))
    return JSONResponse(ORDERS.answer(asked, page))


@router.get(
    "/orders/{order_id}",
    responses=problems.documented(404, ok=SingleAnswer[OrderOut]),
    summary="Get an order with its attempts",
)
async def get_order(parts: Parts, order_id: Id) -> JSONResponse:
    """One order with every attempt, what it owes, and the deliveries that told of it."""
    return JSONResponse({"data": await order_story(parts.database, order_id)})


@router.post(
    "/orders/{order_id}/retry",
    responses=problems.documented(404, 409, ok=SingleAnswer[OrderOut]),
    summary="Decide an order anew and try again now",
)
async def retry(parts: Parts, order_id: Id) -> JSONResponse:
    """Decide a held, refused or ignored order anew; look up an unconfirmed one. Never makes a second work order."""
    await parts.bridge.write(operator_actions.retry, order_id, policy=parts.bridge.policy, actor=ACTOR)
    return await _acted(parts, order_id, "retry")


@router.post(
    "/orders/{order_id}/resolve",
    responses=problems.documented(404, 409, 422, ok=SingleAnswer[OrderOut]),
    summary="Say what became of an unconfirmed order",
)
async def resolve(parts: Parts, order_id: Id, given: ResolveInput) -> JSONResponse:
    """Link the work order that a person found in Panelr, or say that there is none: then it is sent again."""
    if given.not_created:
        await parts.bridge.write(operator_actions.confirm_not_created, order_id, actor=ACTOR)
    else:
        work_order = WorkOrder(work_order_id=given.work_order_id, reference_code=given.reference_code)
        await parts.bridge.write(operator_actions.link_work_order, order_id, work_order, actor=ACTOR)
    return await _acted(parts, order_id, "resolve")


@router.post(
    "/orders/{order_id}/close",
    responses=problems.documented(404, 409, ok=SingleAnswer[OrderOut]),
    summary="Decide that nothing is owed for an order",
)
async def close(parts: Parts, order_id: Id, given: CloseInput | None = None) -> JSONResponse:
    """Close an order that shall not reach Panelr; who and why are kept."""
    why = (given or CloseInput(why="no reason given")).why
    await parts.bridge.write(operator_actions.close, order_id, why=why, actor=ACTOR)
    return await _acted(parts, order_id, "close")


@router.get(
    "/orders/{order_id}/confirmation-token",
    responses=problems.documented(404, ok=SingleAnswer[TokenOut]),
    summary="Show a confirmation token (audited)",
)
async def confirmation_token(parts: Parts, order_id: Id) -> JSONResponse:
    """Return the work order's confirmation token; null where it is not known. Every look is written down."""
    token = await parts.bridge.write(operator_actions.confirmation_token, order_id, actor=ACTOR)
    log.info("operator.acted", action="confirmation_token", order=order_id)
    return JSONResponse({"data": {"confirmation_token": token}}, headers={"Cache-Control": "no-store"})


async def order_story(database: Database, order_id: Id) -> dict[str, Any]:
    """Return an order with everything that a person may ask about it, as of one moment; raises NotFound."""
    return await database.read(_story, order_id)


def _story(connection: Connection, order_id: int) -> dict[str, Any]:
    use_one_snapshot(connection)
    row = orders.get(connection, order_id)
    if row is None:
        raise NotFound(f"there is no order {order_id}")
    told = deliveries.list_for_order(connection, store=row["store"], woo_order_id=row["woo_order_id"])
    call = owed_calls.call_of(row)
    moments = ("next_attempt_at", "lease_until", "owed_since", "empty_since")
    return _show_order(row) | {
        "attempt_log": [
            _with_moments(attempt, "started_at", "recorded_at")
            for attempt in orders.list_attempts(connection, order_id)
        ],
        "owed_calls": [] if call is None else [_with_moments(call, *moments)],
        "follow_ups": [_show_follow_up(each) for each in follow_ups.list_for_order(connection, order_id).values()],
        "deliveries": [show_delivery(delivery) for delivery in told],
    }


def _show_follow_up(row: Row) -> dict[str, Any]:
    """What an order calls for beside its create call: it is done, or due, or a person is needed."""
    shown = {name: row[name] for name in ("kind", "due_at", "attempt", "lease_until", "done_at")}
    return _with_moments(shown, "due_at", "lease_until", "done_at")


def _with_moments(row: Row, *names: str) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name != "order_id"}
    return shown | {name: moment(row[name]) for name in names}


async def _acted(parts: BridgeContainer, order_id: int, action: str) -> JSONResponse:
    """Tell the log, wake the worker, and answer the order as it stands now."""
    log.info("operator.acted", action=action, order=order_id)
    parts.bridge.wake_worker.set()
    return JSONResponse({"data": await order_story(parts.database, order_id)})
