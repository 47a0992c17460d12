"""Types for single fields of WooCommerce's JSON, as PHP and plugins write them.

pydantic's core reads WooCommerce's own form without a call into Python; the functions here see other forms only.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetPydanticSchema, PlainValidator, ValidationError
from pydantic_core import CoreSchema, core_schema

from panelr_bridge import json_codec

# Control characters and lone surrogates: neither a database nor Panelr can store them, and they have no meaning here.
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_UNSTORABLE = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")
_EXACT, _ANY = "exact", "any"


def _try_first(schema: CoreSchema) -> GetPydanticSchema:
    """Validate by `schema`, without a call into Python; on failure by the annotations before this one."""

    def build_union(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.union_schema([(schema, _EXACT), (handler(source), _ANY)], mode="left_to_right")

    return GetPydanticSchema(build_union)


def why_unreadable(error: ValidationError) -> str:
    """Return the first unreadable field and its fault, without its value, which may be personal data."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    first = next(each for each in faults if _EXACT not in each["loc"])  # the exact form is not required
    where = ".".join(str(part) for part in first["loc"] if part != _ANY)
    return f"{where}: {first['msg']}"


def clean(value: Any) -> Any:
    """Return a text or number as text without unstorable characters; return any other value as it is."""
    if value is None:
        return ""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    return value if value.isprintable() else _UNSTORABLE.sub("", value)


def _empty_to_zero(value: Any) -> Any:
    return Decimal(0) if value is None or value == "" else value


def _empty_to_no_id(value: Any) -> Any:
    return 0 if value is None or value == "" else value


def refuse_bool(value: Any) -> Any:
    """Return `value`; raise ValueError for a bool, which Python would accept as 0 or 1."""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004  pydantic reports ValueErrors only
    return value


def sequence(value: Any) -> Any:
    """Return a list; PHP writes one with gaps in its keys, as filters leave it, as an object."""
    if value is None:
        return ()
    return list(value.values()) if isinstance(value, dict) else value


LONGEST_SHORT_TEXT = 200
"""The largest length of a text that is stored as it is; a longer one is cut."""


def _clean_short(value: Any) -> Any:
    text = clean(value)
    return text[:LONGEST_SHORT_TEXT] if isinstance(text, str) else text


def _read_flag(value: Any) -> bool:
    """Return a flag as PHP and plugins write it; anything else is false."""
    return value is True or (isinstance(value, (str, int)) and str(value).casefold() in {"1", "yes", "true"})


_CLEAN = core_schema.str_schema(strict=True, pattern=f"^[^{_CONTROLS}]*$")
_SHORT = core_schema.str_schema(strict=True, pattern=f"^[^{_CONTROLS}]*$", max_length=LONGEST_SHORT_TEXT)
# Fewer digits than money may have: counting them would take longer than everything else.
_AMOUNT = core_schema.no_info_after_validator_function(
    Decimal, core_schema.str_schema(strict=True, pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$")
)
_PIECES = core_schema.no_info_after_validator_function(Decimal, core_schema.int_schema(strict=True, ge=0, lt=10**9))
_NUMBER = core_schema.int_schema(strict=True, ge=0, lt=2**63)

# The bounds stand next to the type: after one of our validators, pydantic would check them in Python.
_Decimal = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=18), BeforeValidator(_empty_to_zero)]

Text = Annotated[str, BeforeValidator(clean), _try_first(_CLEAN)]
ShortText = Annotated[str, BeforeValidator(_clean_short), _try_first(_SHORT)]
Flag = Annotated[bool, PlainValidator(_read_flag)]
OptionalText = Annotated[str, PlainValidator(lambda value: clean(value) if isinstance(value, str) else "")]
"""A text that no order is held or unreadable for: anything else is empty."""
Money = Annotated[_Decimal, _try_first(_AMOUNT)]
Quantity = Annotated[_Decimal, _try_first(_PIECES)]
Reference = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_empty_to_no_id), _try_first(_NUMBER)]
Id = Annotated[int, Field(ge=1, lt=2**63), BeforeValidator(refuse_bool)]
Moment = Annotated[datetime | None, BeforeValidator(json_codec.read_time)]
"""WooCommerce's UTC time, written without an offset; an unreadable one is None, so that the order is not lost."""

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
    """Return the readable entries of meta in another form than WooCommerce's."""
    entries = sequence(value)
    if not isinstance(entries, (list, tuple)):
        return ()
    return tuple((entry["key"], entry.get("value")) for entry in entries if isinstance(entry, dict) and "key" in entry)


Metas = Annotated[tuple[Meta, ...], PlainValidator(_read_metas)]


def meta_text(entries: Iterable[Meta], names: tuple[str, ...]) -> str | None:
    """Return the value of the first of `names` with a text or number that is not empty, as text."""
    for name in names:
        for key, value in entries:
            if key == name and isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
                text = str(clean(value)).strip()
                if text:
                    return text
    return None
