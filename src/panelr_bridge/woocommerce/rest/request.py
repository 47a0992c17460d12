"""What is sent to a store, as far as both kinds of API agree. No I/O."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import simplejson

from panelr_bridge.woocommerce.rest.models import Method, RestRequest

WC = "wc/v3"
MAX_PER_PAGE = 100


def rest_root(url: str) -> str:
    """Return where the API of the shop at `url` begins, with a slash on its end; /wp-json may be given or not."""
    return f"{url.strip().rstrip('/').removesuffix('/wp-json').rstrip('/')}/wp-json/"


def orders_base(orders_api: str) -> str:
    """Return the path below /wp-json/ to which `/orders` is added."""
    return orders_api.strip().strip("/").removeprefix("wp-json/").removesuffix("/orders")


def write_request(method: Method, path: str, content: Mapping[str, Any], *, once: str = "") -> RestRequest:
    """Return a request with a JSON body; Decimals are written as numbers, exactly."""
    text: str = simplejson.dumps(dict(content), use_decimal=True, separators=(",", ":"), ignore_nan=False)
    return RestRequest(method, path, body=text.encode(), once=once)


def page_request(path: str, page: int, *, per_page: int = MAX_PER_PAGE) -> RestRequest:
    """Return the request for one page of a list of wc/v3."""
    return RestRequest("GET", path, (("page", str(page)), ("per_page", str(per_page))))


def encode_query(query: tuple[tuple[str, str], ...]) -> str:
    """Return a query as it goes into the address: everything but letters, digits and -._~ is encoded."""
    return urlencode(query, quote_via=quote, safe="")
