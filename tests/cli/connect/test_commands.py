"""The commands connect and smoke: options, questions, exit codes, and Ctrl-C."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from panelr_bridge import cli
from panelr_bridge.cli import connect, smoke
from panelr_bridge.cli.connect import ConnectOptions
from panelr_bridge.cli.smoke import SmokePlan
from tests.support.shop_scene import Scene

Run = Callable[..., int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; return its exit code."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["panelr-bridge", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code if isinstance(ended.value.code, int) else 0

    return run


@pytest.mark.parametrize("well", [True, False])
def test_connect_hands_its_options_on_and_ends_as_it_went(
    command: Run, monkeypatch: pytest.MonkeyPatch, well: bool
) -> None:
    asked: list[Any] = []

    def connect_shop(wanted: Any) -> bool:
        asked.append(wanted)
        return well

    monkeypatch.setattr(connect, "connect_shop", connect_shop)
    options = ("--store", "second", "--url", "https://b.example.com", "--dry-run", "--repair", "--new-secret")
    assert command("connect", *options) == (0 if well else 1)
    command("connect")
    full = ConnectOptions(store="second", url="https://b.example.com", dry_run=True, repair=True, new_secret=True)
    assert asked == [full, ConnectOptions(store="default")]


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The orders that were placed. Placing succeeds for the store `default` only."""
    placed: list[Any] = []

    def place(asked: Any, plan: SmokePlan) -> bool:
        placed.append((asked, plan))
        return bool(asked.store == "default")

    monkeypatch.setattr(smoke, "prepare", lambda _: SmokePlan({}, "A test order will be placed."))
    monkeypatch.setattr(smoke, "place", place)
    return placed


def test_smoke_asks_first(
    command: Run, placed: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert command("smoke") == 1
    assert placed == []
    assert "A test order will be placed. Continue?" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert command("smoke") == 0
    assert len(placed) == 1


def test_smoke_hands_its_options_on_and_ends_as_it_went(command: Run, placed: list[Any]) -> None:
    options = ("--store", "second", "--product", "7", "--sku", "S", "--email", "a@b.test", "--timeout", "5", "--keep")
    assert command("smoke", *options, "-y") == 1
    ((asked, _),) = placed
    assert asked == smoke.SmokeOptions(store="second", product=7, sku="S", email="a@b.test", keep=True, timeout=5)


def test_what_is_not_set_is_said_by_either(command: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("connect") == 1
    assert "BRIDGE_WEBHOOK_SECRET is missing" in capsys.readouterr().out
    assert command("smoke", "--yes") == 2
    assert "BRIDGE_WEBHOOK_SECRET is missing" in capsys.readouterr().err


async def test_a_person_who_presses_ctrl_c_leaves_no_order_behind(scene: Scene) -> None:
    await scene.map(woo_product_id=13)  # without a webhook the command waits until the signal
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "panelr_bridge", "smoke", "--yes"),
        env=os.environ | {"COLUMNS": "300"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while b"is placed in the shop" not in await process.stdout.readline():
            assert process.returncode is None
        process.send_signal(signal.SIGINT)
        rest = (await process.communicate())[0].decode()
    assert "is deleted from the shop" in rest
    assert "Traceback" not in rest
    assert process.returncode not in {0, None}
    assert scene.shop.orders == {}


async def test_the_webhook_monitor_of_a_server_checks_the_shop(scene: Scene) -> None:
    """It uses the shop's client and the store's delivery URL."""
    await scene.runtime.webhook_monitor.check_due_shops()
    async with httpx.AsyncClient(base_url=scene.url, trust_env=False) as client:
        answer = await client.get("/readyz")
    check = answer.json()["checks"]["webhooks:default"]
    assert answer.status_code == 200
    assert check["ok"] is False
    assert "order.created: there is no webhook to the bridge" in check["words"]
