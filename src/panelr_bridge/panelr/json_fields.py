"""Single fields of an answer, read leniently: PHP may write a number as text, and may leave anything out.

Each function takes whatever stands in the field and returns None where it is nothing that can be used.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

LARGEST_MONEY = Decimal(10) ** 12
SMALLEST_MONEY = Decimal("1E-30")

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MONEY = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,30})?")
_FLAGS = {True: True, False: False, "1": True, "0": False, "true": True, "false": False}


def integer(value: Any) -> int | None:
    """Read a positive number."""
    return natural(value) or None


def natural(value: Any) -> int | None:
    """Read a number that may be nothing."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None


def money(value: Any) -> Decimal | None:
    """Read an amount digit for digit; text with anything but digits and a point is not guessed at."""
    if isinstance(value, str):
        text = value.strip()
        return Decimal(text) if _MONEY.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    amount = Decimal(value)
    if not amount.is_finite():
        return None
    return amount if not amount or SMALLEST_MONEY <= amount.copy_abs() < LARGEST_MONEY else None


def flag(value: Any) -> bool | None:
    """Read yes or no: PHP writes 1 and 0 as well."""
    if isinstance(value, str):
        value = value.strip().lower()
    return _FLAGS.get(value) if isinstance(value, (bool, int, str)) else None


def string(value: Any) -> str | None:
    """Read text that can be stored; a number is text too."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return _UNSTORABLE.sub("", str(value)).strip() or None


def moment(value: Any) -> datetime | None:
    """Read a time; one without an offset is UTC."""
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def rows(data: Any, *names: str) -> list[Any] | None:
    """Read a list that stands alone or under the first of `names` that is there."""
    if isinstance(data, dict):
        data = next((data[name] for name in names if name in data), None)
    return data if isinstance(data, list) else None
