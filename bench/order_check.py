"""Whether every order became exactly one work order, in words where it did not."""

import time
from collections.abc import Iterable, Mapping

from bench.databases import read_states
from bench.load import LoadReport
from bench.panelr import PanelrProcess

PATIENCE = 30.0
"""An order that is answered 202 is finished by the worker soon after."""
SHOWN = 10


def check_orders(
    report: LoadReport, panelr: PanelrProcess, database_url: str, *, patience: float = PATIENCE
) -> list[str]:
    """Return what is wrong with the orders that `report` told, once none is under way or `patience` is over."""
    sent = {each.number for each in report.answers}
    end = time.monotonic() + patience
    known_states = read_states(database_url)
    while any(known_states.get(number) != "created" for number in sent) and time.monotonic() < end:
        time.sleep(0.2)
        known_states = read_states(database_url)
    failed = [f"order {each.number} was answered {each.status}" for each in report.answers if each.status // 100 != 2]
    return shorten(failed + find_wrong_orders(sent, panelr.counts().created, known_states))


def find_wrong_orders(
    sent: Iterable[int], work_orders: Mapping[int, int], known_states: Mapping[int, str]
) -> list[str]:
    """Say which of the orders `sent` are missing or doubled.

    `made` is how many work orders Panelr has for each order, `known` the state of each in the database.
    """
    problems = []
    for number in sorted(sent):
        count, state = work_orders.get(number, 0), known_states.get(number)
        if count != 1:
            problems.append(f"order {number} is {'missing' if count == 0 else 'doubled'}: {count} work orders")
        if state != "created":
            problems.append(f"order {number} is {state or 'not there'} in the database")
    return problems


def find_unknown_orders(sent: Iterable[int], work_orders: Mapping[int, int]) -> list[str]:
    """Say which work orders were made for orders that nobody sent."""
    return shorten(
        [f"a work order for {number}, which was never sent" for number in sorted(work_orders.keys() - set(sent))]
    )


def shorten(problems: list[str]) -> list[str]:
    """Return the first problems, and how many more there are."""
    remaining = len(problems) - SHOWN
    return problems[:SHOWN] + ([f"... and {remaining} more like these"] if remaining > 0 else [])
