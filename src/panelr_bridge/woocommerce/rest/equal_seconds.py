"""Finds the orders of one second that a list without a tie-break left out. Pure but for the reads of the list.

An Orders resource sorts by the second of the modification alone. Orders of one second may come in another order on each
page, so two pages that share a second can show one order twice and another never. How many places a second takes in the
list is certain, and a page that holds all of them shows each order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from panelr_bridge.json_codec import read_time
from panelr_bridge.woocommerce.rest.models import Payload, UnreadOrder
from panelr_bridge.woocommerce.rest.read_range import ListRange, OrdersList, read_range
from panelr_bridge.woocommerce.rest.wc_v3 import usable_id

OTHER_LENGTHS = (100, 97, 89, 83, 79, 73, 71, 67)
"""Lengths of pages by which a second of many orders is read again: their pages begin elsewhere."""


@dataclass(slots=True)
class EqualSecond:
    """The places of one second in the list, from `start` on, and the ids that were seen there."""

    moment: datetime
    start: int
    places: int = 0
    ids: set[int] = field(default_factory=set)

    @property
    def is_incomplete(self) -> bool:
        """Whether the second has more places than orders that were seen."""
        return len(self.ids) < self.places

    def add(self, order: Payload) -> None:
        """Add a place; an order without an id counts as seen."""
        self.places += 1
        self.ids.add(usable_id(order.get("id")) or -self.places)


class EqualSeconds:
    """Watches the pages of a list for seconds that go on from one page to the next. It keeps only the last second."""

    def __init__(self) -> None:
        self._last: EqualSecond | None = None

    def forget(self) -> None:
        """Forget the last second: the list is read again from an earlier page on."""
        self._last = None

    def add_page(self, found: ListRange, *, start: int) -> list[EqualSecond]:
        """Add the next page, from the place `start` on; return the seconds that ended in it and are incomplete."""
        ended: list[EqualSecond] = []
        for place, entry in enumerate(found.entries, start):
            moment = _modified_at(entry)
            if self._last is None or moment != self._last.moment:
                ended += [self._last] if self._last is not None else []
                self._last = None if moment is None else EqualSecond(moment, place)
            if self._last is not None and isinstance(entry, dict):
                self._last.add(entry)
        return [second for second in ended if second.is_incomplete]

    def end(self) -> list[EqualSecond]:
        """Return the last second if it is incomplete: the list has ended."""
        return [self._last] if self._last is not None and self._last.is_incomplete else []


async def read_missing(orders: OrdersList, second: EqualSecond) -> list[Payload]:
    """Read a second's places again by pages of other lengths, until each of them has shown an order."""
    missing: list[Payload] = []
    for length in _lengths(second):
        for start in range(second.start - second.start % length, second.start + second.places, length):
            found = await read_range(orders, start, length)
            missing += _find_missing(second, found)
        if not second.is_incomplete:
            break
    return missing


def _find_missing(second: EqualSecond, found: ListRange) -> list[Payload]:
    """Return the orders of the second that it lacked, and add them to it."""
    missing = []
    for entry in found.entries:
        order_id = usable_id(entry.get("id")) if isinstance(entry, dict) else None
        if isinstance(entry, dict) and order_id not in {None, *second.ids} and _modified_at(entry) == second.moment:
            second.ids.add(order_id or 0)
            missing.append(entry)
    return missing


def _modified_at(entry: Payload | UnreadOrder) -> datetime | None:
    return read_time(entry.get("date_modified")) if isinstance(entry, dict) else None


def _lengths(second: EqualSecond) -> Iterator[int]:
    """Yield the longest page that holds the whole second, if there is one, then other lengths."""
    for length in range(OTHER_LENGTHS[0], second.places - 1, -1):
        if second.start % length + second.places <= length:
            yield length
            break
    yield from OTHER_LENGTHS
