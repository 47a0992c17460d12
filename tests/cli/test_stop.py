"""The processes `serve` and `worker` when a signal stops them in the middle of their work."""

import asyncio
import contextlib
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import kit_of, order
from tests.support.bridge_process import BridgeProcess, run_bridge, wait_until

CREATE = "create_work_order"
MAKE_DUE = "UPDATE orders SET next_attempt_at = '2020-01-01 00:00:00.000000' WHERE owes IS NOT NULL"
PUT_OFF = (
    "UPDATE orders SET next_attempt_at = strftime('%Y-%m-%d %H:%M:%f000', 'now', '+30 minutes'), waits_for_outage = 0"
    " WHERE woo_order_id = 20"
)
END_THE_LEASES = "UPDATE orders SET call_until = '2020-01-01 00:00:00.000000' WHERE call_until IS NOT NULL"


@pytest.fixture
def dialect() -> str:
    """Use SQLite only: signals do not depend on the database."""
    return "sqlite"


@pytest.fixture
async def prepared(settings: Settings, panelr: tuple[str, Panel]) -> Panel:
    """Panelr, and a database with one mapping."""
    async with kit_of(settings, panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return panelr[1]


@pytest.fixture
def stored(settings: Settings) -> Callable[[], dict[str, Any]]:
    """Return a function that reads order 20 from the database."""

    def read() -> dict[str, Any]:
        with contextlib.closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = sqlite3.Row
            row = connection.execute("SELECT * FROM orders WHERE woo_order_id = 20").fetchone()
            return dict(row) if row else {}

    return read


def change(settings: Settings, *statements: str) -> None:
    """Change the database while no process runs."""
    with (
        contextlib.closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection,
        connection,
    ):
        for statement in statements:
            connection.execute(statement)


async def owe(settings: Settings, panel: Panel, *numbers: int) -> None:
    """Store queued orders that are due: Panelr asked for a pause, and the pause is over."""
    panel.faults.add("throttle", times=2)
    async with kit_of(settings.model_copy(update={"worker": False}), panel) as kit:
        for number in numbers:
            assert (await kit.post(order(id=number))).json()["state"] == "queued"
    change(settings, "DELETE FROM rate_limits", MAKE_DUE)


@contextlib.asynccontextmanager
async def calling(
    command: str, settings: Settings, panel: Panel, folder: Path, *, hangs: str | None = None, **changes: str
) -> AsyncIterator[BridgeProcess]:
    """Run `command` until its call for order 20 is under way. It hangs before or after the creation."""
    if command == "worker":
        await owe(settings, panel, 20)
    if hangs:
        panel.faults.add("hang", action=CREATE, seconds=600, when=hangs)
    asked = len(panel.journal)
    async with run_bridge(command, settings, folder, **changes) as bridge:
        posted = asyncio.create_task(bridge.post(20)) if command == "serve" else None
        await wait_until(lambda: len(panel.journal) > asked)
        yield bridge
        if posted is not None:
            with contextlib.suppress(httpx.TransportError):  # the connection may be cut, but no answer is a 500
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
    """Start again; check that order 20 gets exactly one work order."""
    async with kit_of(settings, panel) as kit:
        await kit.until(20, "created")
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
    """Order 21 is created before the signal, which proves that the process works when the signal comes."""
    await owe(settings, prepared, 20, 21)
    change(settings, PUT_OFF)
    async with run_bridge("serve", settings, tmp_path) as bridge:
        await wait_until(lambda: prepared.of_wc_order("21") != [])
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
    slow = {"BRIDGE_PANELR_TIMEOUT_SECONDS": "45"}  # longer than stopping may take
    async with calling(command, settings, prepared, tmp_path, hangs="after", **slow) as bridge:
        bridge.process.send_signal(signal.SIGTERM)
        while bridge.process.returncode is None:  # a signal is lost while the first one waits to be handled
            await asyncio.sleep(0.5)
            with contextlib.suppress(ProcessLookupError):
                bridge.process.send_signal(second)
        assert await bridge.ended() == 130
    assert stored()["state"] == "sending"
    change(settings, END_THE_LEASES)
    await settles_after_the_restart(settings, prepared, stored)
