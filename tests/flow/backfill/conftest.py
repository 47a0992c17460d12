"""Both kinds of API, beside both databases."""

from collections.abc import AsyncIterator

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.shops import RESOURCE, WC, Rig, rig_of


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a high limit: what a backfill finds falls due at half of its pace."""
    return settings.model_copy(update={"panelr_rate_per_minute": 1200})


@pytest.fixture(params=[WC, RESOURCE], ids=["wc_v3", "resource"])
def orders_api(request: pytest.FixtureRequest) -> str:
    """Each kind of API in its turn."""
    return str(request.param)


@pytest.fixture
async def rig(settings: Settings, panelr: tuple[str, Panel], orders_api: str) -> AsyncIterator[Rig]:
    """A store whose webhooks are all lost, and the whole bridge beside it."""
    async with rig_of(settings, panelr[1], orders_api) as rig:
        yield rig
