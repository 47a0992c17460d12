"""Read the settings from the environment and `.env`."""

import difflib
import os
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import SettingsError

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings.model import PREFIX, Settings


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings.

    Raises ConfigurationError with one sentence for each value that has the wrong form.
    """
    try:
        return Settings(_env_file=env_file, _env_file_encoding="utf-8")
    except ValidationError as error:
        problems = {_setting_name(each): each["msg"] for each in reversed(error.errors())}  # the first of each setting
        raise ConfigurationError([f"{name}: {words}" for name, words in reversed(problems.items())]) from None
    except SettingsError:  # its own message may contain the value
        words = "set each setting of a store under its own name, for example"
        raise ConfigurationError([f"{PREFIX}STORES: {words} {PREFIX}STORES__second__WEBHOOK_SECRET"]) from None


def find_unknown_settings(env_file: Path | None = Path(".env")) -> list[str]:
    """Return one sentence for each name that has the prefix but is not a setting: usually a spelling mistake."""
    given = {*os.environ, *(dotenv_values(env_file) if env_file is not None else {})}
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in map(str.upper, given) if name.startswith(PREFIX) and name not in settings)
    return [
        f"{name} is not a setting and has no effect{_suggest_setting(name, settings)}"
        for name in unknown
        if not name.startswith(f"{PREFIX}STORES__")
    ]


def _suggest_setting(name: str, settings: set[str]) -> str:
    similar = difflib.get_close_matches(name, settings, n=1)
    return f": did you mean {similar[0]}?" if similar else ""


def _setting_name(problem: Any) -> str:
    """Return the setting of a validation problem, without its value: the value may be a secret."""
    return PREFIX + "__".join(str(part).upper() for part in problem["loc"] if not isinstance(part, int))
