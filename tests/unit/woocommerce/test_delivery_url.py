"""How WooCommerce treats an address, the answer to a ping, and a secret, by tables."""

import pytest

from panelr_bridge.woocommerce import delivery_url
from panelr_bridge.woocommerce.delivery_url import UrlIssue

SHOP = "https://shop.example.com"


def verdict(url: str, shop: str = SHOP) -> list[tuple[bool, bool]]:
    return [(remark.ok, remark.vital) for remark in delivery_url.check_url(url, shop_url=shop)]


GOOD = [(True, True)]
REFUSED = [(False, True)]
WARNED = [(False, False)]


@pytest.mark.parametrize(
    ("url", "shop", "expected"),
    [
        ("https://bridge.example.com", SHOP, GOOD),
        ("https://bridge.example.com/behind/a/path/", SHOP, GOOD),
        ("https://bridge.example.com:443", SHOP, GOOD),
        ("https://bridge.example.com:8080", SHOP, GOOD),
        ("https://8.8.8.8", SHOP, GOOD),
        ("https://bridge.example.com:8443", SHOP, REFUSED),
        ("https://shop.example.com:8443", "https://shop.example.com:8443", GOOD),
        ("https://shop.example.com:8443", SHOP, REFUSED),
        ("http://bridge.example.com", SHOP, WARNED),
        ("http://bridge.example.com:81", SHOP, WARNED + REFUSED),
        ("https://user:password@bridge.example.com", SHOP, REFUSED),
        ("https://user@bridge.example.com", SHOP, REFUSED),
        ("https://bridge.example.com?x=1", SHOP, REFUSED),
        ("https://bridge.example.com/#top", SHOP, REFUSED),
        ("https://10.0.0.7", SHOP, WARNED),
        ("https://192.168.1.2:8080", SHOP, WARNED),
        ("https://[fd00::1]", SHOP, WARNED),
        ("https://bridge.local", SHOP, WARNED),
        ("http://127.0.0.1:8080", SHOP, WARNED),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8000", GOOD),
        ("http://localhost:9000", "http://localhost:8000", WARNED),
        ("http://10.0.0.7", "http://10.0.0.8", WARNED),
        ("", SHOP, REFUSED),
        ("bridge.example.com", SHOP, REFUSED),
        ("ftp://bridge.example.com", SHOP, REFUSED),
        ("https://", SHOP, REFUSED),
        ("https://bridge.example.com:port", SHOP, REFUSED),
        ("https://[bridge", SHOP, REFUSED),
        ("https://bridge.example.com", "not an address", GOOD),
    ],
)
def test_what_woocommerce_makes_of_an_address(url: str, shop: str, expected: list[tuple[bool, bool]]) -> None:
    assert verdict(url, shop) == expected


def test_a_password_is_in_no_words() -> None:
    said = [remark.words for remark in delivery_url.check_url("https://user:pass-word@bridge.example.com:81")]
    assert said
    assert not any("pass-word" in words for words in said)
    assert (
        delivery_url.without_credentials("https://user:pass-word@bridge.example.com/a@b")
        == "https://bridge.example.com/a@b"
    )


def test_a_remark_without_more_is_vital() -> None:
    assert UrlIssue(False, "x").vital


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://b.example.com/webhooks/woocommerce", "https://B.example.com:443/webhooks/woocommerce/", True),
        ("http://b.example.com:80/x", "http://b.example.com/x", True),
        ("https://b.example.com/x", "http://b.example.com/x", False),
        ("https://b.example.com/x", "https://b.example.com:8080/x", False),
        ("https://b.example.com/x", "https://b.example.com/X", False),
        ("https://b.example.com/x", "https://c.example.com/x", False),
        ("https://b.example.com/x", "nonsense", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_when_two_addresses_are_one(one: str, other: str, expected: bool) -> None:
    assert delivery_url.same_url(one, other) is expected


@pytest.mark.parametrize(
    ("address", "path", "expected"),
    [
        ("https://b.example.com/webhooks/woocommerce", "/webhooks/woocommerce", True),
        ("https://b.example.com/below/webhooks/woocommerce/", "/webhooks/woocommerce", True),
        ("https://b.example.com/webhooks/woocommerce/second", "/webhooks/woocommerce", False),
        ("https://b.example.com/webhooks/woocommerce/second", "/webhooks/woocommerce/second", True),
        ("nonsense/webhooks/woocommerce", "/webhooks/woocommerce", False),
    ],
)
def test_whose_endpoint_an_address_leads_to_by_its_path(address: str, path: str, expected: bool) -> None:
    assert delivery_url.ends_in_path(address, path) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://b.example.com", "https://b.example.com"),
        (" https://b.example.com/ ", "https://b.example.com"),
        ("https://b.example.com/below/", "https://b.example.com/below"),
        ("https://b.example.com/webhooks/woocommerce/", "https://b.example.com"),
    ],
)
def test_the_endpoint_may_be_given_for_the_bridge(given: str, expected: str) -> None:
    assert delivery_url.bridge_base_url(given) == expected


def test_the_endpoint_of_a_store() -> None:
    assert delivery_url.delivery_path("default", default="default") == "/webhooks/woocommerce"
    assert delivery_url.delivery_path("second", default="default") == "/webhooks/woocommerce/second"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, "pong", "text/plain", None),
        (200, "<html>", "text/html", "no pong"),
        (201, "pong", "text/plain", "instead of 200"),
        (301, "", "", "is redirected to https://x (301)"),
        (404, "{}", "application/problem+json", "does not know this store"),
        (404, "", "text/html", "does not forward this path"),
        (401, "", "", "must let WooCommerce through"),
        (403, "", "", "must let WooCommerce through"),
        (502, "", "", "is the bridge running?"),
        (500, "", "", "answered 500"),
    ],
)
def test_what_an_answer_to_a_ping_means(status: int, body: str, kind: str, words: str | None) -> None:
    said = delivery_url.ping_fault(status, body=body, location="https://x" if status == 301 else "", kind=kind)
    assert (said is None) if words is None else (said is not None and words in said)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("", "missing"),
        ("a" * 19, "shorter than 20"),
        ("a" * 20, None),
        ("aA0_-" * 8, None),
        ("a" * 20 + "&", "characters besides"),
        ("ü" * 30, "characters besides"),
        ("a" * 30 + "\n", "characters besides"),
    ],
)
def test_what_a_secret_must_be(secret: str, words: str | None) -> None:
    said = delivery_url.secret_fault(secret)
    assert (said is None) if words is None else (said is not None and words in said)
