"""Is it alive, and can it do its work: for load balancers, containers and people."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from panelr_bridge.application.container import backfill_intervals
from panelr_bridge.application.health import run_checks
from panelr_bridge.web.dependencies import Parts

router = APIRouter(tags=["Health"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    """Answer as soon as the process can answer at all."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    responses={200: {"description": "Ready"}, 503: {"description": "Not ready; the checks say why"}},
    summary="Can it do its work?",
)
async def readyz(parts: Parts) -> JSONResponse:
    """Look at the database, the migrations, the backlog and Panelr's credentials, without calling Panelr."""
    findings = await run_checks(
        parts.database,
        now=parts.bridge.clock(),
        overdue=timedelta(minutes=15),
        backfill_intervals=backfill_intervals(parts.settings),
    )
    ready = all(finding.ok for finding in findings if finding.vital)
    checks: dict[str, Any] = {finding.name: {"ok": finding.ok, "words": finding.words} for finding in findings}
    return JSONResponse({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)
