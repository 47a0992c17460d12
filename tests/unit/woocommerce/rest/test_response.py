"""The errors of a shop: of both kinds of API, of WordPress itself and of a proxy."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.errors import ShopError, ShopMisconfigured, ShopNotFound, ShopRefused, ShopUnreachable
from panelr_bridge.woocommerce.rest import response
from panelr_bridge.woocommerce.rest.models import OrdersQuery, RestResponse
from panelr_bridge.woocommerce.rest.orders_resource import OrdersResource
from panelr_bridge.woocommerce.rest.wc_v3 import WcV3

ROOT = "https://shop.test/wp-json/"
NOW = datetime(2026, 11, 21, 19, 16, 41, tzinfo=UTC)


def read(status: int, content: Any, root: str = ROOT, **headers: str) -> RestResponse:
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return response.read(status=status, headers=named, body=body, root=root, now=NOW, secrets=("cs_secret", "hunter22"))


def refused(status: int, content: Any, root: str = ROOT, **headers: str) -> ShopError:
    with pytest.raises(ShopError) as caught:
        read(status, content, root, **headers)
    return caught.value


def wordpress(code: str, message: str = "Words.", status: int = 400, **data: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status, **data}}


def library(code: str, message: str = "Words.", **details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "requestId": "req_1", "details": details}}


HTML = "<html><title>404 Not Found</title></html>"


@pytest.mark.parametrize(
    ("status", "content", "kind", "words"),
    [
        (401, wordpress("woocommerce_rest_authentication_error"), ShopMisconfigured, "permission to read and write"),
        (401, wordpress("woocommerce_rest_cannot_view"), ShopMisconfigured, "permission to read and write"),
        (403, wordpress("rest_forbidden"), ShopMisconfigured, "application password"),
        (401, wordpress("invalid_username", "<b>a@b.c</b> unknown"), ShopMisconfigured, "(an e-mail address) unknown"),
        (403, HTML, ShopMisconfigured, "a firewall"),
        (401, HTML, ShopMisconfigured, "a firewall"),
        (404, HTML, ShopMisconfigured, "Permalinks"),
        (404, wordpress("rest_no_route"), ShopMisconfigured, "WOO_ORDERS_API"),
        (409, library("hpos_required"), ShopMisconfigured, "not ready"),
        (404, wordpress("woocommerce_rest_shop_order_invalid_id"), ShopNotFound, "does not have this"),
        (400, wordpress("woocommerce_rest_shop_order_invalid_id"), ShopNotFound, "does not have this"),
        (404, library("not_found", "Resource not found."), ShopNotFound, "Resource not found."),
        (400, library("validation_failed", "Invalid.", fieldErrors={"a": ["max 1"]}), ShopRefused, "(a: max 1)"),
        (400, wordpress("rest_invalid_param", params={"status": "not one"}), ShopRefused, "(status: not one)"),
        (409, library("woo_line_items_locked", "Locked."), ShopRefused, "Locked."),
        (410, wordpress("woocommerce_rest_already_trashed", "In the trash."), ShopRefused, "In the trash."),
        (422, "", ShopRefused, "without a reason"),
        (429, "", ShopUnreachable, "answered 429"),
        (500, wordpress("internal_server_error", "A critical error."), ShopUnreachable, "A critical error."),
        (503, library("woo_unavailable", "Off."), ShopUnreachable, "Off."),
        (502, HTML, ShopUnreachable, "answered 502"),
        (200, "<br />Warning: Undefined", ShopMisconfigured, "not JSON"),
        (200, HTML, ShopMisconfigured, "not JSON"),
    ],
)
def test_errors_are_named_by_what_happens_next(status: int, content: Any, kind: type[ShopError], words: str) -> None:
    error = refused(status, content)
    assert (type(error), error.status) == (kind, status)
    assert words in str(error)


@pytest.mark.parametrize(
    ("status", "content", "maybe"),
    [
        (200, HTML, True),
        *[(status, "", True) for status in (500, 502, 503, 504)],
        *[(status, "", False) for status in (400, 401, 404, 429, 302)],
        (503, library("woo_unavailable"), False),
    ],
)
def test_a_write_may_have_happened_or_not(status: int, content: Any, maybe: bool) -> None:
    assert refused(status, content).maybe_done is maybe


def test_over_plain_http_a_key_may_be_right_and_still_be_ignored() -> None:
    problem = wordpress("woocommerce_rest_cannot_view")
    assert "set WOO_URL to https" in str(refused(401, problem, "http://shop.test/wp-json/"))
    assert "set WOO_URL to https" not in str(refused(401, problem))


def test_a_redirect_is_reported_without_its_query() -> None:
    error = refused(301, "", location="https://www.shop.test/wp-json/wc/v3/orders?oauth_signature=abc")
    assert isinstance(error, ShopMisconfigured)
    assert str(error) == "the shop redirects shop.test to https://www.shop.test (301): set WOO_URL to its final address"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://shop.test/", "choose anything but Plain in Settings > Permalinks"),
        ("/", "choose anything but Plain in Settings > Permalinks"),
        ("https://shop.test/my-page/?x=secret", "to one of its pages, /my-page/ (301)"),
        ("https://shop.test/en/wp-json/wc/v3/orders?x=secret", "to https://shop.test/en/wp-json/wc/v3/orders (301)"),
        ("http://shop.test/wp-json/", "to http://shop.test (301): set WOO_URL"),
    ],
)
def test_a_redirect_to_the_same_host_says_what_to_change(location: str, words: str) -> None:
    error = str(refused(301, "", location=location))
    assert words in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "woocommerce_rest_cannot_view", True),
        (401, "rest_forbidden", True),
        (401, "woocommerce_rest_authentication_error", False),
        (401, "incorrect_password", False),
        (403, "woocommerce_rest_cannot_view", False),
    ],
)
def test_a_key_that_the_shop_may_never_have_seen(status: int, code: str, hint: bool) -> None:
    assert ("removes the header Authorization" in str(refused(status, wordpress(code)))) is hint


@pytest.mark.parametrize(
    "notice",
    [
        "<br />\n<b>Notice</b>: Undefined index: a in <b>/var/www/x.php</b> on line <b>3</b><br />\n",
        "PHP Warning: [pool www] array{0}\n",
        "\ufeff\ufeff",
    ],
)
def test_notices_before_the_json_are_overlooked(notice: str) -> None:
    assert read(200, f'{notice}[{{"id": 1}}]').content == [{"id": 1}]


@pytest.mark.parametrize(
    "page",
    [
        '<!doctype html><script type="application/ld+json">{"id": 1}</script>',
        "<!doctype html><p>Not here</p><pre>[1]",
        "\n <HTML><body>{}",
        '{"id": 1} and more',
    ],
)
def test_a_page_is_no_json_whatever_it_contains(page: str) -> None:
    with pytest.raises(ShopMisconfigured, match="is not JSON"):
        read(200, page)


@pytest.mark.parametrize(
    "content", [[{"id": 1}, None, {"id": 2}], {"0": {"id": 1}, "2": {"id": 2}}, {"5": {"id": 1}, "6": {"id": 2}}]
)
def test_null_entries_and_objects_for_lists_are_read(content: Any) -> None:
    page = WcV3().page(read(200, content, x_wp_total="9"), OrdersQuery())
    assert [order["id"] for order in page.orders] == [1, 2]
    page = RESOURCE.page(read(200, {"data": content}), OrdersQuery())
    assert [order["id"] for order in page.orders] == [1, 2]


def test_words_hold_no_keys_no_persons_and_no_end() -> None:
    said = "ck_12345 of cs_secret by hunter22 or joe.doe+x@shop.test &lt;b&gt; " + "x" * 5000
    words = str(refused(400, wordpress("a", said)))
    assert not any(part in words for part in ("ck_12345", "cs_secret", "hunter22", "joe", "shop.test"))
    assert len(words) < 600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", None), ("Sat, 21 Nov 2026 19:17:11 GMT", 30.0), ("soon", None), ("-3", None)],
)
def test_the_wait_that_a_shop_asks_for(header: str, seconds: float | None) -> None:
    error = refused(503, "", retry_after=header)
    assert isinstance(error, ShopUnreachable)
    assert error.retry_after == seconds


def test_numbers_come_as_decimals() -> None:
    assert read(200, '{"id": 1, "total": 19.10}').content == {"id": 1, "total": Decimal("19.10")}


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_byte_order_mark_is_overlooked(start: str) -> None:
    assert read(200, f'{start}{{"id": 1}}').content == {"id": 1}


@pytest.mark.parametrize(
    ("headers", "query", "total", "more"),
    [
        ({"x_wp_total": "3", "x_wp_totalpages": "2"}, OrdersQuery(page=1, per_page=2), 3, True),
        ({"x_wp_total": "4", "x_wp_totalpages": "2"}, OrdersQuery(page=2, per_page=2), 4, False),
        ({}, OrdersQuery(per_page=2), None, True),
        ({}, OrdersQuery(per_page=3), None, False),
    ],
)
def test_a_page_of_wc_v3(headers: dict[str, str], query: OrdersQuery, total: int | None, more: bool) -> None:
    page = WcV3().page(read(200, [{"id": 1}, {"id": 2}], **headers), query)
    assert ([order["id"] for order in page.orders], page.total, page.has_more) == ([1, 2], total, more)


RESOURCE = OrdersResource("x/v1/woo/orders")


@pytest.mark.parametrize(
    ("total", "per_page", "more"), [(3, 2, True), (2, 2, False), (None, 2, True), (None, 3, False)]
)
def test_a_page_of_an_orders_resource(total: int | None, per_page: int, more: bool) -> None:
    content = {"data": [{"id": 1}, {"id": 2}], "meta": {"page": 1, "perPage": per_page, "total": total}}
    page = RESOURCE.page(read(200, content), OrdersQuery(per_page=per_page))
    assert (len(page.orders), page.total, page.has_more) == (2, total, more)


def test_a_page_of_an_orders_resource_ends_at_the_first_older_order() -> None:
    times = ("2026-11-21T14:16:42-05:00", "2026-11-21T19:16:41+00:00", "2026-11-21T19:16:40+00:00")
    content = {"data": [{"id": at, "date_modified": each} for at, each in enumerate(times)], "meta": {"total": 90}}
    page = RESOURCE.page(read(200, content), OrdersQuery(per_page=3, modified_since=NOW.replace(microsecond=9)))
    assert ([order["id"] for order in page.orders], page.has_more) == ([0, 1], False)


@pytest.mark.parametrize("content", [[], {"id": "7"}, {"data": []}, {}, None, 7])
def test_an_answer_of_another_shape_is_no_order(content: Any) -> None:
    for dialect in (WcV3(), RESOURCE):
        with pytest.raises(ShopMisconfigured):
            dialect.one(RestResponse(content, {}))


@pytest.mark.parametrize("content", [{"id": 1}, [1], None, {"data": 1}])
def test_an_answer_of_another_shape_is_no_page(content: Any) -> None:
    for dialect in (WcV3(), RESOURCE):
        with pytest.raises(ShopMisconfigured):
            dialect.page(RestResponse(content, {}), OrdersQuery())
