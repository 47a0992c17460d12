"""The program as a process of its own: `serve` or `worker`."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from panelr_bridge.settings import Settings
from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, PANELR_KEY, SECRET, order, sign
from tests.support.ports import free_port

BOUND = 60
"""Seconds that stopping may take on a busy machine."""


@dataclass
class BridgeProcess:
    """A bridge that runs as a process of its own."""

    process: asyncio.subprocess.Process
    url: str
    said_in: Path
    ask: httpx.AsyncClient

    @property
    def said(self) -> str:
        """Everything that it has written so far."""
        return self.said_in.read_text()

    async def post(self, number: int) -> httpx.Response:
        """Post an order."""
        body = json.dumps(order(id=number)).encode()
        headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": sign(body)}
        return await self.ask.post(f"{self.url}/webhooks/woocommerce", content=body, headers=headers)

    async def ended(self) -> int:
        """Wait until it has ended; check that it wrote no traceback; return its exit code."""
        async with asyncio.timeout(BOUND):
            code = await self.process.wait()
        assert "Traceback" not in self.said, self.said
        return code


async def wait_until(true: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until `true()` is true."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  another process makes it so
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def run_bridge(command: str, settings: Settings, folder: Path, **changes: str) -> AsyncIterator[BridgeProcess]:
    """Run `serve` or `worker`; kill it at the end of the context if it still runs."""
    port = free_port()
    said_in = folder / f"said-{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")} | {
        "BRIDGE_WEBHOOK_SECRET": SECRET,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "BRIDGE_PANELR_URL": settings.panelr_url,
        "BRIDGE_PANELR_API_KEY": PANELR_KEY,
        "BRIDGE_DATABASE_URL": settings.database_url,
        "BRIDGE_PORT": str(port),
        "BRIDGE_ORDERS_SINCE": ORDERS_SINCE.isoformat(),
        "BRIDGE_GRACE_SECONDS": "0.2",
        "BRIDGE_RETRY_SCHEDULE_SECONDS": "0.2,0.5,1",
        **changes,
    }
    with said_in.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "panelr_bridge", command, cwd=folder, env=environment, stdout=said, stderr=said
        )
    async with httpx.AsyncClient(timeout=60, trust_env=False) as ask:
        bridge = BridgeProcess(process, f"http://127.0.0.1:{port}", said_in, ask)
        try:
            if command == "serve":
                await _answers(bridge)
            yield bridge
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _answers(bridge: BridgeProcess) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(httpx.TransportError):
                await bridge.ask.get(f"{bridge.url}/healthz")
                return
            await asyncio.sleep(0.05)
