"""Check that every order became exactly one work order, and describe errors."""

import time
from collections.abc import Iterable, Mapping

from bench.databases import read_states
from bench.load import LoadReport
from bench.panelr import PanelrProcess

PATIENCE = 30.0
"""The worker finishes an order that was answered 202 soon afterwards."""
SHOWN = 10


def check_orders(
    report: LoadReport, panelr: PanelrProcess, database_url: str, *, patience: float = PATIENCE
) -> list[str]:
    """Wait until all orders of `report` are created, at most `patience` seconds; return the problems."""
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
    """Return the orders of `sent` that are missing or duplicated.

    `work_orders` is the number of work orders for each order in Panelr, `known_states` each order's state in the
    database.
    """
    problems = []
    for number in sorted(sent):
        count, state = work_orders.get(number, 0), known_states.get(number)
        if count != 1:
            problems.append(f"order {number} is {'missing' if count == 0 else 'duplicated'}: {count} work orders")
        if state != "created":
            problems.append(f"order {number} is {state or 'missing'} in the database")
    return problems


def find_unknown_orders(sent: Iterable[int], work_orders: Mapping[int, int]) -> list[str]:
    """Return the work orders for orders that were not sent."""
    return shorten(
        [
            f"work order for order {number}, but that order was not sent"
            for number in sorted(work_orders.keys() - set(sent))
        ]
    )


def shorten(problems: list[str]) -> list[str]:
    """Return the first problems, and the number of further ones."""
    remaining = len(problems) - SHOWN
    return problems[:SHOWN] + ([f"... and {remaining} more"] if remaining > 0 else [])
