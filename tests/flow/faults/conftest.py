"""A bridge with room for many calls at once, beside a Panelr that does not count them."""

import pytest

from panelr_bridge.settings import Settings
from tests.support.bridge_kit import Kit
from tests.support.panelr_faults import TIMEOUT


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Room for all of them at once, and for the answers that hang."""
    changes = {"panelr_rate_per_minute": 600, "panelr_timeout_seconds": TIMEOUT, "sync_budget_seconds": 25.0}
    return settings.model_copy(update=changes)


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge that knows PANEL-1000, and a Panelr that does not count."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.settings.rate_per_minute = 0
    return kit
