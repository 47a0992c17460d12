"""The address of the order-received page, from the order's payment link or the settings."""

from urllib.parse import parse_qs, urlsplit

import pytest

from panelr_bridge.woocommerce.order_payload import Order
from panelr_bridge.woocommerce.order_received import CheckoutPaths, is_shop_address, order_received_address
from tests.support.bridge_kit import order

SHOP = "https://shop.test"
PAYS = "pay_for_order=true&key=wc_order_x"
GERMAN = CheckoutPaths(endpoint="bestellung-erhalten")


def address(
    payment_url: object, *, key: str = "wc_order_x", source: str | None = None, paths: CheckoutPaths = GERMAN
) -> str:
    """Return the address for order 167."""
    content = order(id=167, order_key=key, payment_url=payment_url)
    return order_received_address(Order.model_validate(content), shop_url=SHOP, source=source, paths=paths)


@pytest.mark.parametrize(
    ("payment_url", "expected"),
    [
        (f"{SHOP}/kasse/zahlung-bezahlen/167/?{PAYS}", f"{SHOP}/kasse/bestellung-erhalten/167/?key=wc_order_x"),
        (f"{SHOP}/kasse/zahlung-bezahlen/167?{PAYS}", f"{SHOP}/kasse/bestellung-erhalten/167/?key=wc_order_x"),
        (f"{SHOP}/order-pay/167/?{PAYS}", f"{SHOP}/bestellung-erhalten/167/?key=wc_order_x"),
        (f"{SHOP}/index.php/a/b/pay/167/?{PAYS}", f"{SHOP}/index.php/a/b/bestellung-erhalten/167/?key=wc_order_x"),
        (f"{SHOP}/k%C3%A4sse/pay/167/?{PAYS}", f"{SHOP}/k%C3%A4sse/bestellung-erhalten/167/?key=wc_order_x"),
        (f"{SHOP}/k\u00e4sse/pay/167/?{PAYS}", f"{SHOP}/k%C3%A4sse/bestellung-erhalten/167/?key=wc_order_x"),
        (f"{SHOP}/kasse/pay/167/?lang=de&{PAYS}", f"{SHOP}/kasse/bestellung-erhalten/167/?lang=de&key=wc_order_x"),
        (
            f"http://SHOP.test:80/kasse/pay/167/?{PAYS}",
            "http://shop.test:80/kasse/bestellung-erhalten/167/?key=wc_order_x",
        ),
        (f"{SHOP}/?page_id=8&order-pay=167&{PAYS}", f"{SHOP}/?page_id=8&bestellung-erhalten=167&key=wc_order_x"),
        (f"{SHOP}/?page_id=167&bezahlen=167&{PAYS}", f"{SHOP}/?page_id=167&bestellung-erhalten=167&key=wc_order_x"),
        (f"{SHOP}?page_id=8&order-pay=167&{PAYS}", f"{SHOP}/?page_id=8&bestellung-erhalten=167&key=wc_order_x"),
    ],
)
def test_the_page_is_that_of_the_payment_link(payment_url: str, expected: str) -> None:
    assert address(payment_url) == expected


def test_plain_permalinks_keep_the_page_with_the_usual_endpoint() -> None:
    found = address(f"{SHOP}/?page_id=8&order-pay=167&{PAYS}", paths=CheckoutPaths())
    assert found == f"{SHOP}/?page_id=8&order-received=167&key=wc_order_x"


FALLBACK = f"{SHOP}/checkout/bestellung-erhalten/167/?key=wc_order_x"


@pytest.mark.parametrize(
    "payment_url",
    [
        *("", None, False, 7, [], {"url": SHOP}, "nonsense", "//shop.test/kasse/pay/167/", "/kasse/pay/167/"),
        f"https://evil.test/kasse/pay/167/?{PAYS}",
        f"https://shop.test.evil.test/kasse/pay/167/?{PAYS}",
        f"https://shop.test@evil.test/kasse/pay/167/?{PAYS}",
        f"https://evil.test@shop.test/kasse/pay/167/?{PAYS}",
        f"https://evil.test\\@shop.test/kasse/pay/167/?{PAYS}",
        f"https://shop.test:8443/kasse/pay/167/?{PAYS}",
        f"https://shop.test:port/kasse/pay/167/?{PAYS}",
        f"https://[shop.test/kasse/pay/167/?{PAYS}",
        f"javascript://shop.test/kasse/pay/167/?{PAYS}",
        f"ftp://shop.test/kasse/pay/167/?{PAYS}",
        f"{SHOP}/kasse/pay/168/?{PAYS}",
        f"{SHOP}/167/?{PAYS}",
        f"{SHOP}/?page_id=167&{PAYS}",
        f"{SHOP}/?page_id=8&a=167&b=167&{PAYS}",
        f"{SHOP}/?{'a=1&' * 50}order-pay=167",
        SHOP,
    ],
)
def test_any_other_payment_link_leaves_the_shops_address(payment_url: object) -> None:
    assert address(payment_url) == FALLBACK


def test_the_address_that_the_shop_gave_with_the_order_is_the_shops_too() -> None:
    found = address(f"https://www.shop.test/kasse/pay/167/?{PAYS}", source="https://www.shop.test/")
    assert found == "https://www.shop.test/kasse/bestellung-erhalten/167/?key=wc_order_x"
    assert address(f"https://www.shop.test/kasse/pay/167/?{PAYS}", source="not an address") == FALLBACK


@pytest.mark.parametrize("page", ["caisse", "/caisse/", " caisse "])
def test_the_settings_go_before_the_payment_link(page: str) -> None:
    paths = CheckoutPaths(page=page, endpoint="/commande-re\u00e7ue/")
    expected = f"{SHOP}/caisse/commande-re%C3%A7ue/167/?key=wc_order_x"
    assert address(f"{SHOP}/kasse/pay/167/?{PAYS}", paths=paths) == expected
    assert address("", paths=paths) == expected


@pytest.mark.parametrize("payment_url", ["", f"{SHOP}/kasse/pay/167/?{PAYS}", f"{SHOP}/?page_id=8&order-pay=167"])
def test_the_key_is_escaped(payment_url: str) -> None:
    key = "wc_order_&a=b #\u00fc%/+"
    found = address(payment_url, key=key)
    assert found.isascii()
    assert " " not in found
    assert parse_qs(urlsplit(found).query)["key"] == [key]


def test_only_an_address_on_the_shops_host_is_the_shops() -> None:
    assert is_shop_address("http://shop.test/a", (None, "https://shop.test/shop"))
    assert not is_shop_address("http://shop.test/a", (None, ""))
    assert not is_shop_address("", (SHOP,))
