"""The result of a health check."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """The result of one check. While a `vital` check fails, the bridge cannot do its work.

    `details` are a few more lines for an operator; `/readyz` does not show them.
    """

    name: str
    ok: bool
    words: str
    vital: bool = True
    details: tuple[str, ...] = ()


def format_since(moment: datetime, *, now: datetime) -> str:
    """Return since when something has been so; with its date if that is not today's."""
    return f"{moment:%H:%M} UTC" if now - moment < DAY else f"{moment:%Y-%m-%d %H:%M} UTC"


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of a noun."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
