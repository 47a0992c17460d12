"""Answers of get_work_order, get_lines and the product lists: complete, or unknown."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.panelr_values import (
    CustomerLine,
    PanelrPaymentMethod,
    PanelrProduct,
    PaymentReceipt,
    RecordedPayment,
    WorkOrderDetails,
)
from panelr_bridge.panelr.catalogue import offered_payment_methods, offered_products
from panelr_bridge.panelr.customer_lines import customer_lines
from panelr_bridge.panelr.json_fields import flag, money
from panelr_bridge.panelr.payment import payment_receipt, work_order_details, work_order_summary
from tests.support.answers import answers
from tests.support.properties import examples

PAID = {"amount": Decimal("9.99"), "at": "2026-11-22 12:00:00"}
SHOWN: dict[str, Any] = {
    "reference_code": "WO-2026-00007",
    "status": "payment_submitted",
    "currency": "USD",
    "cart": [{"name": "IPTV 1 Month", "qty": 1}],
    "order_total": Decimal("35.00"),
    "prev_paid": Decimal("9.99"),
    "balance_due": Decimal("25.01"),
    "payment_history": [PAID],
}
DETAILS = WorkOrderDetails(
    status="payment_submitted",
    order_total=Decimal("35.00"),
    prev_paid=Decimal("9.99"),
    balance_due=Decimal("25.01"),
    payment_history=(RecordedPayment(amount=Decimal("9.99"), at=datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)),),
    currency="USD",
)
NEWER_ITEM = {"name": "IPTV 1 Month", "qty": 1, "intent": "new_activation", "activation_id": 41, "product_id": 3}
LINE: dict[str, Any] = {
    "id": 77,
    "status": "trial_active",
    "is_trial": True,
    "plugin_id": 1,
    "plugin_name": "Xtream UI",
    "product_name": "Trial 24h",
    "connections": 1,
    "expiration_date": "2026-12-22",
    "usernames": ["ada"],
}
KNOWN_LINE = CustomerLine(
    activation_id=77,
    status="trial_active",
    is_trial=True,
    plugin_id=1,
    plugin_name="Xtream UI",
    product_name="Trial 24h",
    connections=1,
    expiration_date="2026-12-22",
    usernames=("ada",),
)
PRODUCT: dict[str, Any] = {
    "id": 3,
    "name": "Panel Credits 1000",
    "alternate_name": "CREDITS",
    "price_decimal": Decimal("49.00"),
    "currency": "USD",
    "duration_months": 0,
    "connections": 1,
    "plugin_id": 2,
    "is_trial": False,
    "bouquet_ids": [],
    "plugin_name": "Reseller Panel",
}
OFFERED = PanelrProduct(
    id=3,
    name="Panel Credits 1000",
    alternate_name="CREDITS",
    price=Decimal("49.00"),
    currency="USD",
    duration_months=0,
    connections=1,
    plugin_id=2,
    is_trial=False,
    plugin_name="Reseller Panel",
)
METHOD: dict[str, Any] = {
    "id": 1,
    "name": "bank_transfer",
    "display_label": "Bank transfer",
    "mode": "manual",
    "processor": "manual",
    "adjustment_value": None,
}
OFFERED_METHOD = PanelrPaymentMethod(
    id=1, name="bank_transfer", display_label="Bank transfer", mode="manual", processor="manual"
)


def done(data: Any) -> Done:
    return Done(words="done", status=200, data=data)


def without(content: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


def with_each(content: dict[str, Any], field: str, *values: Any) -> list[dict[str, Any]]:
    return [content | {field: value} for value in values]


# --- a work order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        SHOWN,
        SHOWN | {"order_total": "35.00", "prev_paid": " 9.99", "balance_due": "25.01"},
        SHOWN | {"payment_history": [{"amount": "9.99", "date": "2026-11-22T13:00:00+01:00", "by": "card"}]},
        SHOWN | {"payment_history": [PAID | {"at": None, "date": "2026-11-22 12:00:00"}]},
    ],
)
def test_a_work_order_is_read_with_its_payments(data: Any) -> None:
    found = work_order_details(done(data))
    assert found == DETAILS
    assert repr(found) == repr(DETAILS)  # digit for digit


def test_every_payment_is_kept_in_its_order() -> None:
    history = [PAID, {"amount": 5}, {"amount": "-2.50", "at": "soon"}, PAID]
    found = work_order_details(done(SHOWN | {"payment_history": history}))
    assert isinstance(found, WorkOrderDetails)
    assert [(each.amount, each.at is None) for each in found.payment_history] == [
        (Decimal("9.99"), False),
        (Decimal(5), True),
        (Decimal("-2.50"), True),
        (Decimal("9.99"), False),
    ]


@pytest.mark.parametrize(
    "data",
    [
        SHOWN | {"payment_history": []},
        SHOWN | {"payment_history": None, "prev_paid": 0},
        without(SHOWN, "payment_history") | {"prev_paid": "0.00"},
    ],
)
def test_a_work_order_without_payments(data: Any) -> None:
    found = work_order_details(done(data))
    assert isinstance(found, WorkOrderDetails)
    assert found.payment_history == ()


def test_what_a_work_order_does_not_show_is_none() -> None:
    assert work_order_details(done({"status": "queued", "payment_history": []})) == WorkOrderDetails(
        status="queued", order_total=None, prev_paid=None, balance_due=None, payment_history=(), currency=None
    )


def test_a_canceled_work_order_has_one_spelling() -> None:
    found = work_order_details(done(SHOWN | {"status": "cancelled"}))
    assert isinstance(found, WorkOrderDetails)
    assert found.status == "canceled"


DISPUTES: list[Any] = [True, 1, "1", "yes", "open", {"opened_at": "2026-11-22"}, ["x"]]
NO_DISPUTES: list[Any] = [None, False, 0, "0", "", "no", "resolved", {}, []]


@pytest.mark.parametrize("name", ["disputed", "dispute", "is_disputed"])
@pytest.mark.parametrize(
    ("value", "disputed"), [*((each, True) for each in DISPUTES), *((each, False) for each in NO_DISPUTES)]
)
def test_a_dispute_is_read_in_each_of_its_forms(name: str, value: Any, disputed: bool) -> None:
    found = work_order_details(done(SHOWN | {name: value}))
    assert isinstance(found, WorkOrderDetails)
    assert found.disputed is disputed


@pytest.mark.parametrize("value", [None, "", "many", [], -1, "-0.01", 10**12, Decimal("NaN"), Decimal("1E+99")])
def test_an_absurd_total_is_not_shown(value: Any) -> None:
    found = work_order_details(done(SHOWN | {"order_total": value}))
    assert isinstance(found, WorkOrderDetails)
    assert (found.order_total, found.balance_due) == (None, Decimal("25.01"))


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], "x", 7, {}, [SHOWN]),
        without(SHOWN, "status"),
        *with_each(SHOWN, "status", None, "", True, [], "x" * 41),
    ],
)
def test_a_work_order_without_a_status_is_unknown(data: Any) -> None:
    expected = Unknown(words="Panelr shows a work order without its status", status=200)
    assert work_order_details(done(data)) == expected


@pytest.mark.parametrize(
    "data",
    [
        without(SHOWN, "payment_history"),
        without(SHOWN, "payment_history", "prev_paid"),
        *with_each(SHOWN, "payment_history", None, {}, {"0": PAID}, "x", [None], ["9.99"], [[]], [{}]),
        *[
            SHOWN | {"payment_history": [PAID, broken]}
            for broken in with_each(PAID, "amount", None, "", "9,99", "many", True, [], "1e3", Decimal("1E+400"))
        ],
    ],
)
def test_payments_that_are_not_all_readable_are_unknown(data: Any) -> None:
    expected = Unknown(words="the payments of Panelr's work order cannot be read", status=200)
    assert work_order_details(done(data)) == expected


# --- lines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        [LINE],
        {"lines": [LINE], "total": 1},
        {"activations": [LINE]},
        [LINE | {"id": "77", "is_trial": 1, "plugin_id": "1"}],
        [without(LINE, "id") | {"activation_id": 77, "is_trial": "1"}],
    ],
)
def test_lines_are_read_in_each_of_their_forms(data: Any) -> None:
    assert customer_lines(done(data)) == (KNOWN_LINE,)


def test_a_line_may_show_nothing_but_its_id() -> None:
    line = CustomerLine(
        activation_id=5, status=None, is_trial=None, plugin_id=None, plugin_name=None, product_name=None
    )
    assert customer_lines(done([LINE, {"id": 5, "is_trial": "perhaps"}])) == (KNOWN_LINE, line)
    assert customer_lines(done([])) == ()


@pytest.mark.parametrize(
    ("shown", "usernames"),
    [
        (None, ()),
        ("ada", ()),
        ({"0": "ada"}, ()),
        ([None, "", 7, " ada ", ["x"]], ("7", "ada")),
        (["a" * 61, *"bcdefgh"], ("a" * 60, "b", "c", "d", "e")),
    ],
)
def test_a_line_shows_its_first_user_names(shown: Any, usernames: tuple[str, ...]) -> None:
    found = customer_lines(done([LINE | {"usernames": shown, "connections": "2", "expiration_date": "x" * 41}]))
    assert not isinstance(found, Unknown)
    assert (found[0].usernames, found[0].connections, found[0].expiration_date) == (usernames, 2, None)
    assert "ada" not in repr(found)


def test_a_canceled_line_has_one_spelling() -> None:
    found = customer_lines(done([LINE | {"status": "cancelled"}]))
    assert not isinstance(found, Unknown)
    assert found[0].status == "canceled"


@pytest.mark.parametrize("data", [None, "x", 7, {}, {"rows": [LINE]}, {"lines": {"0": LINE}}])
def test_lines_that_are_no_list_are_unknown(data: Any) -> None:
    assert customer_lines(done(data)) == Unknown(words="Panelr's list of lines cannot be read", status=200)


@pytest.mark.parametrize(
    "entry", [None, "x", [], {}, without(LINE, "id"), *with_each(LINE, "id", None, 0, -1, True, 1.5, "x", "")]
)
def test_one_line_that_cannot_be_read_spoils_the_list(entry: Any) -> None:
    expected = Unknown(words="an entry in Panelr's list of lines cannot be read", status=200)
    assert customer_lines(done([LINE, entry])) == expected


# --- what is offered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        [PRODUCT],
        {"products": [PRODUCT]},
        [None, "x", {}, without(PRODUCT, "id"), PRODUCT | {"id": 0}, PRODUCT],
        [PRODUCT | {"id": "3", "price_decimal": "49.00", "duration_months": "0", "connections": "1", "is_trial": "0"}],
    ],
)
def test_products_are_read_in_each_of_their_forms(data: Any) -> None:
    found = offered_products(done(data))
    assert found == (OFFERED,)
    assert repr(found) == repr((OFFERED,))


def test_a_product_of_version_1_shows_less() -> None:
    found = offered_products(done([without(PRODUCT, "plugin_id", "is_trial"), {"id": 9}]))
    assert not isinstance(found, Unknown)
    assert [(each.id, each.name, each.price, each.plugin_id, each.is_trial) for each in found] == [
        (3, "Panel Credits 1000", Decimal("49.00"), None, None),
        (9, "", None, None, None),
    ]


@pytest.mark.parametrize(
    "data",
    [
        [METHOD],
        {"payment_methods": [METHOD]},
        {"methods": [METHOD]},
        [None, {}, without(METHOD, "id"), METHOD | {"id": "1"}],
    ],
)
def test_payment_methods_are_read_in_each_of_their_forms(data: Any) -> None:
    assert offered_payment_methods(done(data)) == (OFFERED_METHOD,)


@pytest.mark.parametrize(
    ("changes", "adjustment"),
    [
        ({}, ("discount", "percent", Decimal("2.5"))),
        ({"adjustment_enabled": "0"}, (None, None, None)),
        ({"adjustment_enabled": None}, (None, None, None)),
        ({"adjustment_value": -1}, (None, None, None)),
        ({"adjustment_mode": "odd"}, (None, None, None)),
    ],
)
def test_a_payment_methods_adjustment_is_read_where_it_is_enabled(changes: dict[str, Any], adjustment: Any) -> None:
    adjusts = {"adjustment_enabled": 1, "adjustment_direction": "discount", "adjustment_mode": "percent"}
    found = offered_payment_methods(done([METHOD | adjusts | {"adjustment_value": "2.5"} | changes]))
    assert not isinstance(found, Unknown)
    method = found[0]
    assert (method.adjustment_direction, method.adjustment_mode, method.adjustment_value) == adjustment


def test_a_payment_method_may_show_nothing_but_its_id() -> None:
    least = PanelrPaymentMethod(id=2, name="", display_label=None, mode=None, processor=None)
    assert offered_payment_methods(done([{"id": 2}])) == (least,)


@pytest.mark.parametrize("data", [None, {}, "x", {"products": None, "payment_methods": {}}])
def test_what_is_offered_is_unknown_where_it_is_no_list(data: Any) -> None:
    assert offered_products(done(data)) == Unknown(words="Panelr's list of products cannot be read", status=200)
    words = "Panelr's list of payment methods cannot be read"
    assert offered_payment_methods(done(data)) == Unknown(words=words, status=200)


# --- single fields --------------------------------------------------------------------------------------------------


DIGITS = ("0", "0.00", "9.990", "-1.5", "0.30000000000000004", "999999999999.99")
NO_TEXT = ("", "1,234.50", "1_0", "٣", "NaN", "+1", ".5", "5.", "1e3", "1000000000000.", "1234567890123")
NO_NUMBER = ("1E+12", "1E+999999999", "-1E+999999999", "1E-999999999", "NaN", "-Infinity")
NO_MONEY: list[Any] = [None, True, 1.5, b"1", [], 10**12, -(10**12), *NO_TEXT, *map(Decimal, NO_NUMBER)]


@pytest.mark.parametrize("digits", DIGITS)
def test_money_is_read_digit_for_digit(digits: str) -> None:
    assert repr(money(digits)) == repr(money(Decimal(digits))) == repr(Decimal(digits))


@pytest.mark.parametrize("value", NO_MONEY)
def test_what_is_no_amount_is_not_guessed_at(value: Any) -> None:
    assert money(value) is None


YES: list[Any] = [True, 1, "1", "true", " TRUE "]
NO: list[Any] = [False, 0, "0", "false"]
NEITHER: list[Any] = [None, 2, "", "yes", 1.0, [], {}]


def test_yes_and_no() -> None:
    assert [flag(value) for value in YES] == [True] * len(YES)
    assert [flag(value) for value in NO] == [False] * len(NO)
    assert [flag(value) for value in NEITHER] == [None] * len(NEITHER)


@examples(250)
@given(data=answers(SHOWN) | answers([LINE]) | answers([PRODUCT]) | answers([METHOD]))
def test_any_data_are_read_or_unknown(data: Any) -> None:
    assert isinstance(work_order_details(done(data)), (WorkOrderDetails, Unknown))
    for read in (customer_lines, offered_products, offered_payment_methods):
        assert isinstance(read(done(data)), (tuple, Unknown))


def test_a_poll_needs_no_payment_history() -> None:
    unreadable = Done(words="done", data=SHOWN | {"payment_history": "?"})
    assert isinstance(work_order_details(unreadable), Unknown)
    assert work_order_summary(unreadable) == replace(DETAILS, payment_history=())


@pytest.mark.parametrize(
    ("data", "receipt"),
    [
        (
            {"status": "payment_submitted", "fully_paid": False, "amount_paid": 8, "balance_due": "2.00"},
            PaymentReceipt(status="payment_submitted", balance_due=Decimal("2.00"), is_fully_paid=False),
        ),
        ({"status": "queued", "order_total": 10}, PaymentReceipt(status="queued", order_total=Decimal(10))),
        ({"status": [], "order_total": -1, "fully_paid": "?"}, PaymentReceipt(status=None)),
        (None, PaymentReceipt(status=None)),
        ([], PaymentReceipt(status=None)),
    ],
)
def test_the_answer_to_a_payment_is_read_as_far_as_it_can_be(data: Any, receipt: PaymentReceipt) -> None:
    assert payment_receipt(Done(words="done", data=data)) == receipt


@pytest.mark.parametrize(
    ("cart", "activations"),
    [
        ([NEWER_ITEM], (Activation(41, 3),)),
        ([NEWER_ITEM | {"activation_id": "41", "product_id": "3"}], (Activation(41, 3),)),
        ([NEWER_ITEM | {"product_id": None}], (Activation(41),)),
        ([NEWER_ITEM, NEWER_ITEM | {"activation_id": 42, "product_id": 4}], (Activation(41, 3), Activation(42, 4))),
        ({"items": [NEWER_ITEM]}, (Activation(41, 3),)),
        ([NEWER_ITEM, NEWER_ITEM | {"activation_id": None}], ()),  # one could be taken for the other
        ([NEWER_ITEM, NEWER_ITEM | {"activation_id": 0}], ()),
        ([NEWER_ITEM, None], ()),
        ([{"name": "IPTV 1 Month", "qty": 1}], ()),
        ([], ()),
        (None, ()),
        ("odd", ()),
    ],
)
def test_the_lines_of_a_cart_are_read_all_together_or_not_at_all(
    cart: Any, activations: tuple[Activation, ...]
) -> None:
    found = work_order_summary(Done(words="done", status=200, data=SHOWN | {"cart": cart}))
    assert not isinstance(found, Unknown)
    assert found.activations == activations
