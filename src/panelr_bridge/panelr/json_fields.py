"""Reads single fields of an answer leniently: PHP may write a number as text, and may leave any field out.

Each function takes the field's value and returns None if it cannot be used.
"""

import re
from decimal import Decimal
from typing import Any

from panelr_bridge import text_limits

LARGEST_MONEY = Decimal(10) ** 12
SMALLEST_MONEY = Decimal("1E-30")

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MONEY = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,30})?")
_SPELLINGS = {"cancelled": "canceled"}
_FLAGS = {True: True, False: False, "1": True, "0": False, "true": True, "false": False}


def integer(value: Any) -> int | None:
    """Return a positive whole number."""
    return natural(value) or None


def natural(value: Any) -> int | None:
    """Return a whole number, zero included."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None


def money(value: Any) -> Decimal | None:
    """Return an exact amount. Text must hold only a sign, digits and one point: other formats are ambiguous."""
    if isinstance(value, str):
        text = value.strip()
        return Decimal(text) if _MONEY.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    amount = Decimal(value)
    if not amount.is_finite():
        return None
    return amount if not amount or SMALLEST_MONEY <= amount.copy_abs() < LARGEST_MONEY else None


def total(value: Any) -> Decimal | None:
    """Return an exact amount of zero or more."""
    amount = money(value)
    return amount if amount is not None and amount >= 0 else None


def flag(value: Any) -> bool | None:
    """Return a truth value; PHP writes 1 and 0 as well."""
    if isinstance(value, str):
        value = value.strip().lower()
    return _FLAGS.get(value) if isinstance(value, (bool, int, str)) else None


def string(value: Any, longest: int) -> str | None:
    """Return text of at most `longest` characters, without unstorable ones; a whole number becomes text."""
    text = _text(value)
    return text if 0 < len(text) <= longest else None


def label(value: Any, longest: int = text_limits.NAME) -> str | None:
    """Return text as `string` does, but cut a longer one: it is shown to a person or compared with other labels."""
    return _text(value)[:longest].strip() or None


def status(value: Any) -> str | None:
    """Return a status in small letters; Panelr spells canceled in two ways."""
    text = (string(value, text_limits.STATUS) or "").lower()
    return _SPELLINGS.get(text, text) or None


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 64:
        value = str(value)
    return _UNSTORABLE.sub("", value).strip() if isinstance(value, str) else ""


def rows(data: Any, *names: str) -> list[Any] | None:
    """Return a list: `data` itself, or its first field among `names`."""
    if isinstance(data, dict):
        data = next((data[name] for name in names if name in data), None)
    return data if isinstance(data, list) else None
