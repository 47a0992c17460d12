"""The wheel carries the migrations: a bridge that is installed from it, far from the repository, makes its tables."""

import asyncio
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from panelr_bridge.store import schema_version
from panelr_bridge.store.database import open_database
from tests.support.files import ROOT


@pytest.fixture(scope="session")
def installed_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it into a folder, as an installation does."""
    built, installed = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(installed)
    return installed


def test_the_wheel_migrates_an_empty_database(installed_wheel: Path, empty_database_url: str, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed_wheel), "BRIDGE_DATABASE_URL": empty_database_url}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert Path(run("-c", "import panelr_bridge; print(panelr_bridge.__file__)")).is_relative_to(installed_wheel)
    run("-m", "panelr_bridge", "migrate")
    assert asyncio.run(_is_migrated(empty_database_url))


async def _is_migrated(url: str) -> bool:
    async with open_database(url) as database:
        return not await database.read(schema_version.is_behind)
