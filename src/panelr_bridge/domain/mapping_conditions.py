"""The conditions of a mapping: the entries of meta that an order line must have. How they are written and compared.

Product add-ons keep the customer's choice in the line's meta, beside a product id that is the same for every plan.
Texts are compared in a plain form, without what shops and plugins add: capitals, blanks, HTML, a price at the end.
"""

import functools
import html
import re
import unicodedata
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from panelr_bridge.domain.price_suffix import strip_price
from panelr_bridge.text_limits import CONDITION_KEY, CONDITION_VALUE, CONDITIONS, CONDITIONS_BYTES
from panelr_bridge.woocommerce.json_fields import Meta, clean

LONGEST_READ = 1000
"""A longer text of an order equals no condition."""
MOST_VALUES = 20
"""How many values of one meta entry are compared."""
_ATTRIBUTE = re.compile(r"(?:attribute_)?pa_")
_TAG = re.compile(r"<[^<>]{0,500}>")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_PIECES = re.compile(r"\\[;=\\]|.", re.DOTALL)
_MOST_ROUNDS = 10
_NO_FRACTION = re.compile(r"\.0+$")

LineMeta = dict[str, set[str]]
"""A line's values by key, in their plain form. A key may stand in it in several forms."""


class Condition(BaseModel):
    """An entry that the meta of an order line must have. Capitals, blanks and HTML make no difference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(
        min_length=1,
        description="The entry's key, such as Duration. A price in parentheses at its end makes no difference.",
        examples=["duration"],
    )
    value: str | None = Field(description="The entry's value. Null means: any value.", examples=["12 months"])

    @field_validator("key", mode="before")
    @classmethod
    def fold_key(cls, value: Any) -> Any:
        """Return the plain form of the key, without a price."""
        return _require_short(strip_price(fold(value)), CONDITION_KEY) if isinstance(value, str) else value

    @field_validator("value", mode="before")
    @classmethod
    def fold_value(cls, value: Any) -> Any:
        """Return the plain form of the value; raise ValueError if nothing is left of it."""
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return value
        text = _require_short(fold(value), CONDITION_VALUE)
        if not text:
            raise ValueError("the value is empty: give one, or null for any value")
        return text

    def holds(self, meta: LineMeta) -> bool:
        """Return whether a line with this meta has the entry."""
        values = meta.get(self.key)
        return values is not None and (self.value in values or (self.value is None and bool(values)))


Conditions = tuple[Condition, ...]


def order_conditions(conditions: Iterable[Condition]) -> Conditions:
    """Return the conditions once each and in one order, so that equal ones are equal texts; raise ValueError."""
    ordered = tuple(sorted(set(conditions), key=lambda each: (each.key, each.value or "")))
    if len(ordered) > CONDITIONS:
        raise ValueError(f"a mapping has at most {CONDITIONS} conditions")
    if len(format_conditions(ordered).encode()) > CONDITIONS_BYTES:
        raise ValueError(f"the conditions are longer than {CONDITIONS_BYTES} bytes together")
    return ordered


@functools.lru_cache(maxsize=10_000)  # the same mappings are read for order after order
def parse_conditions(text: str) -> Conditions:
    r"""Return the conditions in a text such as `Duration=12 months; Connections=4`; raise ValueError.

    A key alone means any value. A backslash before `;`, `=` or `\` takes its special meaning.
    """
    entries = [_split(entry, "=", most=1) for entry in _split(text, ";") if entry.strip()]
    for key, *value in entries:
        if not key.strip():
            raise ValueError("a condition has no key: write key=value")
        if value and not value[0].strip():
            raise ValueError(f"the condition {key.strip()!r} has no value: write key=value, or the key alone for any")
    return order_conditions(
        Condition(key=_unescape(key), value=_unescape(value[0]) if value else None) for key, *value in entries
    )


def format_conditions(conditions: Iterable[Condition]) -> str:
    """Return the text of conditions, for `parse_conditions`."""
    return "; ".join(
        _escape(each.key) + ("" if each.value is None else f"={_escape(each.value)}") for each in conditions
    )


def fold(text: str) -> str:
    """Return the plain form of a text: without capitals, outer and double blanks, HTML and invisible characters."""
    if text.isascii() and "&" not in text:
        return _tidy(text.casefold())
    for _ in range(_MOST_ROUNDS):  # plugins escape twice
        plain = html.unescape(unicodedata.normalize("NFKC", text)).casefold()
        if plain == text:
            break
        text = plain
    return _tidy(text)


def readable(text: str) -> str:
    """Return a text of an order as people read it."""
    return _tidy(html.unescape(text))


def read_meta(entries: Iterable[Meta], keys: Collection[str]) -> LineMeta:
    """Return a line's values under `keys`, which are in their plain form."""
    meta: LineMeta = {}
    for key, value in entries:
        if isinstance(key, str) and len(key) <= LONGEST_READ:
            for form in key_forms(key):
                if form in keys:
                    meta.setdefault(form, set()).update(_value_forms(value, is_attribute=_is_attribute(key)))
    return meta


@functools.lru_cache(maxsize=2000)  # the same add-ons write the same keys again and again
def key_forms(key: str) -> tuple[str, ...]:
    """Return the plain forms of an order's key: as it is, without a price, and without the prefix of attributes."""
    whole = fold(key)
    forms = [whole, strip_price(whole)]
    if _is_attribute(key):
        forms.append(_ATTRIBUTE.sub("", whole).replace("-", " "))
    return tuple(dict.fromkeys(forms))


def texts_of(value: Any) -> list[str]:
    """Return the texts and numbers in a meta value: in itself, or in the list or object that it is."""
    values = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    texts = [_as_text(each) for each in values[:MOST_VALUES]]
    return [text for text in texts if text.strip()]


def _value_forms(value: Any, *, is_attribute: bool) -> set[str]:
    """Return the plain forms of a meta value: as it is, without a price, and the slug of an attribute as words."""
    forms: set[str] = set()
    for text in texts_of(value):
        whole = fold(text[:LONGEST_READ])
        forms |= {whole, strip_price(whole)}
        if is_attribute:
            forms.add(whole.replace("-", " "))
    return forms


def _as_text(value: Any) -> str:
    """Return a text or number as text, as PHP writes it; "" for anything else."""
    if isinstance(value, Decimal):
        return _NO_FRACTION.sub("", str(value))
    text = "1" if value is True else clean(value)
    return text if isinstance(text, str) else ""


def _is_attribute(key: str) -> bool:
    return _ATTRIBUTE.match(key) is not None


def _tidy(text: str) -> str:
    """Return a text without tags, invisible characters and unneeded blanks."""
    if "<" in text:
        text = _TAG.sub(" ", text)
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _require_short(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(f"it is longer than {longest} characters")
    return text


def _split(text: str, separator: str, *, most: int = -1) -> list[str]:
    """Split a text at a separator that is not escaped, at most `most` times; the parts keep their escapes."""
    parts = [""]
    for piece in _PIECES.findall(text):
        if piece == separator and (most < 0 or len(parts) <= most):
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _escape(text: str) -> str:
    return re.sub(r"([;=\\])", r"\\\1", text)


def _unescape(text: str) -> str:
    return re.sub(r"\\([;=\\])", r"\1", text)
