"""A bridge with a high rate limit, and a Panelr without one."""

import pytest

from panelr_bridge.settings import Settings
from tests.support.bridge_kit import Kit
from tests.support.panelr_faults import TIMEOUT


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings for many orders at once, with a time budget that outlasts calls that hang."""
    changes = {"panelr_rate_per_minute": 600, "panelr_timeout_seconds": TIMEOUT, "sync_budget_seconds": 25.0}
    return settings.model_copy(update=changes)


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000, and a Panelr without a rate limit."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.settings.rate_per_minute = 0
    return kit
