"""One run of several scenarios: its folder, its databases, and where it says how far it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.databases import Databases


@dataclass(frozen=True)
class Run:
    """What every scenario is given."""

    folder: Path
    databases: Databases
    say: Callable[[str], None]

    def room(self, name: str) -> Path:
        """Make a folder for one stage's logs."""
        room = self.folder / re.sub(r"[^a-z0-9]+", "-", name.lower())
        room.mkdir(parents=True, exist_ok=True)
        return room

    def saying(self, head: str) -> Callable[[str], None]:
        """Return a `say` whose words come after `head`."""
        return lambda words: self.say(f"{head}, {words}")
