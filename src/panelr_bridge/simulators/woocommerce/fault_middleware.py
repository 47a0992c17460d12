"""Middleware in front of the REST API: it writes the journal and applies faults. ASGI only."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panelr_bridge.simulators.faults import Fault
from panelr_bridge.simulators.transport import (
    HTML_TYPE,
    JSON_TYPE,
    SILENT_FAULTS,
    HttpExchange,
    HttpResponse,
    apply_fault,
    build_status_response,
    send_with_fault,
)
from panelr_bridge.simulators.woocommerce.faults import RecordedRequest
from panelr_bridge.simulators.woocommerce.payload import encode_json
from panelr_bridge.simulators.woocommerce.rest_actions import find_action
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop


class FaultMiddleware:
    """Middleware around the whole shop. It changes only requests below `/wp-json`."""

    def __init__(self, app: ASGIApp, shop: SimulatedShop) -> None:
        self.app = app
        self.shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the matching fault if there is one."""
        if scope["type"] != "http" or not scope["path"].startswith("/wp-json"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        action, path_parameters = find_action(request.method, scope["path"])
        query = dict(request.query_params)
        recorded = RecordedRequest(datetime.now(UTC), request.method, scope["path"], query, body, action)
        self.shop.requests.append(recorded)
        subject = (
            {"order_id": path_parameters["number"]}
            if "/orders/" in scope["path"] and "number" in path_parameters
            else {}
        )
        await self._answer(recorded, subject, HttpExchange(scope, receive, send))

    async def _answer(self, recorded: RecordedRequest, subject: Mapping[str, str], exchange: HttpExchange) -> None:
        # Before the credentials are checked: in an outage, they do not matter.
        faults = self.shop.faults
        fault = faults.take(recorded.action, "before", subject)
        response = SERVER_ERROR
        if fault is None:
            messages, response = await self._handle(recorded, exchange)
            recorded.status = response.status
            if response.succeeded:
                fault = faults.take(recorded.action, "after", subject)
            if fault is None:
                for message in messages:
                    await exchange.send(message)
                return
        response = apply_fault(fault, response, OWN_ALTERATIONS)
        recorded.fault = fault.kind
        recorded.status = None if fault.kind in SILENT_FAULTS else response.status
        await send_with_fault(fault, response, exchange)

    async def _handle(self, recorded: RecordedRequest, exchange: HttpExchange) -> tuple[list[Message], HttpResponse]:
        """Let the shop handle the request, and return its response instead of sending it."""
        sent: list[Message] = []
        unread = [{"type": "http.request", "body": recorded.body, "more_body": False}]

        async def receive() -> Message:
            return unread.pop() if unread else await exchange.receive()

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(exchange.scope, receive, send)
        return sent, _read_response(sent)


def _read_response(messages: list[Message]) -> HttpResponse:
    status: int = messages[0]["status"]
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    headers.pop("content-length", None)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return HttpResponse(status, body, headers.pop("content-type", HTML_TYPE), headers, succeeded=status < 400)


def _build_error(status: int, words: str, retry_after: int | str | None = None) -> HttpResponse:
    error: dict[str, Any] = {"code": "internal_server_error", "message": words, "data": {"status": status}}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return HttpResponse(status, encode_json(error), JSON_TYPE, headers)


def _apply_status(fault: Fault, _answer: HttpResponse) -> HttpResponse:
    status = fault.status or 500
    return build_status_response(fault, _build_error(status, f"Simulated status {status}", fault.retry_after))


# The response that a fault alters if it applies before the work.
SERVER_ERROR = _build_error(500, "There has been a critical error on this website.")
OWN_ALTERATIONS: Mapping[str, Callable[[Fault, HttpResponse], HttpResponse]] = {"status": _apply_status}
