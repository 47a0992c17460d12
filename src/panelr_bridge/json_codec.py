"""JSON as it comes in and as it is written, with exact numbers; by msgspec, and patiently by slower libraries.

msgspec needs a third of their time to read and a tenth to write. What it refuses is theirs: a mark of the byte order
and lone surrogates, which plugins write.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import simplejson

_READER = msgspec.json.Decoder[Any](float_hook=Decimal)
_WRITER = msgspec.json.Encoder(decimal_format="number")
_PATIENT = simplejson.JSONEncoder(use_decimal=True, separators=(",", ":"))


def reader(shape: Any) -> msgspec.json.Decoder[Any]:
    """Return what reads JSON of `shape`, a type, and passes over what that does not name."""
    return msgspec.json.Decoder(shape, float_hook=Decimal)


def read(body: bytes, otherwise: Callable[[bytes], Any], *, by: msgspec.json.Decoder[Any] = _READER) -> Any:
    """Return what `body` says, numbers with a point as Decimal; what msgspec refuses is for `otherwise` to read."""
    try:
        return by.decode(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return otherwise(body)


def utf8(content: Any) -> bytes:
    """Return `content` as JSON without blanks, for readers; it holds no amount that is not finite.

    Raises TypeError for objects; a moment or a set, for which JSON has no form, is written in one of msgspec's.
    """
    try:
        return _WRITER.encode(content)
    except UnicodeEncodeError:  # half of a surrogate pair
        return _patiently(content).encode()


def ascii_only(content: Any) -> str:
    """Return the same in ASCII, for programs that may take it for another encoding."""
    text = utf8(content)
    return text.decode() if text.isascii() else _patiently(content)


def _patiently(content: Any) -> str:
    text: str = _PATIENT.encode(content)
    return text
