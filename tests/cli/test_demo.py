"""`make demo`: it runs to its end, prints only what it has checked, and explains a failure in words."""

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
LONGEST = 110
PANELR_MAKES_TWO = """
from panelr_bridge import cli
from panelr_bridge.simulators.panelr import Panel
create = Panel.create
Panel.create = lambda self, new: (create(self, new), create(self, new))[1]
cli.app(["demo"])
"""
HEARS_CTRL_C = """
import signal
from panelr_bridge import cli
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.app(["demo"])
"""
"""A shell makes background processes ignore SIGINT, and the tests may run in one."""


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a terminal of 80 columns, with its own folder for temporary files."""
    (folder / "tmp").mkdir()
    return dict(os.environ) | {"TMPDIR": str(folder / "tmp"), "COLUMNS": "80"} | more


def _run(command: tuple[str, ...], folder: Path, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LONGEST,
        check=False,
        encoding="utf-8",
    )
    assert list((folder / "tmp").iterdir()) == [], "files were left behind"
    story = done.stdout.partition("The last lines of the bridge's log")[0]
    assert "\x1b" not in story, "there are colours without a terminal"
    assert [line for line in story.splitlines() if len(line) > 80 or line != line.rstrip()] == []
    return done.returncode, done.stdout


def _with_settings(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Change settings of the demo's bridge."""
    serving = stage.run_server

    def changed(given: Mapping[str, str], **more: Any) -> Any:
        return serving(dict(given) | settings, **more)

    monkeypatch.setattr(stage, "run_server", changed)


async def _play() -> tuple[bool, str]:
    out = Console(file=io.StringIO(), width=80)
    good = await demo.play(out)
    assert isinstance(out.file, io.StringIO)
    return good, out.file.getvalue()


def test_plays_to_its_end_whatever_the_settings_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BRIDGE_CREATE_ON=completed\nBRIDGE_WORKER=false\n")

    code, said = _run(DEMO, tmp_path, BRIDGE_WEBHOOK_SECRET="of-another-shop", BRIDGE_UNMAPPED_LINES="skip")

    assert code == 0, said
    assert "✘" not in said
    assert [line[0] for line in said.splitlines() if "──" in line and line[0].isdigit()] == list("1234567")
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
        assert line in said, said
    assert re.search(r"orders and their work orders +│ +5 │ +5 │ +5 │", said)
    assert re.search(r"webhook deliveries +│ +50 │ +50 │", said)


def test_a_second_work_order_fails_it(tmp_path: Path) -> None:
    code, said = _run((sys.executable, "-c", PANELR_MAKES_TWO), tmp_path)

    assert code == 1
    assert "✘ check failed: Panelr has exactly one work order for it" in said
    assert "work orders in Panelr: expected 1, actual 2" in said
    assert re.search(r"duplicate work orders +│ +│ +│ +1 │", said)
    assert "call.finished" in said, "the bridge's log is not shown"
    assert "The demo succeeded" not in said


async def test_a_bridge_that_does_not_start_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_settings(monkeypatch, ADMIN_TOKEN="change-me")

    good, said = await _play()

    assert not good
    assert "✘ the bridge ended while it started, with exit code 2" in said
    assert "BRIDGE_ADMIN_TOKEN is a placeholder" in said


async def test_webhooks_that_are_turned_away_fail_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_settings(monkeypatch, WEBHOOK_SECRET="another-secret-than-the-shops")

    good, said = await _play()

    assert not good
    assert "order.updated → 401" in said
    assert "✘ the webhooks of order 20 should be answered 2xx" in said
    assert re.search(r"lost orders +│ +│ +│ +1 │", said)


async def test_what_does_not_happen_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_settings(monkeypatch, GRACE_SECONDS="60")
    monkeypatch.setattr(stage, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(demo, "SCENES", (order_scenes.set_up, failure_scenes.answer_lost))

    good, said = await _play()

    assert not good
    assert "✘ order 20 should be created within 1 s" in said
    assert "it is unconfirmed after 1 attempts" in said


async def test_the_whole_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TIME_LIMIT_SECONDS", 0.2)

    good, said = await _play()

    assert not good
    assert "✘ the demo did not end within 0.2 s" in said


@pytest.mark.parametrize("sent", [signal.SIGINT])
def test_leaves_nothing_behind_when_a_signal_stops_it(sent: signal.Signals, tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    playing = subprocess.Popen(
        (sys.executable, "-c", HEARS_CTRL_C),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    with playing:
        assert playing.stdout is not None
        said = ""
        while "2  A paid order" not in said:
            line = playing.stdout.readline()
            assert line, said
            said += line
        playing.send_signal(sent)
        said += playing.stdout.read()

    assert playing.returncode not in {0, None}
    assert "Traceback" not in said
    assert list((tmp_path / "tmp").iterdir()) == []
    found = re.search(r"bridge +http://127\.0\.0\.1:(\d+)", said)
    assert found is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0, "the bridge still listens"
