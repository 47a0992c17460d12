"""The documents say what the program does: settings, states, reasons, log events, commands, links."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from panelr_bridge.cli import COMMANDS
from panelr_bridge.domain.models import OrderState
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings import PREFIX, Settings, StoreSettings, load_settings, require_ready
from tests.support.files import ROOT

README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
SOURCES = [path for path in (ROOT / "src/panelr_bridge").rglob("*.py") if "simulators" not in path.parts]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REQUIRED = {"webhook_secret", "admin_token", "panelr_url", "panelr_api_key"}


def shown(value: Any) -> str:
    """A default as it is written in the environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return ",".join(sorted(value, key=("on-hold", "processing", "completed").index))
    if isinstance(value, tuple):
        return ",".join(f"{each:g}" for each in value)
    return "" if value is None or isinstance(value, dict) else str(value)


def default(name: str) -> str:
    """A setting's default; of those that hold a table it is what they add to it: nothing."""
    field = Settings.model_fields[name]
    return "" if field.default_factory is not None else shown(field.default)


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "stores"])
def test_the_example_file_shows_every_setting_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    variable = re.escape(PREFIX + name.upper())
    found = re.findall(rf"^# (.+)\n(?:# Make one with.*\n)?(# )?{variable}=(.*)$", EXAMPLE, re.MULTILINE)
    assert len(found) == 1
    words, comment, value = found[0]
    assert words == field.description
    assert (comment == "") is (name in REQUIRED)
    if name not in REQUIRED:
        assert value == default(name)


def test_the_example_file_knows_no_other_setting() -> None:
    named = set(re.findall(rf"^(?:# )?{PREFIX}(\w+)=", EXAMPLE, re.MULTILINE))
    stores = {f"STORES__second__{name.upper()}" for name in StoreSettings.model_fields}
    assert named == {name.upper() for name in Settings.model_fields if name != "stores"} | stores


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_readme_tells_every_setting_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    value = default(name)
    cell = "" if name in REQUIRED else (f"`{value}`" if value else "(none)")
    row = f"| `{PREFIX}{name.upper()}` | {cell} | {field.description} |".replace("|  |", "| |")
    assert row in README


def test_the_example_file_can_be_read_and_only_its_placeholders_are_wrong(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE)
    with pytest.raises(ConfigurationError) as caught:
        require_ready(load_settings(copy))
    named = {re.match(rf"{PREFIX}(\w+)", problem)[1].lower() for problem in caught.value.problems}  # type: ignore[index]
    assert named == REQUIRED
    assert all("is a placeholder" in problem for problem in caught.value.problems)


@pytest.mark.parametrize("state", OrderState)
def test_every_state_is_explained_in_the_readme_and_in_its_own_chapter(state: OrderState) -> None:
    assert f"| `{state}` | " in README
    assert f"## {state}\n" in (ROOT / "docs/states.md").read_text()


def test_every_reason_is_explained_and_no_other_is() -> None:
    written = "\n".join(path.read_text() for path in SOURCES if path.parts[-2] != "web")
    calls = r'(?:Reason\(|_reason\(|"code": |_undecided\(report, |_tell\(connection, row, )\s*"([a-z_]+)"'
    codes = set(re.findall(calls, written)) | {"misconfigured", "throttled", "not_sent"}  # outcomes that are reasons
    explained = set(re.findall(r"^\| `([a-z_]+)`(?:, `([a-z_]+)`)? \|", (ROOT / "docs/states.md").read_text(), re.M))
    assert codes == {code for pair in explained for code in pair if code}


def test_every_log_event_is_explained() -> None:
    written = "\n".join(path.read_text() for path in SOURCES)
    events = set(re.findall(r'\blog\.(?:info|warning|error|exception)\(\s*"([a-z_.]+)"', written))
    operating = (ROOT / "docs/operating.md").read_text()
    assert {event for event in events if f"`{event}`" not in operating} == set()


def test_every_command_is_named_in_the_readme() -> None:
    chapter = README.partition("## Commands")[2].partition("\n## ")[0]
    assert {name for name in COMMANDS if not re.search(rf"[` ]{name}\b", chapter)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []
