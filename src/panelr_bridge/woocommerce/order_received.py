"""Derives the address of an order's order-received page, to which Panelr's payment e-mail leads. No I/O.

WooCommerce's `payment_url` is on the same checkout page, which a shop may have renamed or translated. Only the name of
the page's endpoint differs, and no order contains that one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from panelr_bridge.woocommerce.order_payload import Order

CHECKOUT_PAGE = "checkout"
ORDER_RECEIVED = "order-received"
LONGEST_ADDRESS = 1000
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ONLY_FOR_PAYING = frozenset({"pay_for_order", "key"})
_NAMES_A_PAGE = frozenset({"page_id", "p"})
_MAX_PARAMETERS = 20
_IN_PATH = "/%:@!$&'()*+,;=~-._"
"""What stays as it is in a path; a % begins what is escaped already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutPaths:
    """Where the shop has its checkout page, and below it its order-received page; "" for as in the order."""

    page: str = ""
    endpoint: str = ORDER_RECEIVED


def order_received_address(
    order: Order, *, shop_url: str, source: str | None = None, paths: CheckoutPaths = CheckoutPaths()
) -> str:
    """Return the address of the order's order-received page.

    The order's own link is used only if it leads to the shop: to `shop_url` or `source`, the shop's addresses.
    """
    if not paths.page and is_shop_address(order.payment_url, (shop_url, source)):
        derived = _derive(urlsplit(order.payment_url), order, paths.endpoint)
        if derived is not None:
            return derived
    below = f"{_path(paths.page) or CHECKOUT_PAGE}/{_path(paths.endpoint)}/{order.id}"
    return f"{shop_url.rstrip('/')}/{below}/?key={quote(order.order_key, safe='')}"


def is_shop_address(url: str, shop_urls: Iterable[str | None]) -> bool:
    """Return whether `url` is on the host of one of `shop_urls`."""
    host = _host(url)
    return host is not None and any(host == _host(each) for each in shop_urls if each)


def _host(url: str) -> tuple[str, int | None] | None:
    """Return the host of an http(s) address, and its port if that is unusual. None for any other text."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.hostname, None if port == _DEFAULT_PORTS[parts.scheme] else port


def _derive(payment: SplitResult, order: Order, endpoint: str) -> str | None:
    """Return the address from the parts of the order's payment_url; None if they are not WooCommerce's."""
    try:
        parameters = parse_qsl(payment.query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return None
    kept = [pair for pair in parameters if pair[0] not in _ONLY_FOR_PAYING]
    number, segments = str(order.id), payment.path.rstrip("/").split("/")
    if segments[-1] == number and len(segments) > 2:
        path = "/".join([*segments[:-2], _path(endpoint), number, ""])
    else:  # plain permalinks: the endpoint is a parameter
        names = [name for name, value in kept if value == number and name not in _NAMES_A_PAGE]
        if len(names) != 1:
            return None
        path = payment.path or "/"
        kept = [(endpoint, value) if name == names[0] else (name, value) for name, value in kept]
    query = urlencode([*kept, ("key", order.order_key)], quote_via=quote, safe="")
    return urlunsplit((payment.scheme, payment.netloc.lower(), quote(path, safe=_IN_PATH), query, ""))


def _path(setting: str) -> str:
    """Return a path from the settings without outer slashes, escaped for an address."""
    return quote(setting.strip().strip("/"), safe=_IN_PATH)
