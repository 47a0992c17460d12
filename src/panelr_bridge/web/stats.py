"""The state of the whole bridge in numbers."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import stats
from panelr_bridge.store.rate_limit import GateStatus
from panelr_bridge.store.stats import BridgeStats
from panelr_bridge.web.answers import TIME_EXAMPLE, SingleAnswer, Time
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Container

router = admin_router("Stats")


class StatsQuery(BaseModel):
    """The query of the numbers: there are no parameters, so any parameter is a 400."""

    model_config = ConfigDict(extra="forbid")


class OrderStatsOut(BaseModel):
    """Numbers of orders, counted exactly."""

    total: int = Field(description="Number of all orders.", examples=[1204])
    by_state: dict[OrderState, int] = Field(
        description="Number of orders in each state. Every state is named.",
        examples=[
            {
                "ignored": 31,
                "waiting": 4,
                "held": 2,
                "queued": 0,
                "sending": 1,
                "unconfirmed": 0,
                "created": 1166,
                "refused": 0,
                "closed": 0,
            }
        ],
    )
    attention: int = Field(description="Number of orders that need an operator.", examples=[3])


class OwedStatsOut(BaseModel):
    """Numbers of owed calls: creates and look-ups."""

    due: int = Field(description="Calls that are due and wait.", examples=[0])
    later: int = Field(description="Calls that are due later.", examples=[0])
    on_the_wire: int = Field(description="Calls that are under way.", examples=[1])
    oldest_due_seconds: float | None = Field(
        description="For how many seconds the oldest due call has been due. Null if none is due.", examples=[None, 12.5]
    )


class GateOut(BaseModel):
    """The gate: the shared pause of all calls to Panelr."""

    open: bool = Field(description="Whether calls are made.", examples=[True])
    cause: str | None = Field(
        description=(
            "Why the gate is closed: throttled (Panelr asked for a pause), misconfigured (Panelr does not accept the"
            " key or the address) or unreachable. Null while it is open."
        ),
        examples=[None, "throttled"],
    )
    words: str | None = Field(description="More about the cause.", examples=[None, "Panelr asks for a pause of 30 s"])
    closed_until: Time | None = Field(description="When the next call is tried.", examples=[None, TIME_EXAMPLE])


class RateLimitOut(BaseModel):
    """The rate limit of all calls to Panelr."""

    allowed_per_minute: int = Field(description="Calls that are allowed in any 60 seconds.", examples=[120])
    used_in_the_last_minute: int = Field(description="Calls that were made in the last 60 seconds.", examples=[7])
    gate: GateOut = Field(description="The gate.")


class DeliveryStatsOut(BaseModel):
    """Numbers of deliveries."""

    problems_in_the_last_day: int = Field(
        description="Deliveries of the last 24 hours that hold an error of WooCommerce, or could not be processed.",
        examples=[0],
    )
    unresolved: int = Field(
        description="Unread deliveries: they brought no order, and nothing has made up for it.", examples=[0]
    )


class MappingStatsOut(BaseModel):
    """Numbers of mappings."""

    products: int = Field(description="Number of product mappings.", examples=[48])
    payment_methods: int = Field(description="Number of payment method mappings.", examples=[2])


class StatsOut(BaseModel):
    """The state of the whole bridge."""

    orders: OrderStatsOut = Field(description="The orders.")
    owed: OwedStatsOut = Field(description="The calls that are owed to Panelr.")
    rate_limit: RateLimitOut = Field(description="The rate limit.")
    deliveries: DeliveryStatsOut = Field(description="The deliveries.")
    mappings: MappingStatsOut = Field(description="The mappings.")


@router.get("/stats", summary="Get the numbers of the whole bridge")
async def get_stats(container: Container, _: Annotated[StatsQuery, Query()]) -> SingleAnswer[StatsOut]:
    """Return the orders by state, the owed calls, the rate limit, and the number of orders for an operator."""
    now = container.bridge.clock()
    current = await container.database.read(stats.read_stats, rate_name=RATE, now=now)
    allowed = container.settings.panelr_rate_per_minute
    return SingleAnswer[StatsOut](data=_stats_out(current, now=now, allowed=allowed))


def _stats_out(current: BridgeStats, *, now: datetime, allowed: int) -> StatsOut:
    by_state = {state: sum(each.n for each in current.groups if each.state == state) for state in OrderState}
    age = None if current.oldest_due is None else round((now - current.oldest_due).total_seconds(), 3)
    return StatsOut(
        orders=OrderStatsOut(
            total=sum(by_state.values()),
            by_state=by_state,
            attention=sum(each.n for each in current.groups if each.attention),
        ),
        owed=OwedStatsOut(
            due=current.due, later=current.later, on_the_wire=current.on_the_wire, oldest_due_seconds=age
        ),
        rate_limit=RateLimitOut(
            allowed_per_minute=allowed,
            used_in_the_last_minute=current.calls_in_the_last_minute,
            gate=_gate_out(current.gate),
        ),
        deliveries=DeliveryStatsOut(
            problems_in_the_last_day=current.delivery_problems, unresolved=current.unread_deliveries
        ),
        mappings=MappingStatsOut(products=current.product_mappings, payment_methods=current.payment_method_mappings),
    )


def _gate_out(gate: GateStatus | None) -> GateOut:
    if gate is None:
        return GateOut(open=True, cause=None, words=None, closed_until=None)
    return GateOut(open=False, cause=gate.cause, words=gate.words, closed_until=gate.closed_until)
