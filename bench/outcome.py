"""The results of a part: tables, goals, figures for JSON, and pictures. Errors are in `BenchRun.problems`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, with the lowest and the highest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Return the spread of one or more `figures`."""
        return cls(median(figures), min(figures), max(figures))

    def __str__(self) -> str:
        """Return `median (lowest-highest)`."""
        if self.low == self.high:
            return format_figure(self.middle)
        return f"{format_figure(self.middle)} ({format_figure(self.low)}-{format_figure(self.high)})"


@dataclass(frozen=True, slots=True)
class Goal:
    """A minimum or maximum for a figure. A missed goal does not fail the run."""

    words: str
    database: str
    found: Spread
    wanted: float
    at_least: bool = False
    aim: float | None = None

    @property
    def met(self) -> bool:
        """Return whether the median meets the goal."""
        return self.found.middle >= self.wanted if self.at_least else self.found.middle <= self.wanted

    @property
    def terms(self) -> str:
        """Return the goal's condition for tables."""
        sign = ">=" if self.at_least else "<="
        return f"{sign} {format_figure(self.wanted)}" + (
            f", aim {format_figure(self.aim)}" if self.aim is not None else ""
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of texts."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


Picture = Callable[[Path], Path]
"""Draws a picture into a folder and returns the file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of one part."""

    sheets: list[Sheet] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)


def format_figure(figure: float) -> str:
    """Return a figure with three significant digits."""
    return f"{figure:.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
