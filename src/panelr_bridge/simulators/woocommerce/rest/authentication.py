"""Authentication of wc/v3: REST API keys by Basic, query or OAuth, and application passwords.

Source: WooCommerce 10.5.0, class-wc-rest-authentication.php.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from starlette.requests import Request

from panelr_bridge.simulators.woocommerce.faults import ShopSwitches
from panelr_bridge.simulators.woocommerce.rest.errors import RestError
from panelr_bridge.simulators.woocommerce.rest.oauth import ALGORITHMS, Pairs, base_url, header_parameters, sign_request

WINDOW_SECONDS = 15 * 60
REQUIRED = ("oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
FORM = "application/x-www-form-urlencoded"
# Errors for missing rights; WooCommerce uses the plural for lists.
DENIALS = {
    "list": ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    "get": ("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource."),
    "create": ("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources."),
    "update": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "delete": ("woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource."),
}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of WooCommerce > Settings > Advanced > REST API; with `manages`, its user is a shop manager."""

    consumer_key: str
    consumer_secret: str
    permission: Literal["read", "write", "read_write"] = "read_write"
    manages: bool = True


class RestAuthenticator:
    """Checks the credentials of requests."""

    def __init__(self, switches: ShopSwitches, *, user: str, password: str, keys: Iterable[ApiKey]) -> None:
        self.keys = {key.consumer_key: key for key in keys}
        self._switches = switches
        self._manager = (user, password)
        # By key, then by timestamp: WooCommerce stores one nonce a second.
        self._nonces: dict[str, dict[int, str]] = {}

    async def authorize(self, request: Request, verb: str) -> None:
        """Check that a request may do `verb`, a key of DENIALS. Raises RestError: 401, or 403 for missing rights."""
        secure = is_secure(request, self._switches)
        key = (self._find_key_by_secret(request) if secure else None) or self._find_key_by_signature(
            request, secure=secure, form=await _read_form(request)
        )
        if key is not None:
            _check_permission(key, request.method)
            if not key.manages:
                raise RestError(*DENIALS[verb], 403)
        elif not ((secure or self._switches.local_environment) and self._is_manager(request)):
            raise RestError(*DENIALS[verb], 401)

    def _find_key_by_secret(self, request: Request) -> ApiKey | None:
        """Return the key that a https request names in the query or by Basic, or None. Raises RestError."""
        query = request.query_params
        credentials = (query.get("consumer_key", ""), query.get("consumer_secret", ""))
        name, secret = credentials if all(credentials) else _read_basic(request) or ("", "")
        key = self.keys.get(name)
        if key is not None and secret and not _equals(key.consumer_secret, secret):
            raise _authentication_error("Consumer secret is invalid.")
        return key if secret else None

    def _find_key_by_signature(self, request: Request, *, secure: bool, form: Pairs) -> ApiKey | None:
        """Return the key that signed a request; None without OAuth parameters. Raises RestError."""
        query = parse_qsl(request.url.query, keep_blank_values=True)
        parameters = [*query, *form, *header_parameters(request.headers.get("authorization", ""))]
        by_name = dict(parameters)
        if not by_name.get("oauth_consumer_key"):
            return None
        missing = [name for name in REQUIRED if not by_name.get(name)]
        if missing:
            words = f"Missing OAuth parameter{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            raise RestError("woocommerce_rest_authentication_missing_parameter", words, 401)
        key = self.keys.get(by_name["oauth_consumer_key"])
        if key is None:
            raise _authentication_error("Consumer key is invalid.")
        algorithm = by_name["oauth_signature_method"]
        if algorithm not in ALGORITHMS:
            raise _authentication_error("Invalid signature - signature method is invalid.")
        path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii")
        url = base_url("https" if secure else "http", request.headers.get("host", ""), path)
        expected = sign_request(request.method, url, parameters, secret=key.consumer_secret, algorithm=algorithm)
        if not _equals(expected, by_name["oauth_signature"]):
            raise _authentication_error("Invalid signature - provided signature does not match.")
        self._check_fresh(key, by_name["oauth_timestamp"], by_name["oauth_nonce"])
        return key

    def _check_fresh(self, key: ApiKey, timestamp: str, nonce: str) -> None:
        # The real time, not the shop's clock: a client signs with its own time.
        now = time.time()
        if not (timestamp.isascii() and timestamp.isdigit()) or abs(int(timestamp) - now) > WINDOW_SECONDS:
            raise _authentication_error("Invalid timestamp.")
        used = self._nonces.setdefault(key.consumer_key, {})
        if nonce in used.values():
            raise _authentication_error("Invalid nonce - nonce has already been used.")
        used[int(timestamp)] = nonce
        for expired in [each for each in used if each < now - WINDOW_SECONDS]:
            del used[expired]

    def _is_manager(self, request: Request) -> bool:
        """Return whether the request has the manager's application password. Raises RestError for a wrong one."""
        name, password = _read_basic(request) or ("", "")
        # An unknown WooCommerce key is not a user name, so such a request is anonymous.
        if not name or not password or name.startswith("ck_"):
            return False
        user, expected = self._manager
        if name != user:
            raise RestError("invalid_username", "<strong>Error:</strong> Unknown username.", 401)
        # WordPress shows application passwords in groups of four, and accepts them with or without spaces.
        if not _equals(expected.replace(" ", ""), password.replace(" ", "")):
            raise RestError("incorrect_password", "The provided password is an invalid application password.", 401)
        return True


def is_secure(request: Request, switches: ShopSwitches) -> bool:
    """Return whether WordPress treats a request as https (`is_ssl()`); a proxy must say so in a header."""
    forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
    return switches.behind_tls or "https" in (forwarded, request.scope["scheme"])


def _check_permission(key: ApiKey, method: str) -> None:
    permission = "read" if method in {"GET", "HEAD"} else "write"
    if key.permission not in {permission, "read_write"}:
        raise _authentication_error(f"The API key provided does not have {permission} permissions.")


def _authentication_error(words: str) -> RestError:
    return RestError("woocommerce_rest_authentication_error", words, 401)


def _read_basic(request: Request) -> tuple[str, str] | None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


async def _read_form(request: Request) -> Pairs:
    if not request.headers.get("content-type", "").lower().startswith(FORM):
        return []
    return parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)


def _equals(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
