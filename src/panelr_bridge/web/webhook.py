"""What a delivery is answered: verify the raw bytes, parse, store, carry out.

WooCommerce never retries, counts everything above 302 as a failure and switches the webhook off at the 7th in a
row. So what is authentic is answered 2xx, whatever it says; only what cannot be stored is answered 503.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from panelr_bridge import json_codec, logs
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.parse_delivery import parse_delivery
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.domain.models import OrderState
from panelr_bridge.errors import BadSignature, BodyTooLarge, UnknownStore
from panelr_bridge.settings import StoreSettings
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.deliveries import Delivery, digest
from panelr_bridge.store.tables import Row
from panelr_bridge.web import problems
from panelr_bridge.web.body import read
from panelr_bridge.woocommerce.webhook_signature import verify

log = logs.get(__name__)

TOPIC = b"x-wc-webhook-topic"
SIGNATURE = b"x-wc-webhook-signature"
KEPT_HEADERS = ("x-wc-webhook-id", "x-wc-webhook-delivery-id", "x-wc-webhook-source", "user-agent")
_KEPT = [(name, name.encode()) for name in KEPT_HEADERS]
UNSETTLED = frozenset({OrderState.QUEUED, OrderState.SENDING, OrderState.UNCONFIRMED})
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


class WebhookResponse(NamedTuple):
    """An answer as it is sent, with its X-Request-ID."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def handle_delivery(scope: Scope, receive: Receive, store: str) -> WebhookResponse:
    """Take a delivery of the store with this name; return what its sender is told. What nobody foresaw is raised."""
    runtime: BridgeContainer = scope["app"].state.runtime
    try:
        told = await _let_in(runtime, scope, receive, store)
    except (UnknownStore, BodyTooLarge, BadSignature) as error:
        log.warning("delivery.refused", store=store[:64], reason=type(error).__name__)
        verdict, answer = "refused", _problem(scope, problems.STATUSES[type(error)], str(error))
    except ClientDisconnect as error:
        return _copied(await problems.hung_up(Request(scope), error))
    else:
        verdict, answer = _pong(scope, store) if told is None else await _taken(runtime, scope, told)
    runtime.bridge.tally.count_delivery(verdict, answer.status)
    return answer


async def _let_in(runtime: BridgeContainer, scope: Scope, receive: Receive, store: str) -> dict[str, Any] | None:
    """Return what is known of an authentic delivery before its body is understood; None is a ping."""
    settings = _store(runtime, store)
    headers = dict(reversed(list(scope["headers"])))  # of a header that is repeated the first counts
    announced = headers.get(b"content-length", b"")
    body = await read(receive, announced=announced, limit=runtime.settings.max_body_bytes)
    if SIGNATURE not in headers and _PING.fullmatch(body.strip()):
        return None
    verify(body=body, signature=headers.get(SIGNATURE, b"").decode("latin-1"), secrets=settings.secrets())
    return _told(store, body, headers)


def _store(runtime: BridgeContainer, name: str) -> StoreSettings:
    known = runtime.stores.get(name)
    if known is None:
        raise UnknownStore("there is no such store here: see BRIDGE_STORES__{name}__WEBHOOK_SECRET")
    return known


def _told(store: str, body: bytes, headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    kept = {name: value.decode("latin-1")[:500] for name, sent in _KEPT if (value := headers.get(sent))}
    topic = headers.get(TOPIC, b"").decode("latin-1")[:100]
    return {"store": store, "topic": topic, "body": body, "headers": kept, "sha256": digest(body)}


def _pong(scope: Scope, store: str) -> tuple[str, WebhookResponse]:
    """WooCommerce tries a new webhook with an unsigned form, and repeats it until the answer is exactly 200."""
    log.info("delivery.received", store=store, verdict="ping")
    return "ping", _answer(scope, 200, b"text/plain; charset=utf-8", b"pong")


async def _taken(runtime: BridgeContainer, scope: Scope, told: dict[str, Any]) -> tuple[str, WebhookResponse]:
    """Store a delivery and carry out what it calls for; return what it was, and its answer."""
    known = runtime.bridge.match_repeat(**told)
    delivery, event = parse_delivery(**told) if known is None else (known, None)
    try:
        row = await runtime.bridge.receive_again(known) if known is not None else None
        if row is None:
            delivery, event = parse_delivery(**told) if known is not None else (delivery, event)
            row = await runtime.bridge.receive(delivery, event)
    except Exception as error:
        if is_unavailable(error) or not await _kept(runtime, delivery):
            log.exception("delivery.not_stored", store=delivery.store)
            return delivery.verdict, _problem(scope, 503, "the delivery could not be stored")
        log.exception("delivery.failed", store=delivery.store, woo_order_id=delivery.woo_order_id)
        words = "stored; it could not be processed, and an operator is told"
        return "failed", _outcome_answer(scope, delivery, None, words=words)
    return delivery.verdict, _outcome_answer(scope, delivery, row, words=delivery.words)


async def _kept(runtime: BridgeContainer, delivery: Delivery) -> bool:
    """Store a delivery whose processing failed, so that it is neither lost nor held against the sender."""
    try:
        await runtime.bridge.write(receive_delivery.store_as_failed, delivery)
    except Exception:
        log.exception("delivery.not_kept", store=delivery.store)
        return False
    return True


def outcome(delivery: Delivery, row: Row | None, *, words: str | None) -> dict[str, Any]:
    """Return what a delivery came to, as WooCommerce and operators are told it; `row` is its order's."""
    reasons = row["reasons"] if row else []
    return {
        "order_id": delivery.woo_order_id,
        "state": row and row["state"],
        "work_order_id": row and row["work_order_id"],
        "reference_code": row and row["reference_code"],
        "reason": reasons[0]["words"] if reasons else words,
    }


def _outcome_answer(scope: Scope, delivery: Delivery, row: Row | None, *, words: str | None) -> WebhookResponse:
    status = 202 if row and row["state"] in UNSETTLED else 200
    body = json_codec.utf8(outcome(delivery, row, words=words))
    return _answer(scope, status, b"application/json", body)


def _answer(scope: Scope, status: int, media_type: bytes, body: bytes) -> WebhookResponse:
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", media_type),
        (b"x-request-id", scope["state"]["request_id"].encode()),
    ]
    return WebhookResponse(status, headers, body)


def _problem(scope: Scope, status: int, detail: str) -> WebhookResponse:
    return _copied(problems.response(Request(scope), status, detail))


def _copied(response: Response) -> WebhookResponse:
    return WebhookResponse(response.status_code, response.raw_headers, bytes(response.body))
