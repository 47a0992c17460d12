"""A bridge whose steps a test takes by hand."""

from collections.abc import AsyncIterator

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.kit import Kit, kit_of


@pytest.fixture
async def stepped(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge that knows PANEL-1000, without its worker; grace is long, so that nothing is settled by waiting."""
    by_hand = settings.model_copy(update={"worker": False, "grace_seconds": 60.0})
    async with kit_of(by_hand, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        yield kit
