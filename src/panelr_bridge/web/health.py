"""Health checks for load balancers, containers and people."""

from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from panelr_bridge.application.container import backfill_intervals
from panelr_bridge.application.health import run_checks
from panelr_bridge.web.dependencies import Container

router = APIRouter(tags=["Health"])
OVERDUE = timedelta(minutes=15)
"""The backlog is reported when a call has been due for longer."""


class LivenessOut(BaseModel):
    """The process is alive."""

    status: Literal["alive"] = Field(description="Always alive.", examples=["alive"])


class CheckOut(BaseModel):
    """The result of one check."""

    ok: bool = Field(description="Whether the check passed.", examples=[True])
    words: str = Field(description="What was found, and what to do.", examples=["the database answers"])


class ReadinessOut(BaseModel):
    """The results of all checks."""

    status: Literal["ready", "not ready"] = Field(
        description="Ready if every check passed that the bridge needs in order to work.", examples=["ready"]
    )
    checks: dict[str, CheckOut] = Field(
        description="The checks by name: database, migrations, time, panelr, backlog, webhooks and others.",
        examples=[{"database": {"ok": True, "words": "the database answers"}}],
    )


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Ready"},
    503: {"description": "Not ready; `checks` says why", "model": ReadinessOut},
}


@router.get("/healthz", summary="Check that the process is alive")
async def get_liveness() -> LivenessOut:
    """Return 200 if the process can answer. Checks nothing else."""
    return LivenessOut(status="alive")


@router.get("/readyz", responses=_RESPONSES, summary="Check that the bridge can work")
async def get_readiness(container: Container, response: Response) -> ReadinessOut:
    """Check the database, its migrations, the backlog and the pause of Panelr calls. Makes no call to Panelr."""
    checks = await run_checks(
        container.database,
        now=container.bridge.clock(),
        overdue=OVERDUE,
        backfill_intervals=backfill_intervals(container.settings),
    )
    ready = all(check.ok for check in checks if check.vital)
    response.status_code = 200 if ready else 503
    return ReadinessOut(
        status="ready" if ready else "not ready",
        checks={check.name: CheckOut(ok=check.ok, words=check.words) for check in checks},
    )
