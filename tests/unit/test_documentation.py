"""The documents agree with the program: settings, states, reasons, log events, commands, links."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from panelr_bridge import cli
from panelr_bridge.domain.models import OrderState
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings import PREFIX, Settings, StoreSettings, load_settings, require_ready
from tests.support.files import ROOT
from tests.support.settings_docs import EXAMPLE, PAGE, REQUIRED, default_of, description_of, table_row


def walk_commands(commands: Mapping[str, Any], words: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its words after the program's name."""
    for name, each in commands.items():
        if hasattr(each, "commands"):
            yield from walk_commands(each.commands, f"{words}{name} ")
        else:
            yield words + name, each


README = (ROOT / "README.md").read_text()
ROOMS = ("tests", "bench", "migrations", *(p.name for p in (ROOT / "src/panelr_bridge").iterdir() if p.is_dir()))
NAMES_REASON = re.compile(r"(?:reason|attention|undecided)\w*$", re.IGNORECASE)
"""The functions whose first text is a reason code."""
COMMANDS = list(walk_commands({name: cli.load_command(name) for name in cli.COMMANDS}))
STATES = (ROOT / "docs/states.md").read_text()
SOURCES = [path for path in (ROOT / "src/panelr_bridge").rglob("*.py") if "simulators" not in path.parts]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "stores"])
def test_the_example_file_shows_every_setting_with_its_default_and_meaning(name: str) -> None:
    variable = re.escape(PREFIX + name.upper())
    found = re.findall(rf"^# (.+)\n(?:# Make one with.*\n)?(# )?{variable}=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert len(found) == 1
    words, comment, value = found[0]
    assert words == description_of(name)
    assert (comment == "") is (name in REQUIRED)
    if name not in REQUIRED:
        assert value == default_of(name)


def test_the_example_file_has_no_other_setting() -> None:
    named = set(re.findall(rf"^(?:# )?{PREFIX}(\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    stores = {f"STORES__second__{name.upper()}" for name in StoreSettings.model_fields}
    assert named == {name.upper() for name in Settings.model_fields if name != "stores"} | stores


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_settings_page_shows_every_setting_with_its_default_and_meaning(name: str) -> None:
    assert PAGE.read_text().count(f"{table_row(name)}\n") == 1


def test_the_settings_page_has_no_other_setting() -> None:
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(name.upper() for name in Settings.model_fields)


def test_every_setting_that_a_document_names_exists() -> None:
    known = {name.upper() for name in Settings.model_fields}
    named = {name for path in DOCUMENTS for name in re.findall(rf"\b{PREFIX}([A-Z_]+[A-Z])\b(?!__)", path.read_text())}
    assert named <= known


def test_the_settings_page_shows_the_status_table() -> None:
    rows = re.findall(r"^\| ([a-z, -]+) \| ([a-z_]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {woo: panelr for both, panelr in rows for woo in both.split(", ")} == Settings().status_map


def test_the_example_file_can_be_read_and_only_its_placeholders_are_wrong(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text())
    with pytest.raises(ConfigurationError) as caught:
        require_ready(load_settings(copy))
    named = {re.match(rf"{PREFIX}(\w+)", problem)[1].lower() for problem in caught.value.problems}  # type: ignore[index]
    assert named == REQUIRED
    assert all("is a placeholder" in problem for problem in caught.value.problems)


@pytest.mark.parametrize("state", OrderState)
def test_every_state_is_explained_in_the_readme_and_in_its_own_chapter(state: OrderState) -> None:
    assert f"| `{state}` | " in README
    assert f"## {state}\n" in STATES


def test_every_reason_is_explained_and_no_other_is() -> None:
    codes = {code for path in SOURCES if path.parts[-2] != "web" for code in reason_codes(ast.parse(path.read_text()))}
    codes |= {"misconfigured", "blocked", "throttled", "not_sent"}  # outcomes that are reasons
    codes |= {"unreachable"}  # why the gate is closed
    explained = set(re.findall(r"^\| `([a-z_]+)`(?:, `([a-z_]+)`)? \|", STATES, re.MULTILINE))
    assert codes == {code for pair in explained for code in pair if code}


def reason_codes(module: ast.Module) -> Iterator[str]:
    """Yield the reason codes that a module gives to `Reason`, to its helpers, and to dictionaries with a "code"."""
    constants = {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    given: list[ast.expr | None] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and NAMES_REASON.search(ast.unparse(node.func)):
            given.append(next((each for each in node.args if isinstance(each, ast.Constant)), None))
        if isinstance(node, ast.Dict):
            given += [value for key, value in zip(node.keys, node.values, strict=True) if is_text(key, "code")]
    for each in given:
        value = constants.get(each.id) if isinstance(each, ast.Name) else each
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def is_text(node: ast.expr | None, text: str) -> bool:
    """Return whether an expression is this text."""
    return isinstance(node, ast.Constant) and node.value == text


def test_every_log_event_is_explained() -> None:
    written = "\n".join(path.read_text() for path in SOURCES)
    events = set(re.findall(r'\blog\.(?:info|warning|error|exception)\(\s*"([a-z_.]+)"', written))
    operating = (ROOT / "docs/operating.md").read_text()
    assert {event for event in events if f"`{event}`" not in operating} == set()


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=lambda each: each if isinstance(each, str) else "")
def test_every_command_and_its_options_are_on_the_commands_page(words: str, command: Any) -> None:
    chapters = re.split(r"^## .*$", (ROOT / "docs/commands.md").read_text(), flags=re.MULTILINE)
    rows = [
        (row, chapter) for chapter in chapters for row in chapter.splitlines() if f"| `panelr-bridge {words}" in row
    ]
    assert len(rows) == 1
    row, chapter = rows[0]
    remarks = "\n".join(line for line in chapter.splitlines() if not line.startswith("|"))  # what holds for all rows
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("--")}
    if not words.startswith("simulate "):  # their options are for developers: --help shows them
        assert {name for name in options - {"--help"} if f"`{name}" not in row + remarks} == set()


def test_the_commands_page_has_no_other_command() -> None:
    rows = re.findall(r"^\| `panelr-bridge ([a-z -]+[a-z])", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(words for words, _ in COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_heading_finds_it(document: Path) -> None:
    targets = re.findall(r"\]\(([^):#]*)#([^)]+)\)", document.read_text())
    missing = [
        (file, anchor)
        for file, anchor in targets
        if anchor not in anchors_of(document.parent / file if file else document)
    ]
    assert missing == []


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that a hosting platform gives to the headings of a Markdown document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(rf"`((?:src|{'|'.join(ROOMS)})(?:/[a-z0-9_*.-]+)*(?:/|\.py|/[a-z0-9_]+))`", document.read_text())
    assert {
        name for name in named if not any(exists(base, name) for base in (ROOT, ROOT / "src/panelr_bridge"))
    } == set()


def exists(base: Path, name: str) -> bool:
    """Return whether a path, which may be a pattern or a module without its ending, names something below `base`."""
    return any(True for _ in base.glob(name.rstrip("/"))) or (base / f"{name}.py").exists()
