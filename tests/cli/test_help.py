"""`--help` and `--version`: what they print, and that they load no command."""

import subprocess
import sys

import pytest

from panelr_bridge import __version__, cli

SLOW_MODULES = ("pydantic", "sqlalchemy", "httpx", "panelr_bridge.settings", "panelr_bridge.cli.console")


def run_program(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["panelr-bridge", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_line_in_the_list_is_the_first_line_of_the_commands_own_help(name: str) -> None:
    assert cli.load_command(name).help.partition("\n")[0] == cli.COMMANDS[name]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(monkeypatch, name, "--help") == 0
    out = capsys.readouterr().out
    assert f"panelr-bridge {name}" in out
    assert "completion" not in out


def test_the_version_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"panelr-bridge {__version__}\n"


def test_a_spelling_mistake_gets_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch, "conect") == 2
    assert "'connect'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_no_command_is_loaded(option: str) -> None:
    code = (
        "import sys; from panelr_bridge import cli\n"
        f"try: cli.app([{option!r}])\n"
        f"except SystemExit: print('loaded:', [name for name in {SLOW_MODULES!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.splitlines()[-1] == "loaded: []"
