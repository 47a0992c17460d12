"""The admin API's bearer token."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from panelr_bridge.errors import Unauthorized
from panelr_bridge.web import problems
from panelr_bridge.web.state import runtime_of

ACTOR = "admin"
"""Whom the audit log names: everybody who has the one admin token."""

_bearer = HTTPBearer(auto_error=False, description="BRIDGE_ADMIN_TOKEN")


def require_admin(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Let a request through that carries the admin token; raises Unauthorized otherwise."""
    token = runtime_of(request).settings.admin_token.get_secret_value()
    if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
        raise Unauthorized("send the admin token: Authorization: Bearer ...")


def admin_router(tag: str) -> APIRouter:
    """Return a router of the admin API: below its path, and behind its token."""
    return APIRouter(
        prefix="/api/v1",
        dependencies=[Depends(require_admin)],
        responses=problems.documented(400, 401),
        tags=[tag],
    )
