"""The real processes, `serve` and `worker`, when they are told to stop while there is something to do."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import ADMIN_TOKEN, PANELR_KEY, SECRET, kit_of, order, sign
from tests.support.ports import free_port

CREATE = "create_work_order"
MAKE_DUE = "UPDATE orders SET next_attempt_at = '2020-01-01 00:00:00.000000' WHERE owes IS NOT NULL"
PUT_OFF = (
    "UPDATE orders SET next_attempt_at = '2099-01-01 00:00:00.000000' WHERE owes IS NOT NULL AND woo_order_id = 20"
)
END_THE_LEASES = "UPDATE orders SET call_until = '2020-01-01 00:00:00.000000' WHERE call_until IS NOT NULL"
BOUND = 20
"""How long stopping may take on a machine that is busy, in seconds."""


@pytest.fixture
def dialect() -> str:
    """Signals do not depend on the database."""
    return "sqlite"


@dataclass
class Process:
    """A bridge that runs as a process of its own."""

    process: asyncio.subprocess.Process
    url: str
    said_in: Path
    ask: httpx.AsyncClient

    @property
    def said(self) -> str:
        """What it has written so far."""
        return self.said_in.read_text()

    async def post(self, number: int) -> httpx.Response:
        """Post an order."""
        body = json.dumps(order(id=number)).encode()
        headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": sign(body)}
        return await self.ask.post(f"{self.url}/webhooks/woocommerce", content=body, headers=headers)

    async def ended(self) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        async with asyncio.timeout(BOUND):
            code = await self.process.wait()
        assert "Traceback" not in self.said, self.said
        return code


async def until(true: Callable[[], bool], *, seconds: float = 40) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  another process makes it so
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(command: str, settings: Settings, folder: Path, **changes: str) -> AsyncIterator[Process]:
    """Run `serve` or `worker` until the context ends."""
    port = free_port()
    said_in = folder / f"said-{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")} | {
        "BRIDGE_WEBHOOK_SECRET": SECRET,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "BRIDGE_PANELR_URL": settings.panelr_url,
        "BRIDGE_PANELR_API_KEY": PANELR_KEY,
        "BRIDGE_DATABASE_URL": settings.database_url,
        "BRIDGE_PORT": str(port),
        "BRIDGE_GRACE_SECONDS": "0.2",
        "BRIDGE_RETRY_SCHEDULE_SECONDS": "0.2,0.5,1",
        **changes,
    }
    with said_in.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "panelr_bridge", command, cwd=folder, env=environment, stdout=said, stderr=said
        )
    async with httpx.AsyncClient(timeout=30, trust_env=False) as ask:
        bridge = Process(process, f"http://127.0.0.1:{port}", said_in, ask)
        try:
            if command == "serve":
                await _answers(bridge)
            yield bridge
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _answers(bridge: Process) -> None:
    async with asyncio.timeout(40):
        while True:
            with contextlib.suppress(httpx.TransportError):
                await bridge.ask.get(f"{bridge.url}/healthz")
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def prepared(settings: Settings, panelr: tuple[str, Panel]) -> Panel:
    """A database with the one mapping; the Panelr that all of these processes call."""
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return panelr[1]


@pytest.fixture
def stored(settings: Settings) -> Callable[[], dict[str, Any]]:
    """Return order 20 as the database has it."""

    def read() -> dict[str, Any]:
        with contextlib.closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = sqlite3.Row
            row = connection.execute("SELECT * FROM orders WHERE woo_order_id = 20").fetchone()
            return dict(row) if row else {}

    return read


def change(settings: Settings, *statements: str) -> None:
    """Change the database by hand, while no process runs."""
    with (
        contextlib.closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection,
        connection,
    ):
        for statement in statements:
            connection.execute(statement)


async def owe(settings: Settings, panel: Panel, *numbers: int) -> None:
    """Leave orders queued that are due: Panelr has asked for a pause, and the pause is over."""
    panel.faults.add("throttle", action=CREATE)
    async with kit_of(settings.model_copy(update={"worker": False}), panel) as kit:
        for number in numbers:
            assert (await kit.post(order(id=number))).json()["state"] == "queued"
    change(settings, "DELETE FROM rate_limits", MAKE_DUE)


@contextlib.asynccontextmanager
async def calling(
    command: str, settings: Settings, panel: Panel, folder: Path, *, hangs: str | None = None, **changes: str
) -> AsyncIterator[Process]:
    """Run `command` until its call for order 20 is on the way; it may hang, before the creation or after it."""
    if command == "worker":
        await owe(settings, panel, 20)
    if hangs:
        panel.faults.add("hang", action=CREATE, seconds=600, when=hangs)
    asked = len(panel.journal)
    async with running(command, settings, folder, **changes) as bridge:
        posted = asyncio.create_task(bridge.post(20)) if command == "serve" else None
        await until(lambda: len(panel.journal) > asked)
        yield bridge
        if posted is not None:
            with contextlib.suppress(httpx.TransportError):  # who is cut off has no answer, but nobody has a 500
                assert (await posted).status_code in {200, 202}


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_a_call_under_way_is_waited_for_and_recorded(
    settings: Settings, prepared: Panel, stored: Any, tmp_path: Path, command: str
) -> None:
    prepared.settings.latency_seconds = 1.5
    async with calling(command, settings, prepared, tmp_path) as bridge:
        bridge.process.send_signal(signal.SIGTERM)
        assert await bridge.ended() == 0
        (made,) = prepared.work_orders.values()
        assert (stored()["state"], stored()["reference_code"]) == ("created", made.reference_code)


async def settles_after_the_restart(settings: Settings, panel: Panel, stored: Any) -> None:
    """Start anew; order 20 gets its work order, the only one."""
    async with kit_of(settings, panel) as kit:
        await kit.until(20, "created", seconds=40)
    assert [each.reference_code for each in panel.of_wc_order("20")] == [stored()["reference_code"]]


@pytest.mark.parametrize(("command", "when"), [("serve", "after"), ("worker", "before")])
async def test_a_call_that_hangs_does_not_keep_it_and_is_looked_up_later(
    settings: Settings, prepared: Panel, stored: Any, tmp_path: Path, command: str, when: str
) -> None:
    short = {"BRIDGE_PANELR_TIMEOUT_SECONDS": "1"}
    async with calling(command, settings, prepared, tmp_path, hangs=when, **short) as bridge:
        bridge.process.send_signal(signal.SIGTERM)
        assert await bridge.ended() == 0
    assert stored()["state"] == "unconfirmed"
    await settles_after_the_restart(settings, prepared, stored)


async def test_what_is_queued_stays_so_and_is_carried_out_after_the_restart(
    settings: Settings, prepared: Panel, stored: Any, tmp_path: Path
) -> None:
    """Order 21 is carried out before the signal: so the process is at work when it comes."""
    await owe(settings, prepared, 20, 21)
    change(settings, PUT_OFF)
    async with running("serve", settings, tmp_path) as bridge:
        await until(lambda: prepared.of_wc_order("21") != [])
        bridge.process.send_signal(signal.SIGTERM)
        assert await bridge.ended() == 0
    assert (stored()["state"], prepared.of_wc_order("20")) == ("queued", [])
    change(settings, MAKE_DUE)
    await settles_after_the_restart(settings, prepared, stored)
    assert len(prepared.work_orders) == 2


@pytest.mark.parametrize(("command", "second"), [("serve", signal.SIGINT), ("worker", signal.SIGTERM)])
async def test_a_second_signal_ends_it_without_a_trace_and_loses_nothing(
    settings: Settings, prepared: Panel, stored: Any, tmp_path: Path, command: str, second: signal.Signals
) -> None:
    slow = {"BRIDGE_PANELR_TIMEOUT_SECONDS": "45"}  # it would wait much longer than it may take to end
    async with calling(command, settings, prepared, tmp_path, hangs="after", **slow) as bridge:
        bridge.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        bridge.process.send_signal(second)
        assert await bridge.ended() == 130
    assert stored()["state"] == "sending"
    change(settings, END_THE_LEASES)
    await settles_after_the_restart(settings, prepared, stored)
