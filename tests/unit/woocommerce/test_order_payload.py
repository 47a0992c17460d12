"""Reading WooCommerce's bodies; everything that is no order raises the same error."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.woocommerce.order_payload import BillingAddress, ErrorObject, Order, OrderDeleted, parse, read_order
from tests.support.bridge_kit import capture, line, order
from tests.support.decisions import meta, read
from tests.support.files import CAPTURES

NUMBERS = sorted(path.name[:3] for path in CAPTURES.glob("*.json"))
# id, status, currency, total, what was refunded, lines
ORDERS = {
    "005": (20, "pending", "USD", "58.45", "0", 1),
    "006": (20, "pending", "USD", "58.45", "0", 1),
    "007": (20, "processing", "USD", "58.45", "0", 1),
    "011": (22, "on-hold", "USD", "21.64", "0", 1),
    "013": (22, "processing", "USD", "21.64", "0", 1),
    "014": (23, "processing", "USD", "97.43", "0", 1),
    "015": (23, "processing", "USD", "97.43", "0", 1),
    "016": (24, "processing", "USD", "10.83", "0", 1),
    "017": (24, "processing", "USD", "10.83", "0", 1),
    "018": (25, "processing", "USD", "100.89", "0", 1),
    "019": (25, "processing", "USD", "100.89", "0", 1),
    "022": (20, "completed", "USD", "58.45", "10.00", 1),
    "024": (29, "pending", "USD", "53.04", "0", 1),
    "025": (29, "pending", "USD", "53.04", "0", 1),
    "027": (30, "pending", "USD", "53.04", "0", 1),
    "028": (30, "pending", "USD", "53.04", "0", 1),
    "031": (31, "processing", "USD", "53.04", "0", 1),
    "034": (31, "processing", "USD", "53.04", "0", 1),
    "038": (33, "processing", "USD", "40.59", "0", 1),
    "046": (37, "processing", "USD", "53.04", "0", 1),
    "051": (39, "processing", "USD", "0.00", "0", 1),
    "054": (41, "checkout-draft", "USD", "21.64", "0", 1),
    "074": (50, "processing", "USD", "2900.82", "0", 40),
    "079": (45, "processing", "EUR", "61.46", "0", 2),
}
OTHERS = {
    "033": OrderDeleted(31),
    "067": ErrorObject("woocommerce_rest_shop_order_invalid_id", "Invalid ID."),
}


@pytest.mark.parametrize("number", ORDERS)
def test_a_recorded_order_is_read(number: str) -> None:
    headers, body = capture(number)
    read_one = parse(body=body, topic=headers["X-WC-Webhook-Topic"])
    assert isinstance(read_one, Order)
    assert (
        read_one.id,
        read_one.status,
        read_one.currency,
        str(read_one.total),
        str(read_one.refunded),
        len(read_one.line_items),
    ) == ORDERS[number]
    assert read_order(body) == read_one


@pytest.mark.parametrize("number", OTHERS)
def test_a_recorded_delivery_without_an_order_is_distinguished(number: str) -> None:
    headers, body = capture(number)
    assert parse(body=body, topic=headers["X-WC-Webhook-Topic"]) == OTHERS[number]


def test_every_recorded_delivery_is_read_here() -> None:
    assert sorted([*ORDERS, *OTHERS, "001"]) == NUMBERS  # 001 is a ping: no JSON and no topic


def test_an_order_keeps_woocommerces_words() -> None:
    _, body = capture("014")
    found = read_order(body)
    (only,) = found.line_items
    assert (found.number, found.order_key, found.payment_method) == ("23", "wc_order_ARIAObHXoTtxV", "stripe")
    assert (found.billing.first_name, found.billing.email, found.billing.phone) == (
        *("Ada", "ada@example.test", "4155550100"),
    )
    assert (only.id, only.product_id, only.variation_id, only.sku) == (10, 16, 18, "IPTV-12M")
    assert (only.quantity, only.subtotal, only.total, only.total_tax) == (
        *(Decimal(1), Decimal("90.00"), Decimal("90.00"), Decimal("7.43")),
    )
    assert only.meta("panelr_activation_id") == "77"
    assert found.date_paid_gmt == datetime(2026, 11, 21, 19, 16, 50, tzinfo=UTC)


def test_the_same_body_is_the_same_value() -> None:
    _, body = capture("074")
    assert read_order(body) == read_order(body)


@pytest.mark.parametrize("field", ["line_items", "fee_lines", "coupon_lines", "refunds", "meta_data"])
def test_a_list_that_php_wrote_as_an_object_is_a_list(field: str) -> None:
    entries = [{"id": 1, "key": "a", "code": "x", "total": "1.00"}, {"id": 2, "key": "b", "code": "y", "total": "2.00"}]
    as_object = {"0": entries[0], "2": entries[1]}
    assert read(order(**{field: as_object})) == read(order(**{field: entries}))


def test_the_meta_of_a_line_may_be_an_object_too() -> None:
    content = line(order(), meta_data={"3": {"key": "panelr_intent", "value": "renewal"}})
    assert read(content).line_items[0].meta("panelr_intent") == "renewal"


@pytest.mark.parametrize("nothing", [None, [], {}])
@pytest.mark.parametrize("field", ["line_items", "fee_lines", "coupon_lines", "refunds", "meta_data"])
def test_an_empty_list_has_three_forms(field: str, nothing: Any) -> None:
    assert getattr(read(order(**{field: nothing})), field) == ()


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_an_empty_billing_address_has_three_forms(nothing: Any) -> None:
    assert read(order(billing=nothing)).billing == BillingAddress(
        first_name="", last_name="", company="", email="", phone=""
    )


def test_what_no_database_can_store_is_left_out_of_texts() -> None:
    content = line(
        order(status="proc\x00essing", billing={"first_name": "A\ud800d\x1fa\x7f", "last_name": "L\tov\n🎉ß\u202e"}),
        sku="A\x00-1",
        meta_data=meta(panelr_intent="re\x00newal"),
    )
    found = read(content)
    assert (found.status, found.billing.first_name) == ("processing", "Ada")
    assert found.billing.last_name == "L\tov\n🎉ß\u202e"
    assert (found.line_items[0].sku, found.line_items[0].meta("panelr_intent")) == ("A-1", "renewal")


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("58.45", "58.45"),
        (58.45, "58.45"),
        (58, "58"),
        ("0058.450", "58.450"),
        (None, "0"),
        ("", "0"),
        ("-1.5", "-1.5"),
    ],
)
def test_money_is_read_from_a_text_or_a_number_digit_for_digit(given: Any, read_as: str) -> None:
    assert str(read(order(total=given)).total) == read_as


def test_a_number_is_never_a_float_on_its_way() -> None:
    body = json.dumps(order(total="@")).replace('"@"', "1234567890123.4567").encode()
    assert read_order(body).total == Decimal("1234567890123.4567")


@pytest.mark.parametrize(
    ("changes", "product_id", "sku", "quantity"),
    [
        ({"product_id": "12", "sku": 1000, "quantity": "2"}, 12, "1000", "2"),
        ({"product_id": None, "sku": None, "quantity": None}, 0, "", "0"),
        ({"product_id": "", "sku": 10.5, "quantity": 0.5}, 0, "10.5", "0.5"),
    ],
)
def test_numbers_may_be_texts_and_texts_numbers(changes: Any, product_id: int, sku: str, quantity: str) -> None:
    (only,) = read(line(order(), **changes)).line_items
    assert (only.product_id, only.sku, str(only.quantity)) == (product_id, sku, quantity)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-11-21T19:16:43", datetime(2026, 11, 21, 19, 16, 43, tzinfo=UTC)),
        ("2026-11-21T19:16:43Z", datetime(2026, 11, 21, 19, 16, 43, tzinfo=UTC)),
        ("2026-11-21T21:16:43+02:00", datetime(2026, 11, 21, 19, 16, 43, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_utc(given: str, moment: datetime) -> None:
    assert read(order(date_paid_gmt=given)).date_paid_gmt == moment


@pytest.mark.parametrize(
    "given",
    [
        *(None, "", "soon", "0000-00-00T00:00:00", "-0001-11-30T00:00:00", 1, [], {}, "\ud800"),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),  # UTC has no such year
    ],
)
def test_what_cannot_be_read_as_a_time_is_none(given: Any) -> None:
    assert read(order(date_paid_gmt=given)).date_paid_gmt is None


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ({"a": "1", "b": "2"}, "1"),
        ({"b": "2", "a": "1"}, "1"),
        ({"a": "", "b": "2"}, "2"),
        ({"a": " ", "b": " 2\n"}, "2"),
        ({"a": None, "b": 2}, "2"),
        ({"a": {"x": 1}, "b": 2.50}, "2.5"),
        ({"a": ["x"]}, None),
        ({"a": False}, None),
        ({"a": True, "b": "2"}, "2"),
        ({}, None),
    ],
)
def test_meta_is_the_first_name_that_has_a_text(entries: dict[str, Any], found: str | None) -> None:
    assert read(order(meta_data=meta(**entries))).meta("a", "b") == found


def test_a_key_that_stands_twice_gives_its_first_text() -> None:
    entries = [{"key": "a", "value": ""}, {"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    assert read(order(meta_data=entries)).meta("a") == "1"


def test_what_has_been_given_back_is_the_sum_of_the_refunds() -> None:
    assert read(order(refunds=[{"total": "-10.00"}, {"total": "-0.45"}])).refunded == Decimal("10.45")


def test_what_a_plugin_adds_or_misshapes_elsewhere_does_not_matter() -> None:
    odd = {"shipping": "none", "tax_lines": 7, "customer_id": [], "\ud800": 1, "date_created": {}, "extra": {"a": [1]}}
    content = line(order(**odd), image=None, price="free", taxes={}, plugin={"deep": [[[]]]})
    assert read(content) == read(order())


def test_only_an_id_a_status_and_lines_are_needed() -> None:
    found = read({"id": 20, "status": "pending", "line_items": [{}]})
    assert (found.id, found.total, found.billing.email, found.date_paid_gmt) == (20, Decimal(0), "", None)
    assert found.line_items[0].quantity == 0
