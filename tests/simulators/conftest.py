"""One simulated Panelr for a module: starting and stopping a server costs more than most tests of it."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from panelr_bridge.simulators.panelr import create_app
from panelr_bridge.simulators.server import running
from tests.support.panelr_caller import KEY, Caller


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served_panelr() -> AsyncIterator[Caller]:
    app = create_app(api_key=KEY)
    headers = {"X-Panelr-API-Key": KEY}
    async with running(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=5) as client:
        yield Caller(client, app.state.panel)


@pytest.fixture
def caller(served_panelr: Caller) -> Caller:
    """The one server of this module, as new."""
    served_panelr.renew()
    return served_panelr
