"""The signatures of requests: by RFC 5849, and by WooCommerce's own rules, implemented here again."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import quote

import pytest

from panelr_bridge.woocommerce.rest.auth import basic_authorization, sign_query, wants_oauth
from panelr_bridge.woocommerce.rest.models import RestRequest

KEY, SECRET = "ck_0123456789", "cs_abcdef"
ROOT = "http://shop.test:8000/folder/wp-json/"


def woocommerces(method: str, url: str, params: dict[str, str], secret: str) -> str:
    """Sign as `WC_REST_Authentication::check_oauth_signature` does: encode every part, then the whole."""
    pairs = {quote(name, safe="~"): quote(value, safe="~") for name, value in params.items()}
    joined = "%26".join(quote(f"{name}={value}", safe="~").replace("+", " ") for name, value in sorted(pairs.items()))
    to_sign = f"{method}&{quote(url, safe='~')}&{joined}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), to_sign.encode(), hashlib.sha256)).decode()


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "query",
    [
        (),
        (("per_page", "100"), ("page", "2")),
        (("search", "a b&c=d+é~*'()!"), ("status", "processing,completed")),
        (("search", "100%41"),),
        (("search", "50% off"),),
        (("modified_after", "2026-11-21T19:16:40"), ("dates_are_gmt", "true"), ("a", "")),
    ],
)
def test_the_signature_is_the_one_that_woocommerce_computes(method: Any, query: tuple[tuple[str, str], ...]) -> None:
    request = RestRequest(method, "wc/v3/orders", query)
    sent = dict(sign_query(request, root=ROOT, key=KEY, secret=SECRET, nonce="n0nce", timestamp=1_700_000_000))
    assert {name: sent[name] for name, _ in query} == dict(query)
    signature = sent.pop("oauth_signature")
    assert signature == woocommerces(method, f"{ROOT}wc/v3/orders", sent, SECRET)
    assert {name: value for name, value in sent.items() if name.startswith("oauth_")} == {
        "oauth_consumer_key": KEY,
        "oauth_nonce": "n0nce",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1700000000",
        "oauth_version": "1.0",
    }


def test_the_signature_is_that_of_rfc_5849() -> None:
    """The base string by hand: encoded method, address and sorted parameters, joined by &; the key ends in &."""
    request = RestRequest("GET", "wc/v3/orders", (("page", "2"), ("b", "x y")))
    sent = dict(
        sign_query(request, root="http://shop.test/wp-json/", key="ck_a", secret="cs_b", nonce="n", timestamp=1)
    )
    base = (
        "GET&http%3A%2F%2Fshop.test%2Fwp-json%2Fwc%2Fv3%2Forders&b%3Dx%2520y%26oauth_consumer_key%3Dck_a"
        "%26oauth_nonce%3Dn%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1%26oauth_version%3D1.0"
        "%26page%3D2"
    )
    expected = base64.b64encode(hmac.digest(b"cs_b&", base.encode(), hashlib.sha256)).decode()
    assert sent["oauth_signature"] == expected


@pytest.mark.parametrize(
    ("root", "path", "key", "oauth"),
    [
        ("http://shop.test/wp-json/", "wc/v3/orders", "ck_1", True),
        ("https://shop.test/wp-json/", "wc/v3/orders", "ck_1", False),
        ("http://shop.test/wp-json/", "wc/v3/orders", "a-user", False),
        ("http://shop.test/wp-json/", "myplugin/v1/woo/orders", "ck_1", False),
    ],
)
def test_only_woocommerces_keys_on_its_own_api_over_plain_http_are_signed_with(
    root: str, path: str, key: str, oauth: bool
) -> None:
    assert wants_oauth(root=root, path=path, key=key) is oauth


def test_basic_takes_what_application_passwords_are_made_of() -> None:
    assert basic_authorization("zoë", "abcd efgh") == "Basic " + base64.b64encode("zoë:abcd efgh".encode()).decode()
