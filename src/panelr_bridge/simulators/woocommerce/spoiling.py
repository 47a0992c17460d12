"""What stands in front of the REST API: it keeps the journal, and lets faults strike. ASGI only."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panelr_bridge.simulators.faults import Fault
from panelr_bridge.simulators.wire import HTML_TYPE, JSON_TYPE, SILENT, Answer, Exchange, altered, as_status, play
from panelr_bridge.simulators.woocommerce.addresses import action_of
from panelr_bridge.simulators.woocommerce.faults import Asked
from panelr_bridge.simulators.woocommerce.payload import encode
from panelr_bridge.simulators.woocommerce.store import Store


class Spoiling:
    """Middleware around the whole shop; what is not below `/wp-json` passes untouched."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or spoil it."""
        if scope["type"] != "http" or not scope["path"].startswith("/wp-json"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        action, told = action_of(request.method, scope["path"])
        query = dict(request.query_params)
        asked = Asked(datetime.now(UTC), request.method, scope["path"], query, body, action)
        self.store.requests.append(asked)
        about = {"order_id": told["number"]} if "/orders/" in scope["path"] and "number" in told else {}
        await self._answer(asked, about, Exchange(scope, receive, send))

    async def _answer(self, asked: Asked, about: Mapping[str, str], exchange: Exchange) -> None:
        # Before the credentials are looked at: an outage asks nobody for a key.
        faults = self.store.faults
        fault = faults.strike(asked.action, "before", about)
        answer = NOTHING_DONE
        if fault is None:
            messages, answer = await self._carried_out(asked, exchange)
            asked.status = answer.status
            if answer.succeeded:
                fault = faults.strike(asked.action, "after", about)
            if fault is None:
                for message in messages:
                    await exchange.send(message)
                return
        answer = altered(fault, answer, SPOILT)
        asked.fault = fault.kind
        asked.status = None if fault.kind in SILENT else answer.status
        await play(fault, answer, exchange)

    async def _carried_out(self, asked: Asked, exchange: Exchange) -> tuple[list[Message], Answer]:
        """Let the shop do its work; its answer comes back instead of leaving."""
        sent: list[Message] = []
        unread = [{"type": "http.request", "body": asked.body, "more_body": False}]

        async def receive() -> Message:
            return unread.pop() if unread else await exchange.receive()

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(exchange.scope, receive, send)
        return sent, _answer_of(sent)


def _answer_of(messages: list[Message]) -> Answer:
    status: int = messages[0]["status"]
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    headers.pop("content-length", None)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(status, body, headers.pop("content-type", HTML_TYPE), headers, succeeded=status < 400)


def _failure(status: int, words: str, retry_after: int | str | None = None) -> Answer:
    error: dict[str, Any] = {"code": "internal_server_error", "message": words, "data": {"status": status}}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(status, encode(error), JSON_TYPE, headers)


def _status(fault: Fault, _answer: Answer) -> Answer:
    status = fault.status or 500
    return as_status(fault, _failure(status, f"Simulated status {status}", fault.retry_after))


# What a fault spoils that strikes before anything has been done: there is no better answer to spoil.
NOTHING_DONE = _failure(500, "There has been a critical error on this website.")
SPOILT: Mapping[str, Callable[[Fault, Answer], Answer]] = {"status": _status}
