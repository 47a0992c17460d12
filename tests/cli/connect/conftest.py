"""A simulated shop and a real bridge, both on sockets of this machine, with settings in the environment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from panelr_bridge.cli import console
from panelr_bridge.simulators.panelr import Panel
from tests.support.shop_scene import Scene, open_scene


@pytest.fixture
def dialect() -> str:
    """Which database it is does not matter to these commands."""
    return "sqlite"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lines are not broken, and no .env of this folder is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(console.err, "width", 300)


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch, database_url: str, panelr: tuple[str, Panel]) -> AsyncIterator[Scene]:
    """The stage as it is before the shop is connected."""
    async with open_scene(monkeypatch, database_url, panelr) as scene:
        yield scene
