"""A simulated shop and a bridge, both on loopback, with settings in the environment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from panelr_bridge.cli import console
from panelr_bridge.simulators.panelr import Panel
from tests.support.shop_scene import Scene, open_scene


@pytest.fixture
def dialect() -> str:
    """Use SQLite only: these commands do not depend on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Print without line breaks, and read no .env file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(console.err, "width", 300)


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel]) -> AsyncIterator[Scene]:
    """A shop that is not connected yet, a bridge and Panelr."""
    async with open_scene(monkeypatch, database_url, panelr) as scene:
        yield scene
