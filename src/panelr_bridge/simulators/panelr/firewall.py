"""A firewall in front of Panelr: it blocks requests that contain certain texts."""

import contextlib
from collections.abc import Iterable, Iterator

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
    texts = [*call.query.values(), call.body.decode(errors="replace"), *_list_texts(_read_body(call))]
    return any(word in text.casefold() for word in blocked for text in texts)


def _read_body(call: ApiCall) -> object:
    with contextlib.suppress(ValueError):
        return parse_json(call.body)
    return None


def _list_texts(value: object) -> Iterator[str]:
    """Yield the texts of a JSON value, which have no escapes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _list_texts(each)
