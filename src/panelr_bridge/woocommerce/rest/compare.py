"""Whether a thing in the shop already is as a write would make it. No I/O."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from panelr_bridge.woocommerce.rest.sanitize import sanitize_text

OURS = "panelr_bridge_key"
"""The meta of an order that this client made: a random value by which it finds the order again."""
ADDED_TO = ("line_items", "fee_lines", "shipping_lines", "coupon_lines")
PAID = frozenset({"processing", "completed"})


def matches_changes(order: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Return whether `order` shows everything that `changes` asks for. When in doubt it does not."""
    return all(_has_value(order, name, wanted) for name, wanted in changes.items())


def is_repeatable(changes: Mapping[str, Any]) -> bool:
    """Return whether `changes` may be sent twice: a line without an id would be added twice."""
    lines = [line for name in ADDED_TO for line in changes.get(name) or ()]
    return all(isinstance(line, Mapping) and line.get("id") for line in lines)


def with_creation_key(changes: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """Return the changes of a new order with the meta by which it is found again."""
    return {**changes, "meta_data": [*_meta_entries(changes.get("meta_data")), {"key": OURS, "value": mark}]}


def has_creation_key(order: Mapping[str, Any], mark: str) -> bool:
    """Return whether `order` is the one that was made with `mark`."""
    return _meta_by_key(order).get(OURS) == mark


def note_has_text(note: Mapping[str, Any], text: str) -> bool:
    """Return whether a note of an order has this text; WordPress keeps no tags that it does not know."""
    return sanitize_text(str(note.get("note", ""))) == sanitize_text(text)


def _has_value(order: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "set_paid":
        return not wanted or bool(order.get("date_paid")) or order.get("status") in PAID
    if name == "meta_data":
        there = _meta_by_key(order)
        return all(_is_same(there.get(entry.get("key")), entry.get("value")) for entry in _meta_entries(wanted))
    if name == "status":
        return str(order.get(name)) == str(wanted).removeprefix("wc-")
    return name in order and _is_same(order[name], wanted)


def _meta_entries(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return meta entries; both kinds of API take an object of keys and values for a list of them too."""
    if isinstance(value, Mapping):
        return [{"key": key, "value": content} for key, content in value.items()]
    return [entry for entry in value or () if isinstance(entry, Mapping)]


def _meta_by_key(order: Mapping[str, Any]) -> dict[Any, Any]:
    return {entry.get("key"): entry.get("value") for entry in _meta_entries(order.get("meta_data"))}


def _is_same(there: Any, wanted: Any) -> bool:
    """Compare loosely: the shop gives numbers back as text, and adds fields of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_is_same(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, (list, tuple)):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(_is_same, there, wanted))
    if isinstance(wanted, (int, Decimal, str)) and isinstance(there, (int, Decimal, str)):
        return str(there) == str(wanted)
    return bool(there == wanted)
