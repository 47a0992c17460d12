"""Whether every order became exactly one work order, in words where it did not."""

import time
from collections.abc import Iterable, Mapping

from bench.databases import states
from bench.load import Report
from bench.panelr import Panelr

PATIENCE = 30.0
"""An order that is answered 202 is finished by the worker soon after."""
SHOWN = 10


def check(report: Report, panelr: Panelr, database_url: str, *, patience: float = PATIENCE) -> list[str]:
    """Return what is wrong with the orders that `report` told, once none is under way or `patience` is over."""
    sent = {each.number for each in report.answers}
    end = time.monotonic() + patience
    known = states(database_url)
    while any(known.get(number) != "created" for number in sent) and time.monotonic() < end:
        time.sleep(0.2)
        known = states(database_url)
    refused = [f"order {each.number} was answered {each.status}" for each in report.answers if each.status // 100 != 2]
    return shortened(refused + wrong(sent, panelr.counts().created, known))


def wrong(sent: Iterable[int], made: Mapping[int, int], known: Mapping[int, str]) -> list[str]:
    """Say which of the orders `sent` are missing or doubled.

    `made` is how many work orders Panelr has for each order, `known` the state of each in the database.
    """
    problems = []
    for number in sorted(sent):
        count, state = made.get(number, 0), known.get(number)
        if count != 1:
            problems.append(f"order {number} is {'missing' if count == 0 else 'doubled'}: {count} work orders")
        if state != "created":
            problems.append(f"order {number} is {state or 'not there'} in the database")
    return problems


def strangers(sent: Iterable[int], made: Mapping[int, int]) -> list[str]:
    """Say which work orders were made for orders that nobody sent."""
    return shortened([f"a work order for {number}, which was never sent" for number in sorted(made.keys() - set(sent))])


def shortened(problems: list[str]) -> list[str]:
    """Return the first problems, and how many more there are."""
    rest = len(problems) - SHOWN
    return problems[:SHOWN] + ([f"... and {rest} more like these"] if rest > 0 else [])
