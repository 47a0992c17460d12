"""The webhook route: verify a delivery's signature over its raw bytes, hand it to the bridge, answer.

WooCommerce never retries a delivery, counts every answer above 302 as a failure, and disables the webhook at the
seventh failure in a row. So an authentic delivery is answered 2xx, whatever it says; one that cannot be stored is
answered 503.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from panelr_bridge import json_codec, logs
from panelr_bridge.application.bridge import DeliveryResult
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.parse_delivery import RawDelivery
from panelr_bridge.domain.models import OrderState
from panelr_bridge.errors import BadSignature, BodyTooLarge, DeliveryNotStored, UnknownStore
from panelr_bridge.settings import DEFAULT_STORE, StoreSettings
from panelr_bridge.web import problems, request_id
from panelr_bridge.web.body import read_body
from panelr_bridge.woocommerce.delivery_url import WEBHOOK_PATH
from panelr_bridge.woocommerce.webhook_signature import verify

log = logs.get(__name__)

TOPIC = b"x-wc-webhook-topic"
SIGNATURE = b"x-wc-webhook-signature"
REFUSED_HEADERS = ("x-wc-webhook-signature", "x-wc-webhook-id", "x-wc-webhook-source")
"""What is looked at in a request with a wrong signature."""
KEPT_HEADERS = ("x-wc-webhook-id", "x-wc-webhook-delivery-id", "x-wc-webhook-source", "user-agent")
_KEPT = [(name, name.encode()) for name in KEPT_HEADERS]
UNSETTLED = frozenset({OrderState.QUEUED, OrderState.SENDING, OrderState.UNCONFIRMED})
_PATH = re.compile(rf"{WEBHOOK_PATH}(?:/(?:([^/]+)/?)?)?")
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


class WebhookResponse(NamedTuple):
    """An answer in the form in which ASGI sends it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class WebhookRoute:
    """The webhook route as an ASGI application in front of FastAPI, whose layers would cost each delivery time."""

    @staticmethod
    def match(scope: Scope) -> str | None:
        """Return the store whose route this request is for; None for any other request."""
        if scope["type"] != "http":
            return None
        matched = _PATH.fullmatch(scope["path"])
        return None if matched is None else matched[1] or DEFAULT_STORE

    async def __call__(self, scope: Scope, receive: Receive, send: Send, store: str) -> None:
        """Answer one request. An unexpected error is answered 500 and raised, so that the server logs it."""
        request_id.begin(scope)
        response: WebhookResponse | None = None
        try:
            response = await _respond(scope, receive, store)
            await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
            await send({"type": "http.response.body", "body": response.body})
        except Exception as error:
            failure = await problems.handle_unexpected(Request(scope), error)
            if response is None:
                await failure(scope, receive, send)
            raise


async def _respond(scope: Scope, receive: Receive, store: str) -> WebhookResponse:
    if scope["method"] != "POST":
        response = _problem(scope, 405, "Method Not Allowed")
        return response._replace(headers=[*response.headers, (b"allow", b"POST")])
    return await handle_delivery(scope, receive, store)


async def handle_delivery(scope: Scope, receive: Receive, store: str) -> WebhookResponse:
    """Authenticate a delivery to this store, hand it to the bridge, and return the answer."""
    container: BridgeContainer = scope["app"].state.container
    try:
        raw = await _authenticate(container, scope, receive, store)
    except (UnknownStore, BodyTooLarge, BadSignature) as error:
        log.warning("delivery.refused", store=store[:64], reason=type(error).__name__)
        if isinstance(error, BadSignature):
            container.refusals.count(store, _decode_headers(scope, REFUSED_HEADERS))
        verdict, response = "refused", _problem(scope, problems.STATUSES[type(error)], str(error))
    except ClientDisconnect as error:
        return _convert(await problems.handle_disconnect(Request(scope), error))
    else:
        verdict, response = _answer_ping(scope, store) if raw is None else await _receive(container, scope, raw)
    container.bridge.metrics.count_delivery(verdict, response.status)
    return response


async def _authenticate(container: BridgeContainer, scope: Scope, receive: Receive, store: str) -> RawDelivery | None:
    """Return an authentic delivery, None for a ping. Raises UnknownStore, BodyTooLarge or BadSignature."""
    settings = _store_settings(container, store)
    headers = dict(reversed(list(scope["headers"])))  # the first of a repeated header counts
    content_length = headers.get(b"content-length", b"")
    body = await read_body(receive, content_length=content_length, limit=container.settings.max_body_bytes)
    if SIGNATURE not in headers and _PING.fullmatch(body.strip()):
        return None
    verify(body=body, signature=headers.get(SIGNATURE, b"").decode("latin-1"), secrets=settings.secrets())
    return _raw_delivery(store, body, headers)


def _store_settings(container: BridgeContainer, name: str) -> StoreSettings:
    settings = container.stores.get(name)
    if settings is None:
        raise UnknownStore("there is no such store here: see BRIDGE_STORES__{name}__WEBHOOK_SECRET")
    return settings


def _raw_delivery(store: str, body: bytes, headers: Mapping[bytes, bytes]) -> RawDelivery:
    kept = {name: value.decode("latin-1")[:500] for name, sent in _KEPT if (value := headers.get(sent))}
    topic = headers.get(TOPIC, b"").decode("latin-1")[:100]
    return RawDelivery(store=store, topic=topic, body=body, headers=kept)


def _decode_headers(scope: Scope, names: tuple[str, ...]) -> dict[str, str]:
    """Return some of a request's headers; the first of a repeated one counts."""
    headers = reversed([(name.decode("latin-1"), value) for name, value in scope["headers"]])
    return {name: value.decode("latin-1").strip()[:500] for name, value in headers if name in names}


def _answer_ping(scope: Scope, store: str) -> tuple[str, WebhookResponse]:
    """Answer the unsigned form by which WooCommerce tests a webhook; it repeats it until the answer is exactly 200."""
    log.info("delivery.received", store=store, verdict="ping")
    return "ping", _response(scope, 200, b"text/plain; charset=utf-8", b"pong")


async def _receive(container: BridgeContainer, scope: Scope, raw: RawDelivery) -> tuple[str, WebhookResponse]:
    """Hand a delivery to the bridge; return its verdict and the answer."""
    try:
        result = await container.bridge.receive(raw)
    except DeliveryNotStored as error:
        return error.verdict, _problem(scope, problems.STATUSES[type(error)], str(error))
    status = 202 if result.order and result.order["state"] in UNSETTLED else 200
    return result.verdict, _response(scope, status, b"application/json", json_codec.utf8(result_json(result)))


def result_json(result: DeliveryResult) -> dict[str, Any]:
    """Return the result of a delivery as WooCommerce and operators see it."""
    row = result.order
    reasons = row["reasons"] if row else []
    return {
        "order_id": result.woo_order_id,
        "state": row and row["state"],
        "work_order_id": row and row["work_order_id"],
        "reference_code": row and row["reference_code"],
        "reason": reasons[0]["words"] if reasons else result.words,
    }


def _response(scope: Scope, status: int, media_type: bytes, body: bytes) -> WebhookResponse:
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", media_type),
        (b"x-request-id", scope["state"]["request_id"].encode()),
    ]
    return WebhookResponse(status, headers, body)


def _problem(scope: Scope, status: int, detail: str) -> WebhookResponse:
    return _convert(problems.response(Request(scope), status, detail))


def _convert(response: Response) -> WebhookResponse:
    return WebhookResponse(response.status_code, response.raw_headers, bytes(response.body))
