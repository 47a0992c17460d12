"""Times in WooCommerce's JSON: ISO 8601, and the forms that plugins and older APIs write. No I/O."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator
from pydantic_core import core_schema

from panelr_bridge import json_codec
from panelr_bridge.woocommerce.json_fields import try_first, unwrap

FIRST_YEAR, LAST_YEAR = 2000, 2200
"""A time before the first is PHP's or MySQL's way to write none: 1970-01-01, 0000-00-00, -0001-11-30."""
_MILLISECONDS_FROM = 10**11
"""Larger numbers are milliseconds, not seconds."""


def read_moment(value: Any) -> datetime | None:
    """Return a time in UTC, None for none; raise ValueError for anything else.

    It may be a text, a number of seconds since 1970, or PHP's object `{"date", "timezone"}`.
    """
    if value is None:
        return None
    time = json_codec.read_time(value)
    if time is not None and FIRST_YEAR <= time.year <= LAST_YEAR:
        return time
    value = unwrap(value)
    if isinstance(value, str):
        value = value.strip()
    if isinstance(value, dict):
        return _read_php_object(value)
    return _read_seconds(Decimal(value)) if _is_number(value) else _read_text(value)


def _is_number(value: Any) -> bool:
    is_digits = isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 15
    return is_digits or (isinstance(value, (int, Decimal)) and not isinstance(value, bool))


def _read_seconds(seconds: Decimal) -> datetime | None:
    if seconds <= 0:
        return None
    try:
        time = datetime.fromtimestamp(float(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds), UTC)
    except (OverflowError, OSError, ArithmeticError):
        raise ValueError("no time") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ValueError("no time")
    return time


def _read_text(value: Any) -> datetime | None:
    if value == "" or (isinstance(value, str) and value.startswith(("-", "000"))):
        return None
    time = json_codec.read_time(value)
    if time is None or time.year > LAST_YEAR:
        raise ValueError("no time")
    return time if time.year >= FIRST_YEAR else None


def _read_php_object(value: dict[str, Any]) -> datetime | None:
    text, zone = value.get("date"), value.get("timezone")
    time = json_codec.read_time(f"{text}{zone}") if isinstance(zone, str) and zone[:1] in {"+", "-"} else None
    if time is not None:
        return time
    time = _read_text(text)
    if time is None or not isinstance(zone, str):
        return time
    try:
        return time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OSError, KeyError):
        return time


def _read_or_none(value: Any) -> datetime | None:
    try:
        return read_moment(value)
    except ValueError:
        return None


def _read_exact(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


_EXACT = core_schema.nullable_schema(
    core_schema.no_info_after_validator_function(
        _read_exact, core_schema.str_schema(strict=True, pattern=r"^2[01]\d\d-\d\d-\d\dT\d\d:\d\d:\d\d$")
    )
)
"""WooCommerce's own form, in UTC."""
Moment = Annotated[datetime | None, BeforeValidator(_read_or_none), try_first(_EXACT)]
"""WooCommerce's UTC time, written without an offset; an unreadable one is None."""
PaidMoment = Annotated[datetime | None, BeforeValidator(read_moment), try_first(_EXACT)]
"""The time of a payment: no order is unpaid because its time cannot be read."""
