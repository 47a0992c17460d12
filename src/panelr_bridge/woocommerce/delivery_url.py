"""Checks whether WooCommerce can deliver to an address. No I/O.

Source: WooCommerce 10.5.0, class-wc-webhook.php, and WordPress's `wp_http_validate_url`.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

WEBHOOK_PATH = "/webhooks/woocommerce"
PORTS = frozenset({80, 443, 8080})
DEFAULT_PORTS = {"http": 80, "https": 443}
SHORTEST_SECRET = 20
_UNCHANGED = re.compile(r"[A-Za-z0-9_-]+")
_USER = re.compile(r"(?<=//)[^/?#]*@")
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".test")


@dataclass(frozen=True, slots=True)
class UrlIssue:
    """One finding about an address. A `vital` one that is not `ok` prevents deliveries."""

    ok: bool
    words: str
    vital: bool = True


def delivery_path(store: str, *, default: str) -> str:
    """Return the path of a store's delivery endpoint."""
    return WEBHOOK_PATH if store == default else f"{WEBHOOK_PATH}/{store}"


def bridge_base_url(url: str) -> str:
    """Return the bridge's address without a slash or the endpoint's path at its end."""
    return url.strip().rstrip("/").removesuffix(WEBHOOK_PATH).rstrip("/")


def same_url(one: str, other: str) -> bool:
    """Return whether two addresses have the same scheme, host, port and path; a last slash is ignored."""
    first, second = _split_url(one), _split_url(other)
    return first is not None and second is not None and _comparable_parts(first) == _comparable_parts(second)


def read_host(address: str) -> str | None:
    """Return the host of an http(s) address in small letters, with its port if that is not a standard one."""
    parts = _split_url(address)
    if parts is None or parts.hostname is None:
        return None
    return parts.hostname if parts.port in {None, *DEFAULT_PORTS.values()} else f"{parts.hostname}:{parts.port}"


def ends_in_path(address: str, path: str) -> bool:
    """Return whether the path of `address` ends in `path`, on any host."""
    parts = _split_url(address)
    return parts is not None and parts.path.rstrip("/").endswith(path)


def without_credentials(url: str) -> str:
    """Return an address without its user and password, if any."""
    return _USER.sub("", url)


def check_url(url: str, *, shop_url: str = "") -> list[UrlIssue]:
    """Return the findings about the bridge's address `url`; a local shop may deliver to local addresses."""
    parts = _split_url(url)
    if parts is None:
        words = f"{url or 'it'} is not an http(s) address: it must be like https://bridge.your-shop.com"
        return [UrlIssue(False, words)]
    shop = _split_url(shop_url)
    near = shop is not None and is_local(shop.hostname or "")
    issues = [
        *_check_scheme(parts),
        *_check_shape(parts),
        *_check_port(parts, shop, near=near),
        *_check_private(parts, near=near),
    ]
    return issues or [UrlIssue(True, f"{url} is an address that WooCommerce delivers to")]


def _check_scheme(parts: SplitResult) -> list[UrlIssue]:
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return []
    return [UrlIssue(False, "it is http: orders are sent unencrypted; use https", vital=False)]


def _check_shape(parts: SplitResult) -> list[UrlIssue]:
    issues = []
    if parts.username is not None or parts.password is not None:
        issues.append(UrlIssue(False, "it holds a user or password: WooCommerce refuses to deliver to such an address"))
    if parts.query or parts.fragment:
        issues.append(UrlIssue(False, "it holds a ? or a #: give the address alone"))
    return issues


def _check_port(parts: SplitResult, shop: SplitResult | None, *, near: bool) -> list[UrlIssue]:
    port = _port_of(parts)
    own = shop is not None and (parts.hostname, port) == (shop.hostname, _port_of(shop))
    if port in PORTS or own:
        return []
    words = f"its port is {port}: WooCommerce delivers to 80, 443 and 8080 only, and drops other deliveries"
    return [UrlIssue(False, words, vital=not near)]


def _check_private(parts: SplitResult, *, near: bool) -> list[UrlIssue]:
    if near or not is_local(parts.hostname or ""):
        return []
    words = "it is an address of a private network: a public shop cannot reach it"
    return [UrlIssue(False, words, vital=False)]


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_local(host: str) -> bool:
    """Return whether `host`, by its name or number, is in a private network."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL_NAMES)


def ping_fault(status: int, *, body: str, location: str, kind: str) -> str | None:
    """Return the fault in the answer to a ping; None for the right answer."""
    if 300 <= status < 400:
        target = f" to {location}" if location else ""
        return (
            f"the ping is redirected{target} ({status}): WooCommerce counts a redirect as delivered, and the order is "
            "lost. Give the final address"
        )
    if status == 200 and body.strip() == "pong":
        return None
    if status == 200:
        return "200, but no pong: another program answers there; does the address lead to the bridge?"
    if status == 404 and kind.startswith("application/problem+json"):
        return "the bridge answers, but does not know this store: restart it after its settings have changed"
    if status == 404:
        return "404, and not from the bridge: the web server in front does not forward this path to it"
    if status in {401, 403}:
        return f"{status}: something in front of the bridge, a password or a firewall, must let WooCommerce through"
    if status in {502, 503, 504}:
        return f"{status}: the web server in front does not reach the bridge: is the bridge running?"
    return f"the ping was answered {status} instead of 200"


def secret_fault(secret: str) -> str | None:
    """Return the fault of a webhook secret; None for a good one."""
    if not secret:
        return "is missing"
    if not _UNCHANGED.fullmatch(secret):
        return "holds characters besides letters, digits, _ and -: WooCommerce changes them without notice"
    if len(secret) < SHORTEST_SECRET:
        return f"is shorter than {SHORTEST_SECRET} characters and could be guessed"
    return None


def _split_url(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _port_of(parts: SplitResult) -> int:
    return parts.port or DEFAULT_PORTS[parts.scheme]


def _comparable_parts(parts: SplitResult) -> tuple[str, str | None, int, str]:
    return parts.scheme, parts.hostname, _port_of(parts), parts.path.rstrip("/")
