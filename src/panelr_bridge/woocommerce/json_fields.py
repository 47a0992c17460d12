"""Single fields of WooCommerce's JSON, as PHP and plugins write them: the types, and what each takes for its own.

What is as WooCommerce writes it, pydantic reads by itself; our own functions see only what is not.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetPydanticSchema, PlainValidator, ValidationError
from pydantic_core import CoreSchema, core_schema

# Control characters and lone surrogates: no database and no panel can store them, and none means anything here.
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_UNSTORABLE = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")
_ORDINARY, _ANY = "ordinary", "any"


def _try_first(schema: CoreSchema) -> GetPydanticSchema:
    """Read by `schema`, which costs no Python, whatever it takes; anything else by what stands before this."""

    def both(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.union_schema([(schema, _ORDINARY), (handler(source), _ANY)], mode="left_to_right")

    return GetPydanticSchema(both)


def why_unreadable(error: ValidationError) -> str:
    """Return the first place that cannot be read, and why: never its value, which is a customer's."""
    told = error.errors(include_url=False, include_context=False, include_input=False)
    first = next(each for each in told if _ORDINARY not in each["loc"])  # that it is not ordinary is no reason
    where = ".".join(str(part) for part in first["loc"] if part != _ANY)
    return f"{where}: {first['msg']}"


def clean(value: Any) -> Any:
    """Return a text, or a number as one, without what cannot be stored; what is neither stays what it is."""
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


def _moment(value: Any) -> datetime | None:
    """Read WooCommerce's UTC time without an offset; what cannot be read is no time, not a lost order."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def refuse_bool(value: Any) -> Any:
    """Python takes true for 1; as an id it is a slip."""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004  pydantic tells ValueErrors only
    return value


def sequence(value: Any) -> Any:
    """PHP writes a list with gaps in its keys, as filters leave it behind, as an object."""
    if value is None:
        return ()
    return list(value.values()) if isinstance(value, dict) else value


_CLEAN = core_schema.str_schema(strict=True, pattern=f"^[^{_CONTROLS}]*$")
# Well within the digits that money may have, so that they need not be counted, which takes longer than all else.
_AMOUNT = core_schema.no_info_after_validator_function(
    Decimal, core_schema.str_schema(strict=True, pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$")
)
_PIECES = core_schema.no_info_after_validator_function(Decimal, core_schema.int_schema(strict=True, ge=0, lt=10**9))
_NUMBER = core_schema.int_schema(strict=True, ge=0, lt=2**63)

# The bounds stand next to the type: behind a validator of ours, pydantic would look at them in Python.
_Decimal = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=18), BeforeValidator(_empty_to_zero)]

Text = Annotated[str, BeforeValidator(clean), _try_first(_CLEAN)]
Money = Annotated[_Decimal, _try_first(_AMOUNT)]
Quantity = Annotated[_Decimal, _try_first(_PIECES)]
Reference = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_empty_to_no_id), _try_first(_NUMBER)]
Id = Annotated[int, Field(ge=1, lt=2**63), BeforeValidator(refuse_bool)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]

Meta = tuple[str, Any]
"""A meta entry's key and value, which keeps the structure that the plugin gave it."""
_key_and_value = itemgetter("key", "value")


def _read_metas(value: Any) -> tuple[Meta, ...]:
    """Read meta entries. An order has dozens, of any plugin's making: none of them is worth an error.

    A key that is no text is not looked for: nobody asks for it.
    """
    try:
        return tuple(map(_key_and_value, value))
    except (TypeError, KeyError):
        return _read_metas_one_by_one(value)


def _read_metas_one_by_one(value: Any) -> tuple[Meta, ...]:
    """Those of the entries that can be read, where not all of them are as WooCommerce writes them."""
    entries = sequence(value)
    if not isinstance(entries, (list, tuple)):
        return ()
    return tuple((entry["key"], entry.get("value")) for entry in entries if isinstance(entry, dict) and "key" in entry)


Metas = Annotated[tuple[Meta, ...], PlainValidator(_read_metas)]


def meta_text(entries: Iterable[Meta], names: tuple[str, ...]) -> str | None:
    """Return what meta entries say under these names, as text: under the first that is there and not empty."""
    for name in names:
        for key, value in entries:
            if key == name and isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
                text = str(clean(value)).strip()
                if text:
                    return text
    return None
