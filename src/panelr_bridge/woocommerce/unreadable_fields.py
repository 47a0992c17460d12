"""Finds the fields of an order that cannot be read, and takes them out, so that the rest of the order is read.

An unimportant field falls back to empty. An important one is named, with its value, so that a person can correct it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.json_fields import find_faults, sequence, unwrap

Path = tuple[int | str, ...]

LISTS = ("line_items", "fee_lines", "coupon_lines", "refunds")
IMPORTANT = frozenset(
    {
        *("status", "parent_id", "total", "currency", "date_paid_gmt", "line_items", "fee_lines", "refunds"),
        *("billing", "billing.email"),
        *(f"line_items.{name}" for name in ("product_id", "variation_id", "quantity")),
        *(f"line_items.{name}" for name in ("subtotal", "subtotal_tax", "total", "total_tax")),
        *("fee_lines.total", "fee_lines.total_tax", "refunds.total"),
    }
)
"""The fields that decide what is ordered, by whom, what it continues, whether it is paid, and how much.

A list's name is also that of an entry in it. Without the currency, amounts cannot be compared and rounded.
"""
_REPLACEMENTS: dict[str, Any] = {"line_items": [], "total": Decimal(0), "refunds.total": Decimal(0)}
"""Stand in for fields that every order or refund has. A status that cannot be read is removed in the same way."""
UNKNOWN_STATUS = "unknown"
LONGEST_SHOWN = 40
LONGEST_LABEL = 120


@dataclass(frozen=True, slots=True)
class UnreadableField:
    """A field that cannot be read: words with its name and value, and the label of its line if it is in one.

    `has_advice`: the words are a sentence, and say what to do.
    """

    words: str
    line: str | None = None
    has_advice: bool = False


def remove_unreadable(content: dict[str, Any], error: ValidationError) -> tuple[UnreadableField, ...]:
    """Take what `error` names out of `content`; return the important ones. Raises UnreadableBody for the id."""
    for name in LISTS:
        if content.get(name):
            content[name] = sequence(content[name])
    found: dict[UnreadableField, None] = {}
    entries: list[tuple[str, int]] = []
    for path, fault in find_faults(error):
        if path == ("id",):
            raise UnreadableBody(f"the body is not a readable order: id: {fault['msg']}")
        value = _MISSING if fault["type"] == "missing" else _get(content, path)
        if _is_important(path, value):
            found[_describe(content, path, value)] = None
        if len(path) == 2 and isinstance(path[1], int):
            entries.append((str(path[0]), path[1]))
        else:
            _remove(content, path)
    for name, number in reversed(entries):
        del content[name][number]
    return tuple(found)


_MISSING = object()


def _is_important(path: Path, value: Any) -> bool:
    is_nothing = value is not _MISSING and unwrap(value) == "" and path[0] != "line_items" and len(path) == 2
    return _name(path) in IMPORTANT and not is_nothing  # null among fees and refunds is nothing; a line may be missing


def _name(path: Path) -> str:
    """Return a field's name, the same one for each entry of a list."""
    return ".".join(part for part in path if isinstance(part, str))


def _get(content: Any, path: Path) -> Any:
    for part in path:
        content = content[part]
    return content


def _remove(content: Any, path: Path) -> None:
    """Remove a field, or put in what stands for it."""
    *parents, last = path
    for part in parents:
        content = content[part]
    if path == ("status",):
        content[last] = UNKNOWN_STATUS
    elif _name(path) in _REPLACEMENTS:
        content[last] = _REPLACEMENTS[_name(path)]
    elif isinstance(content, dict):
        content.pop(last, None)


def _describe(content: dict[str, Any], path: Path, value: Any) -> UnreadableField:
    name = ".".join(map(str, path))
    line = None
    if len(path) > 1 and path[0] == "line_items" and isinstance(entry := content["line_items"][path[1]], dict):
        label = entry.get("name") or f"line {entry.get('id')}"
        line = label[:LONGEST_LABEL] if isinstance(label, str) else None
    return UnreadableField(f"{name} {_show(value, is_personal=path[0] == 'billing')}", line)


def _show(value: Any, *, is_personal: bool) -> str:
    """Say what a field holds, as far as this is short and no personal data."""
    if value is _MISSING:
        return "is missing"
    if unwrap(value) == "":
        return "is empty"
    if isinstance(value, list):
        return f"holds a list of {len(value)}, which cannot be read"
    if isinstance(value, dict):
        return "holds an object, which cannot be read"
    text = value.strip() if isinstance(value, str) else str(value)
    if is_personal or "@" in text or not text.isprintable():
        return "cannot be read"
    shown = repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}\u2026"
    return f"holds {shown}, which cannot be read"
