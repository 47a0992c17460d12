"""Reads a shop's response: its content, or a ShopError with words for the operator. No I/O.

There are three forms of error: WordPress's and WooCommerce's `{"code", "message", "data"}`, the Orders resource's
`{"error": {"code", "message", "details"}}`, and HTML from a web server in front of them.
"""

import contextlib
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from panelr_bridge import json_codec
from panelr_bridge.errors import (
    ShopError,
    ShopMisconfigured,
    ShopNotFound,
    ShopRefused,
    ShopUnreachable,
    parse_retry_after,
)
from panelr_bridge.woocommerce.rest.models import RestResponse
from panelr_bridge.woocommerce.rest.sanitize import sanitize_text

TRY_LATER = frozenset({408, 425, 429})
NO_ROUTE = "rest_no_route"
MOST_STARTS = 20
"""At how many brackets JSON is looked for behind PHP's notices, which can contain brackets too."""
NO_STORE = frozenset({"hpos_required", "woo_unavailable"})

_JSON_START = re.compile(rb"[\[{]")
_PAGE = re.compile(rb"\W*<(!doctype|html)", re.IGNORECASE)
_FIX_ADDRESS = "WOO_URL must be the shop's own, and Settings > Permalinks in WordPress anything but Plain"
_FIX_PERMALINKS = (
    "with Plain permalinks WordPress has no API at /wp-json/: choose anything but Plain in Settings > Permalinks"
)
_FIX_HEADER = (
    "If the key is right, the web server removes the header Authorization before PHP: for Apache, put"
    ' SetEnvIf Authorization "(.*)" HTTP_AUTHORIZATION=$1 into .htaccess'
)
ANONYMOUS = frozenset({"rest_forbidden", "rest_not_logged_in", "woocommerce_rest_cannot_view"})
"""Error codes for a request without credentials: the shop does not know the key, or never saw it."""
_FIX_ROUTE = "is WooCommerce active, and WOO_ORDERS_API the path of its orders?"
_FIX_KEY = (
    "WOO_KEY and WOO_SECRET must be an API key with permission to read and write, of an administrator or shop manager; "
    "or the user name and application password of such a user"
)
_FIX_HTTP = "over plain http only WooCommerce's own keys are accepted: set WOO_URL to https"


def read(
    *, status: int, headers: Mapping[str, str], body: bytes, root: str, now: datetime, secrets: tuple[str, ...] = ()
) -> RestResponse:
    """Return the content of a successful response; raise a ShopError for any other.

    `headers` have lower-case names, `root` is the API's address, and `secrets` are removed from the error's words.
    """
    if 300 <= status < 400:
        raise _redirect_error(status, headers, root)
    content = _read_json(body)
    if 200 <= status < 300:
        if content is None:
            raise ShopMisconfigured(
                f"the shop's answer ({status}) is not JSON: {_FIX_ADDRESS}; another cause is a plugin that prints "
                "errors into answers",
                status=status,
                maybe_done=True,
            )
        return RestResponse(content=content, headers=headers)
    envelope = _read_envelope(content, secrets)
    if status >= 500 or status < 200 or status in TRY_LATER:
        raise _temporary_error(status, headers, envelope, now)
    raise _refusal_error(status, envelope, root)


@dataclass(frozen=True, slots=True)
class _ErrorEnvelope:
    """An error in a response; without a code it does not come from WordPress."""

    code: str = ""
    words: str = ""


def _read_json(body: bytes) -> Any:
    """Return the content of `body`, or None if it is not JSON. PHP's notices may stand in front of it."""
    try:
        return json_codec.read(body)
    except (ValueError, ArithmeticError, RecursionError):
        return _read_after_notices(body)


def _read_after_notices(body: bytes) -> Any:
    """Return the JSON with which `body` ends, or None. A page of HTML has none, whatever its scripts contain."""
    if _PAGE.match(body):
        return None
    for start in itertools.islice(_JSON_START.finditer(body), MOST_STARTS):
        with contextlib.suppress(ValueError, ArithmeticError, RecursionError):
            return json_codec.read_lenient(body[start.start() :])
    return None


def _read_envelope(content: Any, secrets: tuple[str, ...]) -> _ErrorEnvelope:
    if not isinstance(content, dict):
        return _ErrorEnvelope()
    inner = content["error"] if isinstance(content.get("error"), dict) else content
    details = inner.get("details") if "error" in content else inner.get("data")
    fields = details.get("fieldErrors") or details.get("params") if isinstance(details, dict) else None
    message = sanitize_text(str(inner.get("message") or ""), secrets)
    return _ErrorEnvelope(
        code=sanitize_text(str(inner.get("code") or ""), secrets), words=message + _describe_fields(fields, secrets)
    )


def _describe_fields(fields: Any, secrets: tuple[str, ...]) -> str:
    """Return the faults of single fields as text; both APIs send them as an object."""
    if not isinstance(fields, dict) or not fields:
        return ""
    faults = (
        f"{name}: {', '.join(map(str, words)) if isinstance(words, list) else words}" for name, words in fields.items()
    )
    return f" ({sanitize_text('; '.join(faults), secrets)})"


def _redirect_error(status: int, headers: Mapping[str, str], root: str) -> ShopError:
    own = urlsplit(root)
    try:
        location = urlsplit(urljoin(root, headers.get("location", "")))
        target = f"{location.scheme}://{location.netloc}"
    except ValueError:
        return ShopMisconfigured(f"the shop redirects {own.netloc} to another address ({status})", status=status)
    if location.netloc != own.netloc or location.scheme != own.scheme:
        words = f"the shop redirects {own.netloc} to {target} ({status}): set WOO_URL to its final address"
    elif "/wp-json" in location.path:
        words = (
            f"the shop redirects its API to {target}{location.path} ({status}): set WOO_URL to the part before"
            " /wp-json, or switch the redirect off for /wp-json"
        )
    else:
        words = (
            f"the shop redirects its API to one of its pages, {location.path or '/'} ({status}): {_FIX_PERMALINKS};"
            " otherwise a redirect plugin must leave /wp-json alone"
        )
    return ShopMisconfigured(words, status=status)


def _temporary_error(status: int, headers: Mapping[str, str], envelope: _ErrorEnvelope, now: datetime) -> ShopError:
    suffix = f": {envelope.words}" if envelope.words else ""
    return ShopUnreachable(
        f"the shop answered {status}{suffix}; it may work later",
        status=status,
        maybe_done=status not in TRY_LATER and envelope.code not in NO_STORE,
        retry_after=parse_retry_after(headers.get("retry-after"), now=now),
    )


def _refusal_error(status: int, envelope: _ErrorEnvelope, root: str) -> ShopError:
    code, words = envelope.code, envelope.words
    if not code and status in {401, 403, 404, 405}:
        return _outside_error(status)
    if code == NO_ROUTE:
        return ShopMisconfigured(f"the shop has no such API ({status}): {_FIX_ROUTE}", status=status, code=code)
    if code in NO_STORE:
        return ShopMisconfigured(f"the Orders resource is not ready: {words}", status=status, code=code)
    if (status in {404, 410} and code != "woocommerce_rest_already_trashed") or _is_unknown_id(code):
        return ShopNotFound(f"the shop does not have this ({status}): {words}", status=status, code=code)
    if status in {401, 403}:
        fix = f"{_FIX_KEY}; {_FIX_HTTP}" if root.startswith("http:") else _FIX_KEY
        fix += f". {_FIX_HEADER}" if status == 401 and code in ANONYMOUS else ""
        return ShopMisconfigured(
            f"the shop does not allow this key ({status}): {words} {fix}", status=status, code=code
        )
    return ShopRefused(
        f"the shop refuses this ({status}{f', {code}' if code else ''}): {words or 'without a reason'}",
        status=status,
        code=code,
    )


def _is_unknown_id(code: str) -> bool:
    """Return whether WooCommerce reports an unknown id; it answers a change of one with 400, not 404."""
    return code.startswith("woocommerce_rest_") and code.endswith("_invalid_id")


def _outside_error(status: int) -> ShopError:
    if status in {404, 405}:
        return ShopMisconfigured(f"there is no REST API at this address ({status}): {_FIX_ADDRESS}", status=status)
    return ShopMisconfigured(
        f"something in front of the shop refuses the bridge ({status}): a firewall, a security plugin or the web "
        "server's own password must let it through",
        status=status,
    )
