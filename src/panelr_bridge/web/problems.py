"""Errors as RFC 9457 problem details. Each has the request's id; none holds a secret or a stack trace."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from panelr_bridge import errors, logs
from panelr_bridge.store.database import DATABASE_ERRORS, is_unavailable
from panelr_bridge.web.answers import is_none

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[type[errors.BridgeError], int] = {
    errors.BadSignature: 401,
    errors.UnknownStore: 404,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.BodyTooLarge: 413,
    errors.DeliveryNotStored: 503,
    errors.InvalidValue: 422,
    errors.BadQuery: 400,
    errors.UpstreamUnavailable: 503,
}

log = logs.get(__name__)


class InvalidField(BaseModel):
    """An invalid field of a request."""

    where: str = Field(description="Where the field is in the request.", examples=["query.per_page"])
    message: str = Field(description="What is wrong with it.", examples=["Input should be less than or equal to 100"])


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field("about:blank", description="Always about:blank: the status says what kind of problem it is.")
    title: str = Field(description="The name of the status.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(
        description="What is wrong and what to do.", examples=["there is no order with the bridge's id 7"]
    )
    request_id: str = Field(
        description="The answer's X-Request-ID. The log has the request under this id.", examples=["0b0e9a6c1d7f4f0c"]
    )
    errors: list[InvalidField] | None = Field(
        None, description="The fields that cannot be used. Left out if there are none.", exclude_if=is_none
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an endpoint with these error statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def schemas() -> dict[str, Any]:
    """Return the OpenAPI schemas of a problem by name, for the references in `documented`."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {"Problem": problem, **problem.pop("$defs")}


def response(
    request: Request, status: int, detail: str, *, invalid_fields: list[InvalidField] | None = None
) -> JSONResponse:
    """Return a problem as the answer to `request`."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=request.state.request_id,
        errors=invalid_fields,
    )
    headers = {"X-Request-ID": problem.request_id}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="panelr-bridge"'
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]] = {
        errors.BridgeError: _handle_bridge_error,
        HTTPException: _handle_http_exception,
        RequestValidationError: _handle_validation_error,
        ClientDisconnect: handle_disconnect,
        Exception: handle_unexpected,
    }
    handlers |= dict.fromkeys(DATABASE_ERRORS, _handle_database_error)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _handle_bridge_error(request: Request, error: errors.BridgeError) -> JSONResponse:
    status = STATUSES.get(type(error))
    return await handle_unexpected(request, error) if status is None else response(request, status, str(error))


async def _handle_database_error(request: Request, error: Exception) -> JSONResponse:
    """Answer 503 while the database cannot be used; any other error of it is unexpected."""
    if not is_unavailable(error):
        raise error
    log.error("request.failed", path=request.url.path, request_id=request.state.request_id, exc_info=error)
    return response(request, 503, "the database cannot be used at the moment: /readyz says why. Try again later")


async def _handle_http_exception(request: Request, error: HTTPException) -> JSONResponse:
    answer = response(request, error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def handle_disconnect(request: Request, _: ClientDisconnect) -> JSONResponse:
    """Answer a request after its client has gone. This is no error of the bridge: it is logged as information."""
    log.info("request.aborted", path=request.url.path)
    return response(request, 400, "the connection was closed before the request was complete")


async def _handle_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer 422 for a body and 400 for a query or path. The answer does not repeat the values."""
    invalid_fields = [
        InvalidField(where=".".join(str(part) for part in each["loc"]), message=str(each["msg"]))
        for each in error.errors()
    ]
    in_body = any(each.where.startswith("body") for each in invalid_fields)
    detail = "; ".join(f"{each.where.partition('.')[2] or each.where}: {each.message}" for each in invalid_fields)
    return response(request, 422 if in_body else 400, detail, invalid_fields=invalid_fields)


async def handle_unexpected(request: Request, error: Exception) -> JSONResponse:
    """Log an unexpected error and answer 500. The caller must raise the error again."""
    log.error("request.failed", path=request.url.path, request_id=request.state.request_id, exc_info=error)
    return response(request, 500, "an unexpected error; the log has it under this request_id")
