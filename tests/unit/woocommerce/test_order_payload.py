"""Reading WooCommerce's bodies; everything that is no order raises the same error."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.woocommerce.error_object import ErrorObject
from panelr_bridge.woocommerce.order_payload import BillingAddress, Order, OrderDeleted, parse, read_order
from tests.support.bridge_kit import capture, line, order
from tests.support.decisions import meta, read
from tests.support.files import CAPTURES

NUMBERS = sorted(path.name.partition("-")[0] for path in CAPTURES.glob("*.json"))
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
    "s259": (557, "deposit", "USD", "10.99", "0", 1),
    "s261": (557, "completed", "USD", "10.99", "0", 1),
    "s322": (592, "processing", "USD", "5.99", "0", 1),
}
FORMS_OF_TIME: list[Any] = [
    *("2026-11-21 19:16:43", "2026-11-21T19:16:43.000Z", " 2026-11-21T19:16:43 ", 1795288603, "1795288603"),
    *(1795288603000, ["2026-11-21T19:16:43"], {"date": "2026-11-21 20:16:43.000000", "timezone": "Europe/Berlin"}),
    *({"date": "2026-11-21 19:16:43", "timezone": "UTC"}, {"date": "2026-11-21 21:16:43", "timezone": "+02:00"}),
]
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
    read = {*ORDERS, *OTHERS, "001"}  # 001 is a ping: no JSON and no topic
    assert read >= {number for number in NUMBERS if number.isdigit()}  # the others: tests/support/subscription_captures


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


@pytest.mark.parametrize("nothing", [None, False, "", [], {}])
@pytest.mark.parametrize("field", ["fee_lines", "coupon_lines", "refunds", "meta_data"])
def test_an_empty_list_has_five_forms(field: str, nothing: Any) -> None:
    found = read(order(**{field: nothing}))
    assert (getattr(found, field), found.unreadable) == ((), ())


@pytest.mark.parametrize(("nothing", "is_named"), [([], False), ({}, False), (None, True), (False, True), ("", True)])
def test_an_order_whose_lines_are_no_list_is_not_an_order_without_lines(nothing: Any, is_named: bool) -> None:
    found = read(order(line_items=nothing))
    assert (found.line_items, bool(found.unreadable)) == ((), is_named)


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
        ("-1.5", "-1.5"),
        (["58.45"], "58.45"),
        (" 58.45\n", "58.45"),
        ("19.989999999999998", "19.99"),
        ("19.990000000000002", "19.99"),
        ("58.4500000000", "58.45"),
        ("1.1102230246251565e-16", "0.00"),
        ("0.12345678", "0.123457"),
    ],
)
def test_money_is_read_from_a_text_or_a_number_digit_for_digit(given: Any, read_as: str) -> None:
    found = read(order(total=given))
    assert (str(found.total), found.unreadable) == (read_as, ())


@pytest.mark.parametrize("nothing", [None, "", False, [], {}])
def test_nothing_in_the_place_of_a_tax_is_zero_and_in_that_of_a_total_is_not(nothing: Any) -> None:
    assert read(line(order(), total_tax=nothing)) == read(line(order(), total_tax="0"))
    for content in (order(total=nothing), line(order(), total=nothing), line(order(), subtotal=nothing)):
        (field,) = read(content).unreadable
        assert field.words.endswith("total is empty")


@pytest.mark.parametrize(
    "given", ["1.234,56", "12,50", "1 234.50", "$12.50", "NAN", "INF", "-inf", "9" * 20, True, {"a": 1}]
)
def test_money_is_not_guessed(given: Any) -> None:
    (field,) = read(order(total=given)).unreadable
    assert field.words.startswith("total holds ")


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
        *((form, datetime(2026, 11, 21, 19, 16, 43, tzinfo=UTC)) for form in FORMS_OF_TIME),
    ],
)
def test_a_time_is_read_as_utc(given: str, moment: datetime) -> None:
    assert read(order(date_paid_gmt=given)).date_paid_gmt == moment


@pytest.mark.parametrize(
    "given",
    [
        *(None, "", False, [], {}, 0, "0", "0000-00-00T00:00:00", "0000-00-00 00:00:00", "-0001-11-30T00:00:00"),
        *("1970-01-01T00:00:00", "1970-01-01T01:00:00", "1969-12-31T19:00:00Z", "0001-01-01T00:00:00+01:00"),
        *(-62169984000, {"date": "1970-01-01 00:00:00.000000", "timezone": "UTC"}),
    ],
)
def test_a_time_that_says_never_is_no_time(given: Any) -> None:
    found = read(order(date_paid_gmt=given, date_modified_gmt=given))
    assert (found.date_paid_gmt, found.date_modified_gmt, found.is_paid, found.unreadable) == (None, None, False, ())


@pytest.mark.parametrize(
    "given", ["soon", 1, True, "\ud800", {"day": 3}, ["a", "b"], "9999-12-31T23:59:59-01:00", 10**30, "21.11.2026"]
)
def test_a_paid_time_that_cannot_be_read_is_named_and_others_do_not_matter(given: Any) -> None:
    found = read(order(date_paid_gmt=given))
    assert [field.words.split()[0] for field in found.unreadable] == ["date_paid_gmt"]
    assert read(order(date_modified_gmt=given)).unreadable == ()


@pytest.mark.parametrize(
    ("changes", "is_paid"),
    [
        ({"date_paid": "2026-11-21T19:16:43"}, True),
        ({"date_paid": None}, False),
        ({"date_paid": "2026-11-21T19:16:43", "date_paid_gmt": None}, False),
        ({"date_paid": "2026-11-21T19:16:43", "date_paid_gmt": "1970-01-01T00:00:00"}, False),
    ],
)
def test_the_shops_local_paid_time_counts_where_there_is_no_other(changes: dict[str, Any], is_paid: bool) -> None:
    content = {name: value for name, value in order().items() if name not in {"date_paid", "date_paid_gmt"}}
    assert read(content | changes).is_paid is is_paid


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("wc-processing", "processing"),
        (" Processing ", "processing"),
        ("WC-On-Hold", "on-hold"),
        ("On hold", "on-hold"),
        (["completed"], "completed"),
        ("com\u200bpleted\ufeff", "completed"),
        ("wc-", "unknown"),
        ("withdrawn", "withdrawn"),
    ],
)
def test_a_status_has_small_letters_and_no_prefix(given: Any, status: str) -> None:
    assert read(order(status=given)).status == status


def test_a_currency_has_capital_letters_and_no_blanks() -> None:
    assert [read(order(currency=each)).currency for each in (" usd ", "USD", "", None, False, ["eur"])] == [
        *("USD", "USD", "", "", "", "EUR"),
    ]


@pytest.mark.parametrize("odd", [False, [], {}, ["a", "b"], {"a": 1}, [[]], True])
@pytest.mark.parametrize(
    "field", ["number", "order_key", "payment_method", "transaction_id", "shipping_total", "payment_url"]
)
def test_an_unimportant_field_falls_back_to_empty(field: str, odd: Any) -> None:
    found = read(order(**{field: odd}))
    assert (getattr(found, field), found.unreadable) in [("", ()), (Decimal(0), ())]


@pytest.mark.parametrize("odd", [False, [], {}, ["a", "b"], {"a": 1}, True])
@pytest.mark.parametrize("field", ["first_name", "last_name", "company", "phone"])
def test_an_unimportant_field_of_the_address_falls_back_to_empty(field: str, odd: Any) -> None:
    found = read(order(billing=order()["billing"] | {field: odd}))
    assert (getattr(found.billing, field), found.billing.email, found.unreadable) == ("", "ada@example.test", ())


def test_a_line_that_stands_twice_is_one_line() -> None:
    (first,) = order()["line_items"]
    assert read(order(line_items=[first, first])) == read(order(line_items=[first]))
    refund, fee = {"id": 3, "total": "-10.00"}, {"id": 4, "name": "Fee", "total": "1.00"}
    found = read(order(refunds=[refund, refund, {"id": 5, "total": "-1.00"}], fee_lines=[fee, fee]))
    assert (found.refunded, len(found.fee_lines), found.unreadable) == (Decimal(11), 1, ())


def test_one_line_with_two_contents_is_named_and_two_products_are_two_lines() -> None:
    (first,) = order()["line_items"]
    (field,) = read(order(line_items=[first, first | {"quantity": 2}])).unreadable
    assert field.words == f"line_items hold the id {first['id']} twice, with different contents"
    found = read(order(line_items=[first, first | {"product_id": 98}, {"name": "x"}, {"name": "x"}]))
    assert (len(found.line_items), found.unreadable) == (4, ())


def test_version_1_of_the_api_has_a_lines_meta_under_another_name() -> None:
    (first,) = order()["line_items"]
    (found,) = read(
        order(line_items=[without(first, "meta_data") | {"meta": meta(panelr_intent="renewal")}])
    ).line_items
    assert found.meta("panelr_intent") == "renewal"


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ({"panelr_a": "1", "panelr_b": "2"}, "1"),
        ({"panelr_b": "2", "panelr_a": "1"}, "1"),
        ({"panelr_a": "", "panelr_b": "2"}, "2"),
        ({"panelr_a": " ", "panelr_b": " 2\n"}, "2"),
        ({"panelr_a": None, "panelr_b": 2}, "2"),
        ({"panelr_a": {"x": 1}, "panelr_b": 2.50}, "2.5"),
        ({"panelr_a": ["x"]}, None),
        ({"panelr_a": False}, None),
        ({"panelr_a": True, "panelr_b": "2"}, "2"),
        ({}, None),
    ],
)
def test_meta_is_the_first_name_that_has_a_text(entries: dict[str, Any], found: str | None) -> None:
    assert read(order(meta_data=meta(**entries))).meta("panelr_a", "panelr_b") == found


def test_a_key_that_stands_twice_gives_its_first_text() -> None:
    entries = [{"key": "panelr_a", "value": ""}, {"key": "panelr_a", "value": "1"}, {"key": "panelr_a", "value": "2"}]
    assert read(order(meta_data=entries)).meta("panelr_a") == "1"


def test_what_has_been_given_back_is_the_sum_of_the_refunds() -> None:
    assert read(order(refunds=[{"total": "-10.00"}, {"total": "-0.45"}])).refunded == Decimal("10.45")


def test_what_a_plugin_adds_or_misshapes_elsewhere_does_not_matter() -> None:
    odd = {"shipping": "none", "tax_lines": 7, "customer_id": [], "\ud800": 1, "date_created": {}, "extra": {"a": [1]}}
    content = line(order(**odd), image=None, price="free", taxes={}, plugin={"deep": [[[]]]})
    assert read(content) == read(order())


def test_only_an_id_a_status_a_total_and_lines_are_needed() -> None:
    found = read({"id": 20, "status": "pending", "total": "0", "line_items": [{}]})
    assert (found.id, found.total, found.billing.email, found.date_paid_gmt) == (20, Decimal(0), "", None)
    assert found.line_items[0].quantity == 0
