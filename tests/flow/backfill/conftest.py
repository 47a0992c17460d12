"""A shop with lost webhooks and a bridge, for both kinds of the shop's API."""

from collections.abc import AsyncIterator

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.shops import RESOURCE, WC, Rig, rig_of


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a high rate limit: found orders fall due at half of its rate."""
    return settings.model_copy(update={"panelr_rate_per_minute": 1200})


@pytest.fixture(params=[WC, RESOURCE], ids=["wc_v3", "resource"])
def orders_api(request: pytest.FixtureRequest) -> str:
    """Run the test once with each kind of API."""
    return str(request.param)


@pytest.fixture
async def rig(settings: Settings, panelr: tuple[str, Panel], orders_api: str) -> AsyncIterator[Rig]:
    """A shop whose webhooks are all lost, and a bridge."""
    async with rig_of(settings, panelr[1], orders_api) as rig:
        yield rig
