"""Finds the choices of product add-ons in orders seen, to suggest a mapping with conditions for each. No I/O.

A choice is a combination of meta entries of a line: 12 months, 4 connections. What differs from customer to customer,
such as a device's address, is none.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from panelr_bridge.domain.mapping_choice import shown_meta
from panelr_bridge.domain.mapping_conditions import Condition, Conditions, fold, order_conditions, read_meta
from panelr_bridge.domain.mapping_suggestion import ShopItem, names_plan
from panelr_bridge.domain.price_suffix import strip_price
from panelr_bridge.text_limits import CONDITION_KEY, CONDITION_VALUE
from panelr_bridge.woocommerce.order_payload import LineItem

MOST_VALUES = 20
"""An entry with more values than this is no choice."""
MOST_ENTRIES = 30
"""How many entries of a line are considered."""
MOST_CHOICES = 200
"""How many choices of one product are suggested, the most frequent first."""
_PREFIX = re.compile(r"(?:attribute_)?pa_")
_CONNECTION_KEY = re.compile(r"connection|screen|device|stream|user")
_MONTHS_KEY = re.compile(r"month|duration|length|period")
_NUMBER = re.compile(r"\d{1,3}")

Entries = dict[str, str]
"""A line's entries by key, both in their plain form."""


def find_choices(lines: Iterable[LineItem]) -> list[ShopItem]:
    """Return an item for each choice of each product in `lines` whose choices differ."""
    by_product: dict[tuple[int, int], list[LineItem]] = defaultdict(list)
    for line in lines:
        if line.product_id:
            by_product[line.product_id, line.variation_id].append(line)
    return [item for seen in by_product.values() for item in _find_items(seen)]


def _find_items(lines: list[LineItem]) -> list[ShopItem]:
    """Return the choices of one product."""
    entries = [_read_entries(line) for line in lines]
    keys = _find_keys(entries, priced=_find_priced(lines))
    choices = Counter(tuple(sorted((key, each[key]) for key in keys if key in each)) for each in entries)
    first = lines[0]
    return [
        ShopItem(
            product_id=first.product_id,
            variation_id=first.variation_id or None,
            name=first.name[:CONDITION_VALUE],
            sku=first.sku[:CONDITION_VALUE],
            price=None,
            conditions=conditions,
            choice=" ".join(_plan_words(each.key, each.value or "") for each in conditions),
        )
        for choice, _ in choices.most_common(MOST_CHOICES)
        if (conditions := _as_conditions(dict(choice)))
    ]


def _read_entries(line: LineItem) -> Entries:
    """Return a line's entries that a condition could ask for; those of attributes belong to the variation."""
    shown = [(strip_price(fold(key)), strip_price(fold(value))) for key, value in shown_meta(line)[:MOST_ENTRIES]]
    meta = read_meta(line.meta_data, {key for key, _ in shown})
    return {
        key: value
        for key, value in shown
        if value in meta.get(key, ()) and len(key) <= CONDITION_KEY and len(value) <= CONDITION_VALUE
        if not (line.variation_id and _PREFIX.match(key))
    }


def _find_priced(lines: Iterable[LineItem]) -> set[str]:
    """Return the keys that have a price in some line: those of add-ons that cost something."""
    folded = {fold(key) for line in lines for key, _ in shown_meta(line)}
    return {strip_price(key) for key in folded if strip_price(key) != key.rstrip(" :")}


def _find_keys(entries: list[Entries], *, priced: set[str]) -> set[str]:
    """Return the keys that make up a choice; none if no key differs or has a price."""
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for each in entries:
        for key, value in each.items():
            values[key][value] += 1
    few = {key: counts for key, counts in values.items() if len(counts) <= MOST_VALUES}
    plan = {key for key, counts in few.items() if all(names_plan(_plan_words(key, value)) for value in counts)}
    repeated = {key for key, counts in few.items() if 2 <= len(counts) <= counts.total() / 2}
    chosen = plan | repeated
    differs = any(len(few[key]) > 1 or few[key].total() < len(entries) for key in chosen)
    return chosen if differs or chosen & priced else set()


def _as_conditions(choice: Mapping[str, str]) -> Conditions:
    """Return the conditions of a choice; none if they are too many or too long for a mapping."""
    try:
        return order_conditions(Condition(key=key, value=value) for key, value in choice.items())
    except ValueError:
        return ()


def _plan_words(key: str, value: str) -> str:
    """Return an entry in the words of product names: a number alone gets its unit from the key."""
    if not _NUMBER.fullmatch(value):
        return value
    if _CONNECTION_KEY.search(key):
        return f"{value} connections"
    if _MONTHS_KEY.search(key):
        return f"{value} months"
    return f"{value} {key}"
