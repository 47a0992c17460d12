"""Errors as RFC 9457 problem details, each with the request's id; no answer ever holds a secret or a trace."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from panelr_bridge import errors, logs

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[type[errors.BridgeError], int] = {
    errors.BadSignature: 401,
    errors.UnknownStore: 404,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.BodyTooLarge: 413,
    errors.InvalidValue: 422,
    errors.BadQuery: 400,
    errors.UpstreamUnavailable: 503,
}

log = logs.get(__name__)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "there is no order 7",
                "request_id": "0b0e9a6c1d7f4f0c",
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, str]] | None = None


def documented(*statuses: int, ok: Any = None, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an endpoint: its errors, and the model `ok` of the answer with `status`."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    refusals: dict[int | str, dict[str, Any]] = {
        each: {"description": HTTPStatus(each).phrase, "content": content} for each in statuses
    }
    return refusals if ok is None else refusals | {status: {"model": ok}}


def response(request: Request, status: int, detail: str, **more: Any) -> JSONResponse:
    """Return a problem of the request."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request.state.request_id,
    } | more
    headers = {"X-Request-ID": request.state.request_id}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="panelr-bridge"'
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]] = {
        errors.BridgeError: _bridge_error,
        HTTPException: _http_exception,
        RequestValidationError: _validation_error,
        ClientDisconnect: hung_up,
        Exception: unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _bridge_error(request: Request, error: errors.BridgeError) -> JSONResponse:
    return response(request, STATUSES.get(type(error), 500), str(error))


async def _http_exception(request: Request, error: HTTPException) -> JSONResponse:
    answer = response(request, error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def hung_up(request: Request, _: ClientDisconnect) -> JSONResponse:
    """Nobody is there to read the answer; it is no error of ours."""
    log.info("request.aborted", path=request.url.path)
    return response(request, 400, "the connection was closed before the request was whole")


async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    """What is wrong with a query is 400, with a body 422; the values stay out of the answer."""
    found = [
        {"where": ".".join(str(part) for part in problem["loc"]), "message": str(problem["msg"])}
        for problem in error.errors()
    ]
    status = 422 if any(problem["where"].startswith("body") for problem in found) else 400
    words = "; ".join(
        f"{problem['where'].partition('.')[2] or problem['where']}: {problem['message']}" for problem in found
    )
    return response(request, status, words, errors=found)


async def unexpected(request: Request, error: Exception) -> JSONResponse:
    """Whoever answers it raises it on: it is no error that has been dealt with."""
    log.error("request.failed", path=request.url.path, request_id=request.state.request_id, exc_info=error)
    return response(request, 500, "an unexpected error; the log has it under this request_id")
