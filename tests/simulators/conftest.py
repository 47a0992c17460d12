"""Fixtures for the simulators. The tests of a module share one simulated Panelr, because a start takes longer."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from panelr_bridge.simulators.panelr import create_app
from panelr_bridge.simulators.server import running
from tests.support.panelr_caller import KEY, PanelrTestClient
from tests.support.webhook_rig import WebhookRig, open_rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served_panelr() -> AsyncIterator[PanelrTestClient]:
    app = create_app(api_key=KEY)
    headers = {"X-Panelr-API-Key": KEY}
    async with running(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=5) as client:
        yield PanelrTestClient(client, app.state.panel)


@pytest.fixture
def caller(served_panelr: PanelrTestClient) -> PanelrTestClient:
    """Return the client of this module's server, after a reset."""
    served_panelr.reset()
    return served_panelr


@pytest.fixture
async def rig() -> AsyncIterator[WebhookRig]:
    """A simulated shop and a receiver of its webhooks."""
    async with open_rig() as opened:
        yield opened
