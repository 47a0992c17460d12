"""The webhook door: verify the raw bytes, parse, store, carry out, answer.

WooCommerce never retries, counts everything above 302 as a failure and switches the webhook off at the 7th in a
row. So what is authentic is answered 2xx, whatever it says; only what cannot be stored is answered 503.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute

from panelr_bridge import logs
from panelr_bridge.errors import BadSignature, BodyTooLarge, UnknownStore
from panelr_bridge.runtime import Runtime
from panelr_bridge.settings import DEFAULT_STORE, StoreSettings
from panelr_bridge.steps import intake
from panelr_bridge.steps.understand import understand
from panelr_bridge.store.database import is_unavailable
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.tables import Row
from panelr_bridge.values import State
from panelr_bridge.web import problems
from panelr_bridge.web.body import read
from panelr_bridge.web.state import runtime_of
from panelr_bridge.woo.signature import verify


class PlainRoute(APIRoute):
    """A route whose handler gets the request and the path's parameters as they are.

    FastAPI's own prepares a body, dependencies and two stacks for each request, of which the door uses nothing.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            answer: Response = await endpoint(request, **request.path_params)
            return answer

        return handle


router = APIRouter(tags=["WooCommerce"], route_class=PlainRoute)
log = logs.get(__name__)

KEPT_HEADERS = ("x-wc-webhook-id", "x-wc-webhook-delivery-id", "x-wc-webhook-source", "user-agent")
UNSETTLED = frozenset({State.QUEUED, State.SENDING, State.UNCONFIRMED})
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")

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


@router.post("/webhooks/woocommerce", responses=_DOCUMENTED, summary="Take a delivery of the default store")
@router.post("/webhooks/woocommerce/", include_in_schema=False)
async def default_store(request: Request) -> Response:
    """Take a delivery of WooCommerce's; the body is the order as WooCommerce sends it, signed."""
    return await _receive(request, DEFAULT_STORE)


@router.post("/webhooks/woocommerce/{store}", responses=_DOCUMENTED, summary="Take a delivery of a named store")
@router.post("/webhooks/woocommerce/{store}/", include_in_schema=False)
async def named_store(request: Request, store: str) -> Response:
    """Take a delivery of WooCommerce's for one of the stores in BRIDGE_STORES__{name}__..."""
    return await _receive(request, store)


async def _receive(request: Request, store: str) -> Response:
    runtime = runtime_of(request)
    try:
        verdict, response = await _answered(request, runtime, store)
    except (UnknownStore, BodyTooLarge, BadSignature) as error:
        log.warning("delivery.refused", store=store[:64], reason=type(error).__name__)
        runtime.bridge.tally.delivery("refused", problems.STATUSES[type(error)])
        raise
    runtime.bridge.tally.delivery(verdict, response.status_code)
    return response


async def _answered(request: Request, runtime: Runtime, store: str) -> tuple[str, Response]:
    """Return what a delivery was, and its answer."""
    settings = _store(runtime, store)
    body = await read(request, limit=runtime.settings.max_body_bytes)
    if _is_ping(request, body):
        log.info("delivery.received", store=store, verdict="ping")
        return "ping", PlainTextResponse("pong")
    _verify(request, body, settings)
    told = _told(request, store, body)
    known = runtime.bridge.recognised(**told)
    delivery, event = understand(**told) if known is None else (known, None)
    try:
        row = await runtime.bridge.receive_again(known) if known is not None else None
        if row is None:
            delivery, event = understand(**told) if known is not None else (delivery, event)
            row = await runtime.bridge.receive(delivery, event)
    except Exception as error:
        if is_unavailable(error) or not await _kept(runtime, delivery):
            log.exception("delivery.not_stored", store=store)
            return delivery.verdict, problems.response(request, 503, "the delivery could not be stored")
        log.exception("delivery.failed", store=store, woo_order_id=delivery.woo_order_id)
        return "failed", _answer(delivery, None, words="stored; it could not be processed, and an operator is told")
    return delivery.verdict, _answer(delivery, row, words=delivery.words)


def _store(runtime: Runtime, name: str) -> StoreSettings:
    known = runtime.stores.get(name)
    if known is None:
        raise UnknownStore("there is no such store here: see BRIDGE_STORES__{name}__WEBHOOK_SECRET")
    return known


def _is_ping(request: Request, body: bytes) -> bool:
    """WooCommerce tries a new webhook with an unsigned form, and repeats it until the answer is exactly 200."""
    return "x-wc-webhook-signature" not in request.headers and _PING.fullmatch(body.strip()) is not None


def _verify(request: Request, body: bytes, store: StoreSettings) -> None:
    signature = request.headers.get("x-wc-webhook-signature")
    verify(body=body, signature=signature, secrets=store.secrets())


def _told(request: Request, store: str, body: bytes) -> dict[str, Any]:
    """Return what is known of a delivery before its body is read."""
    headers = {name: value[:500] for name in KEPT_HEADERS if (value := request.headers.get(name))}
    topic = request.headers.get("x-wc-webhook-topic", "")[:100]
    return {"store": store, "topic": topic, "body": body, "headers": headers}


async def _kept(runtime: Runtime, delivery: Delivery) -> bool:
    """Store a delivery whose processing failed, so that it is neither lost nor held against the sender."""
    try:
        await runtime.bridge.write(intake.keep, delivery)
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


def _answer(delivery: Delivery, row: Row | None, *, words: str | None) -> JSONResponse:
    return JSONResponse(outcome(delivery, row, words=words), 202 if row and row["state"] in UNSETTLED else 200)
