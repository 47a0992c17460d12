"""A bridge without a worker, and the statements that it executes."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from panelr_bridge.application import worker
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import Kit, kit_of


@pytest.fixture(autouse=True)
def short_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers poll ten times a second for changes that a test makes in the database."""
    monkeypatch.setattr(worker, "POLL", timedelta(seconds=0.1))


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that an engine executes from now on, with SQLite's BEGIN and BEGIN IMMEDIATE."""
    executed: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        executed.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield executed
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
async def stepped(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """A bridge without a worker, with a mapping for PANEL-1000. Grace is long: no lease ends by waiting."""
    by_hand = settings.model_copy(update={"worker": False, "grace_seconds": 60.0})
    async with kit_of(by_hand, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        yield kit
