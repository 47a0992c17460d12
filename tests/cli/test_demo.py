"""`make demo`: it runs to its end, prints only checked results, and explains a failure."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from panelr_bridge import demo
from panelr_bridge.demo import failure_scenes, order_scenes, stage

DEMO = (sys.executable, "-m", "panelr_bridge", "demo")
TIMEOUT_SECONDS = 110
PANELR_MAKES_TWO = """
from panelr_bridge import cli
from panelr_bridge.simulators.panelr import Panel
create = Panel.create
Panel.create = lambda self, new: (create(self, new), create(self, new))[1]
cli.app(["demo"])
"""
WITH_CTRL_C = """
import signal
from panelr_bridge import cli
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.app(["demo"])
"""
"""A shell makes background processes ignore SIGINT, and the tests may run in one."""


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a terminal with 80 columns, and with its own temporary folder."""
    (folder / "tmp").mkdir()
    return dict(os.environ) | {"TMPDIR": str(folder / "tmp"), "COLUMNS": "80"} | more


def _run(command: tuple[str, ...], folder: Path, **more: str) -> tuple[int, str]:
    completed = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
        check=False,
        encoding="utf-8",
    )
    assert list((folder / "tmp").iterdir()) == [], "temporary files remain"
    shown = completed.stdout.partition("The last lines of the bridge's log")[0]
    assert "\x1b" not in shown, "colours without a terminal"
    assert [line for line in shown.splitlines() if len(line) > 80 or line != line.rstrip()] == []
    return completed.returncode, completed.stdout


def _with_settings(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Start the demo's bridge with other settings."""
    run_server = stage.run_server

    def run_changed(given: Mapping[str, str], **more: Any) -> Any:
        return run_server(dict(given) | settings, **more)

    monkeypatch.setattr(stage, "run_server", run_changed)


async def _play() -> tuple[bool, str]:
    out = Console(file=io.StringIO(), width=80)
    succeeded = await demo.play(out)
    assert isinstance(out.file, io.StringIO)
    return succeeded, out.file.getvalue()


def test_demo_succeeds_with_any_settings_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BRIDGE_CREATE_ON=completed\nBRIDGE_WORKER=false\n")

    code, output = _run(DEMO, tmp_path, BRIDGE_WEBHOOK_SECRET="of-another-shop", BRIDGE_UNMAPPED_LINES="skip")

    assert code == 0, output
    assert "✘" not in output
    assert [line[0] for line in output.splitlines() if "──" in line and line[0].isdigit()] == list("12345678")
    for line in (
        "order.updated → 200 created, order.created → 200 created",
        "IPTV-12M × 1 → Panelr product 2 (IPTV 12 Months), new_activation",  # noqa: RUF001  as the demo prints it
        "order 20 is created as WO-",
        "A copy with a forged price is answered 401, and nothing is stored.",
        "Panel Credits 1000: no mapping for product 12, SKU PANEL-1000",
        "The order continued automatically: no restart, no new webhook.",
        "42 deliveries led to one create call and one work order.",
        "create_work_order → unknown, then look_up → done",
        "create_work_order → not_sent, not_sent, done",
        "Every order became exactly one work order. No duplicates, no losses.",
        "The demo succeeded",
    ):
        assert line in output, output
    assert re.search(r"orders and their work orders +│ +6 │ +6 │ +6 │", output)
    assert re.search(r"webhook deliveries +│ +52 │ +52 │", output)


def test_a_duplicate_work_order_fails_the_demo(tmp_path: Path) -> None:
    code, output = _run((sys.executable, "-c", PANELR_MAKES_TWO), tmp_path)

    assert code == 1
    assert "✘ check failed: Panelr has exactly one work order for it" in output
    assert "work orders in Panelr: expected 1, actual 2" in output
    assert re.search(r"duplicate work orders +│ +│ +│ +1 │", output)
    assert "call.finished" in output, "the bridge's log is not shown"
    assert "The demo succeeded" not in output


async def test_a_bridge_that_does_not_start_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_settings(monkeypatch, ADMIN_TOKEN="change-me")

    succeeded, output = await _play()

    assert not succeeded
    assert "✘ the bridge ended while it started, with exit code 2" in output
    assert "BRIDGE_ADMIN_TOKEN is a placeholder" in output


async def test_rejected_webhooks_fail_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_settings(monkeypatch, WEBHOOK_SECRET="another-secret-than-the-shops")

    succeeded, output = await _play()

    assert not succeeded
    assert "order.updated → 401" in output
    assert "✘ the webhooks of order 20 should be answered 2xx" in output
    assert re.search(r"lost orders +│ +│ +│ +1 │", output)


async def test_a_missing_result_ends_in_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_settings(monkeypatch, GRACE_SECONDS="60")
    monkeypatch.setattr(stage, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(demo, "SCENES", (order_scenes.set_up, failure_scenes.answer_lost))

    succeeded, output = await _play()

    assert not succeeded
    assert "✘ order 20 should be created within 1 s" in output
    assert "it is unconfirmed after 1 attempts" in output


async def test_the_demo_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TIME_LIMIT_SECONDS", 0.2)

    succeeded, output = await _play()

    assert not succeeded
    assert "✘ the demo did not end within 0.2 s" in output


@pytest.mark.parametrize("signal_number", [signal.SIGINT])
def test_a_stopped_demo_leaves_nothing_behind(signal_number: signal.Signals, tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    process = subprocess.Popen(
        (sys.executable, "-c", WITH_CTRL_C),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    with process:
        assert process.stdout is not None
        output = ""
        while "2  A paid order" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
        process.send_signal(signal_number)
        output += process.stdout.read()

    assert process.returncode not in {0, None}
    assert "Traceback" not in output
    assert list((tmp_path / "tmp").iterdir()) == []
    found = re.search(r"bridge +http://127\.0\.0\.1:(\d+)", output)
    assert found is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0, "the bridge still listens"
