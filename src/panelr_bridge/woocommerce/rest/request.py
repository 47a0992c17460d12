"""Builds the parts of a request common to both kinds of API. No I/O."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import simplejson

from panelr_bridge.woocommerce.rest.models import Method, RestRequest

WC = "wc/v3"
MAX_PER_PAGE = 100


def rest_root(url: str) -> str:
    """Return the API's root for the shop at `url`, with a slash at its end; `url` may include /wp-json."""
    return f"{url.strip().rstrip('/').removesuffix('/wp-json').rstrip('/')}/wp-json/"


def orders_base(orders_api: str) -> str:
    """Return the path between /wp-json/ and /orders."""
    return orders_api.strip().strip("/").removeprefix("wp-json/").removesuffix("/orders")


def write_request(method: Method, path: str, content: Mapping[str, Any], *, once: str = "") -> RestRequest:
    """Return a request with a JSON body; Decimals become exact numbers."""
    text: str = simplejson.dumps(dict(content), use_decimal=True, separators=(",", ":"), ignore_nan=False)
    return RestRequest(method, path, body=text.encode(), once=once)


def page_request(path: str, page: int, *, per_page: int = MAX_PER_PAGE) -> RestRequest:
    """Return the request for one page of a list in wc/v3."""
    return RestRequest("GET", path, (("page", str(page)), ("per_page", str(per_page))))


def encode_query(query: tuple[tuple[str, str], ...]) -> str:
    """Return a query encoded for a URL: everything except letters, digits and -._~ is escaped."""
    return urlencode(query, quote_via=quote, safe="")
