"""The scenarios as data, with their amounts in a full and in a quick run."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.torture import faults, model, random_kills, rate, steps, storm, unplugged
from tests.torture.result import Result


@dataclass(frozen=True)
class Scenario:
    """One scenario; `play` is called with the amounts of `full` or of `quick`.

    A scenario that is `alone` measures time or stops the server, so no other may run at the same time.
    """

    name: str
    what: str
    play: Callable[..., Awaitable[list[Result]]]
    full: Mapping[str, Any]
    quick: Mapping[str, Any]
    alone: bool = False


SCENARIOS = (
    Scenario(
        "model", "the real core in any order of events", model.play, {"examples": 60}, {"examples": 5}, alone=True
    ),
    Scenario("steps", "killed at each step of an order's way", steps.play, {"points": None}, {"points": 2}),
    Scenario(
        "random",
        "killed at random under load",
        random_kills.play,
        {"sqlite": 160, "postgresql": 260},
        {"sqlite": 5, "postgresql": 8},
    ),
    Scenario(
        "storm", "everything at once", storm.play, {"orders": 40, "times": 40}, {"orders": 8, "times": 20}, alone=True
    ),
    Scenario(
        "rate",
        "more than a minute allows",
        rate.play,
        {"limit": 60, "orders": 120},
        {"limit": 60, "orders": 60},
        alone=True,
    ),
    Scenario("faults", "a Panelr that misbehaves", faults.play, {"kills": 40}, {"kills": 4}),
    Scenario("unplugged", "the database goes away", unplugged.play, {"times": 8}, {"times": 1}, alone=True),
)
