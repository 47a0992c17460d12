"""The webhook door, as a server asks it: an ASGI application of its own.

FastAPI has a dozen layers around a route, and whatever wakes a handler up goes through them all. So the web
application hands deliveries straight to `take`. The routes here are what OpenAPI tells of them, and take what comes
to them by another way, as a path that ends in a line break.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from panelr_bridge.settings import DEFAULT_STORE
from panelr_bridge.web import problems, request_id
from panelr_bridge.web.webhook import WebhookResponse, handle_delivery

_PATH = re.compile(r"/webhooks/woocommerce(?:/(?:([^/\n]+)/?)?)?")

EXAMPLES = {
    200: {
        "order_id": 123,
        "state": "created",
        "work_order_id": 7,
        "reference_code": "WO-2026-00007",
        "reason": None,
    },
    202: {
        "order_id": 123,
        "state": "queued",
        "work_order_id": None,
        "reference_code": None,
        "reason": "Panelr refused the connection",
    },
}
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/json": {"example": EXAMPLES[status]}}}
    for status, words in ((200, "Settled"), (202, "Stored; the work order follows"))
}
_DOCUMENTED |= problems.documented(401, 404, 413, 503)


def store_of(scope: Scope) -> str | None:
    """Return the name of the store whose delivery a request is; None where it is another request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    found = _PATH.fullmatch(scope["path"])
    return None if found is None else found[1] or DEFAULT_STORE


async def take(scope: Scope, receive: Receive, send: Send, store: str) -> None:
    """Handle one request; do what the middleware does for others."""
    request_id.begin(scope)
    answer: WebhookResponse | None = None
    try:
        answer = await handle_delivery(scope, receive, store)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})
    except Exception as error:
        failure = await problems.unexpected(Request(scope), error)
        if answer is None:
            await failure(scope, receive, send)
        raise  # the server closes the connection


class _Route(APIRoute):
    """A route whose handler gets the request as it is, without what FastAPI prepares for others."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request."""

        async def handle(request: Request) -> Response:
            store = request.path_params.get("store", DEFAULT_STORE)
            answer = await handle_delivery(request.scope, request.receive, store)
            response = Response(answer.body, answer.status)
            response.raw_headers = answer.headers
            return response

        return handle


router = APIRouter(tags=["WooCommerce"], route_class=_Route)


@router.post("/webhooks/woocommerce", responses=_DOCUMENTED, summary="Take a delivery of the default store")
@router.post("/webhooks/woocommerce/", include_in_schema=False)
async def default_store() -> None:
    """Take a delivery of WooCommerce's; the body is the order as WooCommerce sends it, signed."""


@router.post("/webhooks/woocommerce/{store}", responses=_DOCUMENTED, summary="Take a delivery of a named store")
@router.post("/webhooks/woocommerce/{store}/", include_in_schema=False)
async def named_store(store: str) -> None:
    """Take a delivery of WooCommerce's for one of the stores in BRIDGE_STORES__{name}__..."""
