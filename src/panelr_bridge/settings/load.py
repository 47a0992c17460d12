"""Reads the settings from the environment and `.env`."""

import difflib
import os
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import SettingsError

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings.model import PREFIX, Settings


def load(env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings; raises ConfigurationError with one sentence for each value that cannot be read."""
    try:
        return Settings(_env_file=env_file, _env_file_encoding="utf-8")
    except ValidationError as error:
        problems = {_name(problem): problem["msg"] for problem in reversed(error.errors())}  # the first one of each
        raise ConfigurationError([f"{name}: {words}" for name, words in reversed(problems.items())]) from None
    except SettingsError:  # its words may hold the value
        words = "give each store's settings a name of its own, such as"
        raise ConfigurationError([f"{PREFIX}STORES: {words} {PREFIX}STORES__second__WEBHOOK_SECRET"]) from None


def strangers(env_file: Path | None = Path(".env")) -> list[str]:
    """Return a sentence for each name with the prefix that is no setting: most are misspelt, and have no effect."""
    given = {*os.environ, *(dotenv_values(env_file) if env_file is not None else {})}
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    strange = sorted(name for name in map(str.upper, given) if name.startswith(PREFIX) and name not in known)
    return [
        f"{name} is no setting{_meant(name, known)}" for name in strange if not name.startswith(f"{PREFIX}STORES__")
    ]


def _meant(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def _name(problem: Any) -> str:
    """Return the setting that a validation problem is about; its value stays out: it may be a secret."""
    return PREFIX + "__".join(str(part).upper() for part in problem["loc"] if not isinstance(part, int))
