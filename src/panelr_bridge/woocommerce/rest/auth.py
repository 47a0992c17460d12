"""Authentication of requests. No I/O: the caller passes nonce and time.

WooCommerce accepts its own keys by HTTP Basic over https only; over plain http it requires one-legged OAuth 1.0a
(`WC_REST_Authentication::authenticate`). WordPress accepts application passwords by HTTP Basic.
"""

import base64
from urllib.parse import parse_qsl, urlsplit

from oauthlib import oauth1

from panelr_bridge.woocommerce.rest.models import RestRequest
from panelr_bridge.woocommerce.rest.request import encode_query

Query = tuple[tuple[str, str], ...]
KEY_PREFIX = "ck_"


def wants_oauth(*, root: str, path: str, key: str) -> bool:
    """Return whether a request needs an OAuth signature: with a WooCommerce key, to WooCommerce's API, over http.

    Application passwords never need one.
    """
    return urlsplit(root).scheme == "http" and path.startswith("wc/") and key.startswith(KEY_PREFIX)


def basic_authorization(key: str, secret: str) -> str:
    """Return the value of the header Authorization."""
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode("ascii")


def sign_query(request: RestRequest, *, root: str, key: str, secret: str, nonce: str, timestamp: int) -> Query:
    """Return the query of `request` with the parameters of OAuth 1.0a, signed by HMAC-SHA256.

    The query carries them because many web servers remove the header Authorization before PHP.
    """
    client = oauth1.Client(
        key,
        client_secret=secret,
        signature_method=oauth1.SIGNATURE_HMAC_SHA256,
        signature_type=oauth1.SIGNATURE_TYPE_QUERY,
        nonce=nonce,
        timestamp=str(timestamp),
    )
    address = f"{root}{request.path}" + (f"?{encode_query(request.query)}" if request.query else "")
    uri, _, _ = client.sign(address, http_method=request.method)
    return tuple(parse_qsl(urlsplit(uri).query, keep_blank_values=True))
