"""Authentication of the simulated shop's wc/v3: keys by Basic, query and OAuth, and application passwords."""

import secrets
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from panelr_bridge.simulators.woocommerce import ApiKey
from panelr_bridge.simulators.woocommerce.rest.oauth import base_string, base_url, header_parameters, sign_request
from tests.support.rest_shop import KEY, ORDERS, RestShop, open_shop

TLS = {"X-Forwarded-Proto": "https"}
PASSWORD = ("bridge", "application-password")
KEYS = [
    ApiKey("ck_read", "cs_read", "read"),
    ApiKey("ck_write", "cs_write", "write"),
    ApiKey("ck_subscriber", "cs_subscriber", manages=False),
]
CANNOT_LIST = (401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")


@pytest.fixture
async def shop() -> AsyncIterator[RestShop]:
    async with open_shop(behind_tls=False, auth=None, more_keys=KEYS) as opened:
        yield opened


def sign_parameters(shop: RestShop, method: str, path: str, query: dict[str, str], **other: Any) -> dict[str, str]:
    """Return the OAuth parameters of a request; `other` replaces correct values."""
    secret, url = other.pop("secret", "cs_demo"), other.pop("url", shop.url)
    oauth = {
        "oauth_consumer_key": "ck_demo",
        "oauth_nonce": secrets.token_hex(8),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
        **other,
    }
    known = {"HMAC-SHA1", "HMAC-SHA256"}
    algorithm = oauth["oauth_signature_method"] if oauth["oauth_signature_method"] in known else "HMAC-SHA1"
    pairs = [*query.items(), *oauth.items()]
    return oauth | {"oauth_signature": sign_request(method, url + path, pairs, secret=secret, algorithm=algorithm)}


def build_oauth_header(oauth: dict[str, str]) -> dict[str, str]:
    header = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in oauth.items())
    return {"Authorization": f'OAuth realm="shop", {header}'}


def test_the_base_string_is_that_of_rfc_5849() -> None:
    pairs = [("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q")]
    header = (
        'OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", '
        'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", '
        'oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"'
    )
    url = base_url("http", "EXAMPLE.COM:80", "/request")
    assert base_string("post", url, [*pairs, *header_parameters(header)]) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26"
        "c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26"
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("HMAC-SHA1", "cKrMecL7dxWh/qrvS35mTLYPG44="),
        ("HMAC-SHA256", "H8/rOP6XjpbPhZnBBxGxgZ3jDzZ8JyzlfKRAdBGyJdI="),
    ],
)
def test_signatures_are_those_of_oauthlib(algorithm: str, expected: str) -> None:
    pairs = [
        ("per_page", "5"),
        ("status", "on-hold,processing"),
        ("search", "a b+c~é"),
        ("modified_after", "2026-11-21T19:16:41"),
        ("oauth_nonce", "7d8f3e4a"),
        ("oauth_timestamp", "1795544201"),
        ("oauth_version", "1.0"),
        ("oauth_signature_method", algorithm),
        ("oauth_consumer_key", "ck_demo"),
    ]
    url = "http://127.0.0.1:9091/wp-json/wc/v3/orders"
    assert sign_request("GET", url, pairs, secret="cs_demo", algorithm=algorithm) == expected


@pytest.mark.parametrize("algorithm", ["HMAC-SHA1", "HMAC-SHA256"])
async def test_oauth_over_plain_http(shop: RestShop, algorithm: str) -> None:
    query = {"search": "a b+c~é&=", "status": "on-hold,processing"}
    oauth = sign_parameters(shop, "GET", ORDERS, query, oauth_signature_method=algorithm)
    assert (await shop.client.get(ORDERS, params=query | oauth)).status_code == 200
    headers = build_oauth_header(sign_parameters(shop, "GET", ORDERS, query, oauth_signature_method=algorithm))
    assert (await shop.client.get(ORDERS, params=query, headers=headers)).status_code == 200
    posted = sign_parameters(shop, "POST", ORDERS, {})
    assert (
        await shop.client.post(ORDERS, json={"status": "on-hold"}, headers=build_oauth_header(posted))
    ).status_code == 201
    form = {"status": "completed"}
    by_form = form | sign_parameters(shop, "PUT", f"{ORDERS}/20", form)
    assert (await shop.client.put(f"{ORDERS}/20", data=by_form)).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"secret": "cs_other"}, "Invalid signature - provided signature does not match."),
        ({"url": "https://127.0.0.1:1"}, "Invalid signature - provided signature does not match."),
        ({"oauth_signature_method": "PLAINTEXT"}, "Invalid signature - signature method is invalid."),
        ({"oauth_consumer_key": "ck_nobody"}, "Consumer key is invalid."),
        ({"oauth_timestamp": str(int(time.time()) - 1000)}, "Invalid timestamp."),
        ({"oauth_timestamp": str(int(time.time()) + 10_000)}, "Invalid timestamp."),
        ({"oauth_timestamp": "now"}, "Invalid timestamp."),
    ],
)
async def test_invalid_oauth_is_rejected(shop: RestShop, other: dict[str, str], words: str) -> None:
    oauth = sign_parameters(shop, "GET", ORDERS, {}, **other)
    refusal = await shop.read_error("GET", ORDERS, params=oauth)
    assert refusal == (401, "woocommerce_rest_authentication_error", words)


async def test_a_signature_is_valid_once_and_only_for_its_request(shop: RestShop) -> None:
    oauth = sign_parameters(shop, "GET", ORDERS, {})
    assert (await shop.read_error("POST", ORDERS, params=oauth))[2].endswith("does not match.")
    assert (await shop.read_error("GET", ORDERS, params={**oauth, "status": "trash"}))[2].endswith("does not match.")
    assert (await shop.client.get(ORDERS, params=oauth)).status_code == 200
    again = await shop.read_error("GET", ORDERS, params=oauth)
    assert again == (401, "woocommerce_rest_authentication_error", "Invalid nonce - nonce has already been used.")
    del oauth["oauth_nonce"]
    lacking = await shop.read_error("GET", ORDERS, params=oauth)
    assert lacking == (401, "woocommerce_rest_authentication_missing_parameter", "Missing OAuth parameter oauth_nonce")


async def test_plain_keys_need_https(shop: RestShop) -> None:
    query = {"consumer_key": "ck_demo", "consumer_secret": "cs_demo"}
    assert await shop.read_error("GET", ORDERS, auth=KEY) == CANNOT_LIST
    assert await shop.read_error("GET", ORDERS, params=query) == CANNOT_LIST
    assert (await shop.client.get(ORDERS, auth=KEY, headers=TLS)).status_code == 200
    assert (await shop.client.get(ORDERS, params=query, headers=TLS)).status_code == 200
    oauth = sign_parameters(shop, "GET", ORDERS, {}, url=shop.url.replace("http:", "https:"))
    assert (await shop.client.get(ORDERS, params=oauth, headers=TLS)).status_code == 200


async def test_page_links_contain_the_secret_of_the_query(shop: RestShop) -> None:
    query: dict[str, Any] = {"consumer_key": "ck_demo", "consumer_secret": "cs_demo", "per_page": 1}
    for _ in range(2):
        await shop.client.post(ORDERS, json={}, auth=KEY, headers=TLS)
    answer = await shop.client.get(ORDERS, params=query, headers=TLS)
    assert httpx.URL(answer.links["next"]["url"]).params["consumer_secret"] == "cs_demo"
    journal = await shop.client.get("/_sim/requests", params={"last": 1})
    assert journal.json()[0]["query"] == {"per_page": "1"}


@pytest.mark.parametrize(
    ("method", "auth", "expected"),
    [
        ("GET", ("ck_demo", "wrong"), (401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")),
        ("GET", ("ck_nobody", "cs_demo"), CANNOT_LIST),
        ("GET", None, CANNOT_LIST),
        ("POST", None, (401, "woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources.")),
        (
            "POST",
            ("ck_read", "cs_read"),
            (401, "woocommerce_rest_authentication_error", "The API key provided does not have write permissions."),
        ),
        (
            "GET",
            ("ck_write", "cs_write"),
            (401, "woocommerce_rest_authentication_error", "The API key provided does not have read permissions."),
        ),
        ("GET", ("ck_subscriber", "cs_subscriber"), (403, *CANNOT_LIST[1:])),
        (
            "GET",
            ("bridge", "wrong"),
            (401, "incorrect_password", "The provided password is an invalid application password."),
        ),
        ("GET", ("somebody", "wrong"), (401, "invalid_username", "<strong>Error:</strong> Unknown username.")),
    ],
)
async def test_refusals_over_https(shop: RestShop, method: str, auth: Any, expected: tuple[int, str, str]) -> None:
    assert await shop.read_error(method, ORDERS, auth=auth, headers=TLS) == expected
    assert shop.simulator.orders == {}


async def test_keys_can_do_what_their_permission_allows(shop: RestShop) -> None:
    assert (await shop.client.post(ORDERS, json={}, auth=("ck_write", "cs_write"), headers=TLS)).status_code == 201
    assert (await shop.client.get(ORDERS, auth=("ck_read", "cs_read"), headers=TLS)).status_code == 200


async def test_application_passwords(shop: RestShop) -> None:
    assert await shop.read_error("GET", ORDERS, auth=PASSWORD) == CANNOT_LIST
    assert (await shop.client.get(ORDERS, auth=PASSWORD, headers=TLS)).status_code == 200
    spaced = ("bridge", "appl icat ion- passwo rd")
    assert (await shop.client.get(ORDERS, auth=spaced, headers=TLS)).status_code == 200
    assert (await shop.client.get("/wp-json/myplugin/v1/woo/orders", auth=PASSWORD)).status_code == 200
    switched = await shop.client.patch("/_sim/settings", json={"local_environment": True})
    assert {name for name, on in switched.json().items() if on} == {"local_environment"}
    assert (await shop.client.get(ORDERS, auth=PASSWORD)).status_code == 200
    assert await shop.read_error("GET", ORDERS, auth=KEY) == CANNOT_LIST


async def test_the_index_needs_no_key(shop: RestShop) -> None:
    for path in ("/wp-json", "/wp-json/"):
        index = (await shop.client.get(path)).json()
        assert index["url"] == "http://127.0.0.1:8000"
        assert {"wc/v3", "myplugin/v1"} <= set(index["namespaces"])
