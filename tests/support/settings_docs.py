"""The settings as `.env.example` and docs/settings.md must show them.

`python -m tests.support.settings_docs` copies the descriptions and defaults of the settings model into both files.
"""

import re
from typing import Any

from pydantic import SecretStr

from panelr_bridge.settings import PREFIX, Settings
from tests.support.files import ROOT

EXAMPLE = ROOT / ".env.example"
PAGE = ROOT / "docs/settings.md"
REQUIRED = frozenset({"webhook_secret", "admin_token", "panelr_url", "panelr_api_key"})
CREATE_ON_ORDER = ("on-hold", "processing", "completed")


def default_of(name: str) -> str:
    """Return a setting's default as it is written in the environment, "" if it has none."""
    field = Settings.model_fields[name]
    return "" if field.default_factory is not None else _environment_value(field.default)


def description_of(name: str) -> str:
    """Return what a setting means, in the words of the model."""
    description = Settings.model_fields[name].description
    assert description is not None, name
    return description


def table_row(name: str) -> str:
    """Return a setting's row in the tables of docs/settings.md."""
    value = default_of(name)
    cell = "(required)" if name in REQUIRED else (f"`{value}`" if value else "(none)")
    return f"| `{PREFIX}{name.upper()}` | {cell} | {description_of(name)} |"


def _environment_value(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return ",".join(sorted(value, key=CREATE_ON_ORDER.index))
    if isinstance(value, tuple):
        return ",".join(f"{each:g}" for each in value)
    return "" if value is None or isinstance(value, dict) else str(value)


def _update() -> None:
    example, page = EXAMPLE.read_text(), PAGE.read_text()
    for name in Settings.model_fields:
        variable, words = PREFIX + name.upper(), description_of(name)
        row = table_row(name)
        page = re.sub(rf"^\| `{variable}` \|.*$", lambda _, row=row: row, page, flags=re.MULTILINE)  # type: ignore[misc]
        above = rf"^# .*(\n(?:# Make one with.*\n)?(?:# )?{variable}=)"
        example = re.sub(above, lambda found, words=words: f"# {words}{found[1]}", example, flags=re.MULTILINE)  # type: ignore[misc]
    EXAMPLE.write_text(re.sub(r"^# More stores: .*$", f"# {description_of('stores')}", example, flags=re.MULTILINE))
    PAGE.write_text(page)


if __name__ == "__main__":
    _update()
