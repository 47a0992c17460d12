"""Read and check single fields of a body. Every function raises ApiError (422) for an invalid value."""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeGuard

from panelr_bridge.simulators.panelr.errors import ApiError
from panelr_bridge.simulators.panelr.money import CENT

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
LARGEST_AMOUNT = Decimal("99999999.99")


def check_unknown_fields(body: Mapping[str, Any], allowed: Collection[str], prefix: str = "") -> None:
    """Check that `given` has no field outside `allowed`; the error names the first one."""
    unknown = [name for name in body if name not in allowed]
    if unknown:
        raise ApiError(422, f"Unknown field {prefix}{unknown[0]}; known are {', '.join(allowed)}")


def read_email(body: Mapping[str, Any]) -> str:
    """Return the customer's e-mail address, a required field."""
    value = body.get("customer_email")
    if not isinstance(value, str) or not value:
        raise ApiError(422, "customer_email is required")
    if len(value) > 254 or EMAIL.fullmatch(value) is None:
        raise ApiError(422, "customer_email must be a valid e-mail address")
    return value


def read_choice(body: Mapping[str, Any], name: str, allowed: Sequence[str], prefix: str = "") -> str:
    """Return one of the `allowed` words."""
    value = body.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise ApiError(422, f"{prefix}{name} must be one of {', '.join(allowed)}")
    return value


def read_text(body: Mapping[str, Any], name: str) -> str:
    """Return a text, which may be empty."""
    value = body[name]
    if not isinstance(value, str):
        raise ApiError(422, f"{name} must be a string")
    return value


def read_required_text(body: Mapping[str, Any], name: str) -> str:
    """Return a text that is not empty."""
    if not body.get(name):
        raise ApiError(422, f"{name} is required")
    return read_text(body, name)


def read_existing_id(body: Mapping[str, Any], name: str, choices: Collection[int], prefix: str = "") -> int:
    """Return an id that is one of `choices`."""
    value = body.get(name)
    if not is_int(value):
        raise ApiError(422, f"{prefix}{name} must be an integer")
    if value not in choices:
        raise ApiError(422, f"{prefix}{name} {value} is unknown")
    return value


def read_positive(body: Mapping[str, Any], name: str, prefix: str = "") -> int:
    """Return an integer of at least 1."""
    value = body.get(name)
    if not is_int(value) or value < 1:
        raise ApiError(422, f"{prefix}{name} must be an integer of at least 1")
    return value


def is_int(value: object) -> TypeGuard[int]:
    """Return whether a JSON value is an integer."""
    # In Python, JSON's true is an int. 1.0 is a Decimal here, so it is not an integer.
    return isinstance(value, int) and not isinstance(value, bool)


def read_boolean(body: Mapping[str, Any], name: str, prefix: str = "") -> bool:
    """Return true or false."""
    value = body[name]
    if not isinstance(value, bool):
        raise ApiError(422, f"{prefix}{name} must be true or false")
    return value


def read_amount(body: Mapping[str, Any], name: str, prefix: str = "") -> Decimal:
    """Return an amount of money; 0 is allowed."""
    value = body[name]
    if not is_int(value) and not isinstance(value, Decimal):
        raise ApiError(422, f"{prefix}{name} must be a number")
    if not 0 <= value <= LARGEST_AMOUNT:
        raise ApiError(422, f"{prefix}{name} must lie between 0 and {LARGEST_AMOUNT}")
    return Decimal(value)


def read_unit_price(item: Mapping[str, Any], prefix: str) -> Decimal:
    """Return an item's unit price, which has two decimals at most."""
    price = read_amount(item, "unit_price", prefix)
    if price != price.quantize(CENT):
        raise ApiError(422, f"{prefix}unit_price must have two decimals at most")
    return price
