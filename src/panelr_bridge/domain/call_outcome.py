"""What became of one call to Panelr: six outcomes, told apart by type, and nothing in between.

The line that matters runs between "nothing reached Panelr" and "something may have": only the first is ever
sent again without a look-up. The table is docs/reliability.md's; `panelr/answer.py` draws the line for answers,
`panelr/client.py` for connections.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """Words for a person, and the HTTP status where there was one."""

    words: str
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(_Outcome):
    """Panelr did it; `data` is the envelope's data."""

    data: Any = field(repr=False)  # holds the confirmation token


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Outcome):
    """Panelr read the request and said no. Nothing was created; asking again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconfigured(_Outcome):
    """The key, the address or the certificate is wrong: stays owed, is tried slowly, and the operator is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(_Outcome):
    """Panelr asks for a pause; `retry_after` in seconds where it said how long."""

    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent(_Outcome):
    """It is positively known that no byte of the request left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(_Outcome):
    """Panelr may or may not have it. Never sent again before a look-up."""


Outcome = Done | Refused | Misconfigured | Throttled | NotSent | Unknown


def name(outcome: Outcome) -> str:
    """Return the outcome's stable name, as attempts and logs carry it."""
    return _NAMES[type(outcome)]


_NAMES: dict[type[Outcome], str] = {
    Done: "done",
    Refused: "refused",
    Misconfigured: "misconfigured",
    Throttled: "throttled",
    NotSent: "not_sent",
    Unknown: "unknown",
}
