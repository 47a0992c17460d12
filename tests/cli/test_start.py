"""The modules that a process loads at its start: unneeded ones once took half of its time."""

import re
import signal
from pathlib import Path

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_process import BridgeProcess, run_bridge, wait_until

TOLD = {"PYTHONPROFILEIMPORTTIME": "1"}
ANYBODYS = {
    "alembic",
    "mako",
    "typer.rich_utils",
    "prometheus_client",
    "panelr_bridge.demo",
    "panelr_bridge.simulators",
    "panelr_bridge.store.migrate",
    "panelr_bridge.cli.check",
    "panelr_bridge.cli.console",
    "panelr_bridge.cli.mappings_output",
    "panelr_bridge.cli.orders_output",
}
POSTGRESQLS = {"asyncpg", "sqlalchemy.orm", "sqlalchemy.ext.asyncio", "panelr_bridge.store.engine.postgres"}
SERVERS = {"fastapi", "starlette", "uvicorn", "panelr_bridge.web"}


def loaded(process: BridgeProcess) -> set[str]:
    """Return every module that it has imported, and their packages."""
    names = re.findall(r"^import time: .*\| +(\S+)$", process.said, re.MULTILINE)
    return {name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)}


async def test_a_server_loads_what_it_needs(
    settings: Settings, panelr: tuple[str, Panel], tmp_path: Path, dialect: str
) -> None:
    assert panelr
    others = ANYBODYS | (POSTGRESQLS if dialect == "sqlite" else set())
    async with run_bridge("serve", settings, tmp_path, **TOLD) as process:
        # another run's server on the same port may have answered: ours answers only after it has loaded these
        await wait_until(lambda: {*SERVERS, "panelr_bridge.application.worker"} <= loaded(process))
        modules = loaded(process)
        assert modules & others == set()
        assert modules >= POSTGRESQLS or dialect == "sqlite"


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_worker_loads_no_server(settings: Settings, panelr: tuple[str, Panel], tmp_path: Path) -> None:
    assert panelr
    async with run_bridge("worker", settings, tmp_path, **TOLD) as process:
        await wait_until(lambda: "panelr_bridge.application.worker" in loaded(process))
        await wait_until((tmp_path / "bridge.db-wal").exists)
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() in {0, -signal.SIGTERM}
        assert loaded(process) & (ANYBODYS | POSTGRESQLS | SERVERS) == set()


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_server_on_an_empty_file_brings_its_tables_up(
    settings: Settings, panelr: tuple[str, Panel], tmp_path: Path
) -> None:
    """Only then does it load alembic."""
    assert panelr
    new = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'new.db'}"})
    async with run_bridge("serve", new, tmp_path, **TOLD) as process:
        assert "alembic" in loaded(process)
        assert (await process.ask.get(f"{process.url}/readyz")).json()["checks"]["migrations"]["ok"]
