"""Run commands as the installed program does, in an empty folder and with a Panelr that accepts the key."""

from collections.abc import Callable
from pathlib import Path

import pytest
import respx

from panelr_bridge import cli
from panelr_bridge.cli import console
from tests.support.bridge_kit import ADMIN_TOKEN, PANELR_KEY, SECRET

Run = Callable[..., tuple[int, str, str]]
PANELR = "http://panel.test"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in an empty folder; return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "COLUMNS": "200",
        "BRIDGE_WEBHOOK_SECRET": SECRET,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "BRIDGE_PANELR_URL": PANELR,
        "BRIDGE_PANELR_API_KEY": PANELR_KEY,
        "BRIDGE_DATABASE_URL": "sqlite:///data/bridge.db",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console.out, "width", 200)
    monkeypatch.setattr(console.err, "width", 200)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["panelr-bridge", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


def answers(mock: respx.MockRouter) -> None:
    """A Panelr that accepts the key."""
    methods = {"success": True, "data": [], "error": None}
    mock.get(f"{PANELR}/api/api.php").respond(200, json=methods)
    mock.head(f"{PANELR}/").respond(200)
