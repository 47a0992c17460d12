"""One run of several scenarios: its folder, its databases, and its progress messages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.databases import Databases


@dataclass(frozen=True)
class Run:
    """The parameters of every scenario."""

    folder: Path
    databases: Databases
    say: Callable[[str], None]

    def room(self, name: str) -> Path:
        """Make a folder for one stage's logs."""
        room = self.folder / re.sub(r"[^a-z0-9]+", "-", name.lower())
        room.mkdir(parents=True, exist_ok=True)
        return room

    def saying(self, head: str) -> Callable[[str], None]:
        """Return a `say` that begins every message with `head`."""
        return lambda words: self.say(f"{head}, {words}")
