"""What a part of the benchmark came to: tables, goals, figures for JSON and pictures. What goes wrong is in `Bench`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, and the lowest and highest of them."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Return the spread of `figures`, of which there is at least one."""
        return cls(median(figures), min(figures), max(figures))

    def __str__(self) -> str:
        """Write it as `median (lowest-highest)`."""
        if self.low == self.high:
            return format_figure(self.middle)
        return f"{format_figure(self.middle)} ({format_figure(self.low)}-{format_figure(self.high)})"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that we want at least or at most; missing it fails nothing."""

    words: str
    database: str
    found: Spread
    wanted: float
    at_least: bool = False
    aim: float | None = None

    @property
    def met(self) -> bool:
        """Whether the median is as wanted."""
        return self.found.middle >= self.wanted if self.at_least else self.found.middle <= self.wanted

    @property
    def terms(self) -> str:
        """What is wanted, in a table."""
        sign = ">=" if self.at_least else "<="
        return f"{sign} {format_figure(self.wanted)}" + (
            f", aim {format_figure(self.aim)}" if self.aim is not None else ""
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of words."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


Picture = Callable[[Path], Path]
"""Draws itself into a folder and returns the file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one part came to."""

    sheets: list[Sheet] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)


def format_figure(figure: float) -> str:
    """Write a figure with three digits that mean something."""
    return f"{figure:.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
