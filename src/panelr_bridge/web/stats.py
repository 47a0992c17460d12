"""How everything stands, in numbers, on one page."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from panelr_bridge.application.transactions.claim_call import RATE
from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import stats
from panelr_bridge.store.rate_limit import GateStatus
from panelr_bridge.store.stats import BridgeStats
from panelr_bridge.web import problems
from panelr_bridge.web.auth import admin_router
from panelr_bridge.web.dependencies import Parts
from panelr_bridge.web.pagination import SingleAnswer, moment

router = admin_router("BridgeStats")

_STATS: dict[str, Any] = {
    "orders": {
        "total": 1204,
        "by_state": {
            "ignored": 31,
            "waiting": 4,
            "held": 2,
            "queued": 0,
            "sending": 1,
            "unconfirmed": 0,
            "created": 1166,
            "refused": 0,
            "closed": 0,
        },
        "attention": 3,
    },
    "owed": {"due": 0, "later": 0, "on_the_wire": 1, "oldest_due_seconds": None},
    "rate_limit": {
        "allowed_per_minute": 120,
        "used_in_the_last_minute": 7,
        "gate": {"open": True, "cause": None, "words": None, "closed_until": None},
    },
    "deliveries": {"problems_in_the_last_day": 0},
    "mappings": {"products": 48, "payment_methods": 2},
}


class StatsQuery(BaseModel):
    """Nothing can be asked of it."""

    model_config = ConfigDict(extra="forbid")


class StatsOut(BaseModel):
    """How everything stands at this moment."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_STATS]})


@router.get("/stats", responses=problems.documented(ok=SingleAnswer[StatsOut]), summary="Count everything")
async def get_stats(parts: Parts, _: Annotated[StatsQuery, Query()]) -> JSONResponse:
    """Orders by their states, what is owed to Panelr, the rate limit, and what needs a person."""
    now = parts.bridge.clock()
    found = await parts.database.read(stats.read_stats, rate_name=RATE, now=now)
    shown = _show(found, now=now, allowed=parts.settings.panelr_rate_per_minute)
    return JSONResponse({"data": shown})


def _show(found: BridgeStats, *, now: datetime, allowed: int) -> dict[str, Any]:
    by_state = {str(state): sum(each.n for each in found.groups if each.state == state) for state in OrderState}
    late = None if found.oldest_due is None else round((now - found.oldest_due).total_seconds(), 3)
    return {
        "orders": {
            "total": sum(by_state.values()),
            "by_state": by_state,
            "attention": sum(each.n for each in found.groups if each.attention),
        },
        "owed": {
            "due": found.due,
            "later": found.later,
            "on_the_wire": found.on_the_wire,
            "oldest_due_seconds": late,
        },
        "rate_limit": {
            "allowed_per_minute": allowed,
            "used_in_the_last_minute": found.calls_in_the_last_minute,
            "gate": _show_gate(found.gate),
        },
        "deliveries": {"problems_in_the_last_day": found.delivery_problems},
        "mappings": {"products": found.product_mappings, "payment_methods": found.payment_method_mappings},
    }


def _show_gate(gate: GateStatus | None) -> dict[str, Any]:
    if gate is None:
        return {"open": True, "cause": None, "words": None, "closed_until": None}
    return {"open": False, "cause": gate.cause, "words": gate.words, "closed_until": moment(gate.closed_until)}
