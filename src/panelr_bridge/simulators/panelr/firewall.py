"""A firewall in front of Panelr: it blocks requests that contain certain texts."""

import contextlib
from collections.abc import Iterable

import simplejson

from panelr_bridge.simulators.panelr.api_call import ApiCall
from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.transport import HTML_TYPE, HttpResponse

PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head>"
    b"<body><h1>Forbidden</h1><p>The request was blocked by a security rule.</p></body></html>\n"
)
BLOCKED = HttpResponse(403, PAGE, HTML_TYPE)


def is_blocked(call: ApiCall, words: Iterable[str]) -> bool:
    """Return whether the query or the body contains one of `words`. Letter case and JSON escapes do not matter."""
    blocked = [word.casefold() for word in words]
    if not blocked:
        return False
    texts = [*call.query.values(), call.body.decode(errors="replace"), _read_unescaped(call.body)]
    return any(word in text.casefold() for word in blocked for text in texts)


def _read_unescaped(body: bytes) -> str:
    """Return a JSON body without escapes; an empty text for another body."""
    with contextlib.suppress(ValueError):
        return str(simplejson.dumps(parse_json(body), use_decimal=True, ensure_ascii=False))
    return ""
