"""The web application: its routes and middleware, and the worker in the same process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from panelr_bridge import __version__, logs
from panelr_bridge.application.container import BridgeContainer, open_container, prepare_rate_limit
from panelr_bridge.settings import Settings
from panelr_bridge.web import (
    catalogue,
    deliveries,
    health,
    mapping_files,
    mappings,
    metrics,
    openapi,
    order_actions,
    orders,
    problems,
    stats,
    suggestions,
)
from panelr_bridge.web.auth import AdminGate
from panelr_bridge.web.request_id import RequestId
from panelr_bridge.web.webhook import WebhookRoute

log = logs.get(__name__)


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
    """Return the web application. Its container opens when the application starts, and closes when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_container(settings) as container, _running_worker(container):
            app.state.container = container
            log.info("bridge.started", stores=sorted(settings.all_stores), worker=settings.worker)
            yield
            log.info("bridge.stopping", calls_under_way=container.bridge.calls_under_way)
        log.info("bridge.stopped")

    app = Application(
        title="Panelr bridge",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,  # WooCommerce counts a redirect as delivered, and the order is lost
        docs_url="/docs",
        generate_unique_id_function=lambda route: route.name,
        redoc_url=None,
    )
    app.add_middleware(AdminGate, token=settings.admin_token.get_secret_value())
    app.add_middleware(RequestId)
    problems.install(app)
    for part in (
        catalogue,
        suggestions,
        mapping_files,
        mappings,
        order_actions,
        orders,
        deliveries,
        stats,
        health,
        metrics,
    ):
        app.include_router(part.router)
    app.openapi = lambda: openapi.build_document(app)  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _running_worker(container: BridgeContainer) -> AsyncIterator[None]:
    """Run the worker while the application runs, if the settings enable it."""
    await container.bridge.write(prepare_rate_limit, rate_per_minute=container.settings.panelr_rate_per_minute)
    if not container.settings.worker:
        yield
        return
    task = asyncio.create_task(container.work(), name="worker")
    try:
        yield
    finally:
        container.stop()
        await task
