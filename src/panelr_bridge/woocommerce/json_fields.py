"""Types for single fields of WooCommerce's JSON, as PHP and plugins write them.

pydantic's core reads WooCommerce's own form without a call into Python; the functions here see other forms only.
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetPydanticSchema, PlainValidator, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, core_schema

# Control characters and lone surrogates: neither a database nor Panelr can store them, and they have no meaning here.
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_UNSTORABLE = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")
_EXACT, _ANY = "exact", "any"


def try_first(schema: CoreSchema) -> GetPydanticSchema:
    """Validate by `schema`, without a call into Python; on failure by the annotations before this one."""

    def build_union(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.union_schema([(schema, _EXACT), (handler(source), _ANY)], mode="left_to_right")

    return GetPydanticSchema(build_union)


def find_faults(error: ValidationError) -> list[tuple[tuple[int | str, ...], ErrorDetails]]:
    """Return each unreadable field's path, and its fault; the exact form is not required."""
    faults = error.errors(include_url=False, include_context=False)
    return [
        (tuple(part for part in fault["loc"] if part != _ANY), fault) for fault in faults if _EXACT not in fault["loc"]
    ]


def unwrap(value: Any) -> Any:
    """Return the value in a list of one; "" for the other forms that PHP gives to nothing: null, false, [] and {}."""
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], (list, dict)):
        value = value[0]
    return "" if value is None or value is False or value in ([], {}) else value


def clean(value: Any) -> Any:
    """Return a text or number as text without unstorable characters; return any other value as it is."""
    if not isinstance(value, str):
        value = unwrap(value)
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            return value
    return value if value.isprintable() else _UNSTORABLE.sub("", value)


def _read_number(value: Any) -> Any:
    """Return a number without the residue of floating-point arithmetic; 0 for nothing; any other value as it is."""
    value = unwrap(value)
    if value == "":
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    return _round_residue(number) if number.is_finite() else value


def _round_residue(number: Decimal) -> Decimal:
    """Return 19.989999999999998 as 19.99: a shop's amounts have no more than MOST_DECIMALS digits after the point."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or exponent >= -MOST_DECIMALS or len(digits) + exponent > _MOST_WHOLE_DIGITS:
        return number
    rounded = round(number, MOST_DECIMALS).normalize()
    return rounded if rounded.as_tuple().exponent <= -2 else round(rounded, 2)  # type: ignore[operator]


def _require_value(value: Any) -> Any:
    if unwrap(value) == "":
        raise ValueError("nothing stands there")
    return value


def _empty_to_no_id(value: Any) -> Any:
    value = unwrap(value)
    return 0 if value == "" else value


def refuse_bool(value: Any) -> Any:
    """Return `value`; raise ValueError for a bool, which Python would accept as 0 or 1."""
    value = unwrap(value)
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004  pydantic reports ValueErrors only
    return value


LARGEST_LIST = 10_000
"""The number of entries of a list that are read; one more shows that there are more."""


def sequence(value: Any) -> Any:
    """Return a list; PHP writes one with gaps in its keys, as filters leave it, as an object."""
    if value is None or value is False or value == "":
        return ()
    entries = list(value.values()) if isinstance(value, dict) else value
    return entries[: LARGEST_LIST + 1] if isinstance(entries, list) and len(entries) > LARGEST_LIST else entries


def existing_sequence(value: Any) -> Any:
    """Return a list as `sequence` does; raise ValueError for what stands in a list's place."""
    if value is None or value is False or value == "":
        raise ValueError("no list stands there")
    return sequence(value)


LONGEST_SHORT_TEXT = 200
"""The largest length of a text that is stored as it is; a longer one is cut."""


def _clean_short(value: Any) -> Any:
    text = clean(value)
    return text[:LONGEST_SHORT_TEXT] if isinstance(text, str) else text


def _read_flag(value: Any) -> bool:
    """Return a flag as PHP and plugins write it; anything else is false."""
    return value is True or (isinstance(value, (str, int)) and str(value).casefold() in {"1", "yes", "true"})


def _clean_status(value: Any) -> Any:
    """Return a status as WooCommerce's API writes it: small letters, without blanks and the prefix of its database."""
    text = clean(value)
    if not isinstance(text, str):
        return text
    return _NOT_IN_STATUS.sub("", "-".join(text.lower().split())).removeprefix("wc-")[:LONGEST_SHORT_TEXT]


def _clean_currency(value: Any) -> Any:
    text = _clean_short(value)
    return text.strip().upper() if isinstance(text, str) else text


MOST_DECIMALS = 6
_MOST_WHOLE_DIGITS = 12
_NOT_IN_STATUS = re.compile(r"[^a-z0-9_-]")
_BOOL = core_schema.bool_schema(strict=True)
_CLEAN = core_schema.str_schema(strict=True, pattern=f"^[^{_CONTROLS}]*$")
_SHORT = core_schema.str_schema(strict=True, pattern=f"^[^{_CONTROLS}]*$", max_length=LONGEST_SHORT_TEXT)
_STATUS = core_schema.str_schema(strict=True, pattern="^[a-vx-z][a-z0-9_-]{0,50}$")
_CURRENCY = core_schema.str_schema(strict=True, pattern="^[A-Z]{3}$")
# Fewer digits than money may have: counting them would take longer than everything else.
_AMOUNT = core_schema.no_info_after_validator_function(
    Decimal, core_schema.str_schema(strict=True, pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$")
)
_PIECES = core_schema.no_info_after_validator_function(Decimal, core_schema.int_schema(strict=True, ge=0, lt=10**9))
_NUMBER = core_schema.int_schema(strict=True, ge=0, lt=2**63)

# The bounds stand next to the type: after one of our validators, pydantic would check them in Python.
_Decimal = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=18), BeforeValidator(_read_number)]

Text = Annotated[str, BeforeValidator(clean), try_first(_CLEAN)]
ShortText = Annotated[str, BeforeValidator(_clean_short), try_first(_SHORT)]
Status = Annotated[str, Field(min_length=1), BeforeValidator(_clean_status), try_first(_STATUS)]
Currency = Annotated[str, BeforeValidator(_clean_currency), try_first(_CURRENCY)]
Flag = Annotated[bool, PlainValidator(_read_flag), try_first(_BOOL)]
OptionalText = Annotated[
    str, PlainValidator(lambda value: clean(value) if isinstance(value, str) else ""), try_first(_CLEAN)
]
"""A text that no order is held or unreadable for: anything else is empty."""
Money = Annotated[_Decimal, try_first(_AMOUNT)]
Amount = Annotated[_Decimal, BeforeValidator(_require_value), try_first(_AMOUNT)]
"""Money that WooCommerce always writes: nothing in its place is not zero."""
Quantity = Annotated[_Decimal, try_first(_PIECES)]
Reference = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_empty_to_no_id), try_first(_NUMBER)]
Id = Annotated[int, Field(ge=1, lt=2**63), BeforeValidator(refuse_bool)]

Meta = tuple[str, Any]
"""A meta entry's key, and its value in the plugin's own structure."""
_key_and_value = itemgetter("key", "value")


def _read_metas(value: Any) -> tuple[Meta, ...]:
    """Return the readable meta entries. An order has dozens, written by any plugin, so none causes an error."""
    try:
        return tuple(map(_key_and_value, value))
    except (TypeError, KeyError):
        return _read_metas_one_by_one(value)


def _read_metas_one_by_one(value: Any) -> tuple[Meta, ...]:
    """Return the readable entries of meta in another form than WooCommerce's: PHP's objects, or keys and values."""
    if isinstance(value, dict) and not any(isinstance(entry, dict) and "key" in entry for entry in value.values()):
        return tuple(value.items())
    entries = sequence(value)
    if not isinstance(entries, (list, tuple)):
        return ()
    return tuple((entry["key"], entry.get("value")) for entry in entries if isinstance(entry, dict) and "key" in entry)


Metas = Annotated[tuple[Meta, ...], PlainValidator(_read_metas)]


def metas_of_panelr(entries: Iterable[Meta]) -> tuple[Meta, ...]:
    """Return the entries whose keys name Panelr, in any spelling."""
    return tuple([entry for entry in entries if isinstance(entry[0], str) and "panelr" in entry[0].casefold()])


def read_amount(text: str) -> Decimal | None:
    """Return an amount in a text; None if it cannot be read."""
    number = _read_number(text)
    return number if isinstance(number, Decimal) and abs(number) < 10**_MOST_WHOLE_DIGITS else None


def meta_text(entries: Iterable[Meta], names: tuple[str, ...]) -> str | None:
    """Return the value of the first of `names` with a text or number that is not empty, as text."""
    for name in names:
        for key, value in entries:
            if key == name and isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
                text = str(clean(value)).strip()
                if text:
                    return text
    return None
