"""The web application: the door, routes, errors, and the worker's life beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import Receive, Scope, Send

from panelr_bridge import __version__, logs
from panelr_bridge.application.container import BridgeContainer, open_container, prepare_rate_limit
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.settings import Settings
from panelr_bridge.web import (
    catalogue,
    deliveries,
    health,
    mappings,
    metrics,
    orders,
    problems,
    stats,
    suggestions,
    webhook_docs,
)
from panelr_bridge.web.auth import AdminGate
from panelr_bridge.web.request_id import RequestId
from panelr_bridge.web.webhook import WebhookRoute

log = logs.get(__name__)

DESCRIPTION = """
Orders come in at the webhook door, signed by WooCommerce. The admin API is for mappings and for people who want to
know what became of an order. Lists take `fields`, `sort`, `page`, `per_page` and their filters; errors are RFC 9457
problem details with the `request_id` under which the log has them.
"""


class Application(FastAPI):
    """FastAPI with the webhook route in front of it."""

    webhook_route = WebhookRoute()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the server's start and stop."""
        store = self.webhook_route.match(scope)
        if store is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self.webhook_route(scope, receive, send, store)


def create_app(settings: Settings) -> FastAPI:
    """Return the application; its parts are assembled when it starts and taken apart when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_container(settings) as runtime, _working(runtime):
            app.state.runtime = runtime
            log.info("bridge.started", stores=sorted(settings.all_stores), worker=settings.worker)
            yield
            log.info("bridge.stopping", calls_under_way=runtime.bridge.calls_under_way)
        log.info("bridge.stopped")

    app = Application(
        title="Panelr bridge",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,  # WooCommerce takes a redirect for a delivery and loses the event
        docs_url="/docs",
        redoc_url=None,
    )
    app.add_middleware(AdminGate, token=settings.admin_token.get_secret_value())
    app.add_middleware(RequestId)
    problems.install(app)
    for part in (catalogue, suggestions, mappings, orders, deliveries, stats, health, metrics):
        app.include_router(part.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document with the webhook route, and without FastAPI's own 422, which is never answered."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    routes = [*webhook_docs.router.routes, *app.routes]
    specification = get_openapi(title=app.title, version=app.version, description=app.description, routes=routes)
    for methods in specification["paths"].values():
        for operation in methods.values():
            answer = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
            if "HTTPValidationError" in str(answer):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        specification["components"]["schemas"].pop(name, None)
    schemas = specification["components"]["schemas"]
    for model in (ProductMapping, orders.OrderOut, stats.StatsOut, catalogue.ProductOut):
        schemas[model.__name__]["examples"] = model.model_config["json_schema_extra"]["examples"]  # type: ignore[index]
    app.openapi_schema = specification
    return specification


@contextlib.asynccontextmanager
async def _working(runtime: BridgeContainer) -> AsyncIterator[None]:
    """Run the worker beside the server, where the settings say so."""
    await runtime.bridge.write(prepare_rate_limit, rate_per_minute=runtime.settings.panelr_rate_per_minute)
    if not runtime.settings.worker:
        yield
        return
    task = asyncio.create_task(runtime.work(), name="worker")
    try:
        yield
    finally:
        runtime.stop()
        await task
