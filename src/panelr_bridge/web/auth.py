"""The bearer token of the admin API. It is checked before anything else of a request."""

import hmac

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from panelr_bridge.web import problems

ACTOR = "admin"
"""The actor in the audit log: anybody with the one admin token."""
PATH = "/api/"

_bearer = HTTPBearer(auto_error=False, description="The admin token, from BRIDGE_ADMIN_TOKEN.")


class AdminGate:
    """Middleware of the admin API. Refuses requests without the token before their body is read."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._token = f"bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"].startswith(PATH):
            request = Request(scope)
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if not hmac.compare_digest(f"{scheme.lower()} {token.strip()}".encode(), self._token):
                refusal = problems.response(request, 401, "send the admin token: Authorization: Bearer ...")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def admin_router(tag: str) -> APIRouter:
    """Return a router for a part of the admin API. OpenAPI documents its token and its common errors."""
    return APIRouter(
        prefix="/api/v1", dependencies=[Depends(_bearer)], responses=problems.documented(400, 401), tags=[tag]
    )
