"""Checks whether an object in the shop already is as a write would make it. No I/O."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from panelr_bridge.woocommerce.rest.sanitize import sanitize_text

CREATION_KEY = "panelr_bridge_key"
"""The meta key of an order created by this client; its random value identifies the order."""
LINE_LISTS = ("line_items", "fee_lines", "shipping_lines", "coupon_lines")
PAID = frozenset({"processing", "completed"})


def matches_changes(order: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Return whether `order` certainly has every value in `changes`."""
    return all(_has_value(order, name, wanted) for name, wanted in changes.items())


def has_status(order: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Return whether the order has the status in `changes`, if that has one."""
    return "status" not in changes or _has_value(order, "status", changes["status"])


def is_repeatable(changes: Mapping[str, Any]) -> bool:
    """Return whether `changes` may be sent twice; a line without an id would be added twice."""
    lines = [line for name in LINE_LISTS for line in changes.get(name) or ()]
    return all(isinstance(line, Mapping) and line.get("id") for line in lines)


def with_creation_key(changes: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the fields of a new order, with `key` in its meta for the look-up after a lost answer."""
    return {**changes, "meta_data": [*_meta_entries(changes.get("meta_data")), {"key": CREATION_KEY, "value": key}]}


def has_creation_key(order: Mapping[str, Any], key: str) -> bool:
    """Return whether `order` was created with `key`."""
    return _meta_by_key(order).get(CREATION_KEY) == key


def note_has_text(note: Mapping[str, Any], text: str) -> bool:
    """Return whether an order's note has this text, apart from tags: WordPress removes unknown ones."""
    return sanitize_text(str(note.get("note", ""))) == sanitize_text(text)


def _has_value(order: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "set_paid":
        return not wanted or bool(order.get("date_paid")) or order.get("status") in PAID
    if name == "meta_data":
        actual = _meta_by_key(order)
        return all(_is_same(actual.get(entry.get("key")), entry.get("value")) for entry in _meta_entries(wanted))
    if name == "status":
        return str(order.get(name)) == str(wanted).removeprefix("wc-")
    return name in order and _is_same(order[name], wanted)


def _meta_entries(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return meta entries from a list, or from an object of keys and values: both kinds of API accept it."""
    if isinstance(value, Mapping):
        return [{"key": key, "value": content} for key, content in value.items()]
    return [entry for entry in value or () if isinstance(entry, Mapping)]


def _meta_by_key(order: Mapping[str, Any]) -> dict[Any, Any]:
    return {entry.get("key"): entry.get("value") for entry in _meta_entries(order.get("meta_data"))}


def _is_same(actual: Any, wanted: Any) -> bool:
    """Compare loosely: the shop returns numbers as text and adds fields of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(_is_same(actual.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, (list, tuple)):
        return isinstance(actual, list) and len(actual) == len(wanted) and all(map(_is_same, actual, wanted))
    if isinstance(wanted, (int, Decimal, str)) and isinstance(actual, (int, Decimal, str)):
        return str(actual) == str(wanted)
    return bool(actual == wanted)
