"""An order of an Orders resource, converted to the form of wc/v3."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import simplejson

from panelr_bridge.woocommerce.rest.normalize import as_order, as_wc_body, as_wc_payload
from tests.support.bridge_kit import order

RESOURCE = {
    "id": 41,
    "number": "41",
    "status": "processing",
    "currency": "USD",
    "total": Decimal("19.10"),
    "total_tax": Decimal("1.5"),
    "customer_id": 0,
    "billing_email": "zoe@mail.test",
    "payment_method": "bacs",
    "payment_method_title": "Bank",
    "date_created": "2026-11-21T14:16:41-05:00",
    "date_modified": "2026-11-21T14:16:42.750-05:00",
    "billing": {"first_name": "Zoë", "last_name": "X", "phone": "1"},
    "shipping": {},
    "customer_note": "",
    "meta_data": [{"key": "panelr_intent", "value": "renewal", "id": 1}],
    "line_items": [
        {
            "id": 1,
            "product_id": 16,
            "variation_id": 18,
            "name": "A",
            "quantity": Decimal("1.5"),
            "subtotal": 20,
            "total": Decimal("17.60"),
            "meta_data": [],
        }
    ],
}


def test_it_is_read_as_one_of_wc_v3() -> None:
    read = as_order(RESOURCE)
    assert (read.id, read.number, read.status, read.total) == (41, "41", "processing", Decimal("19.10"))
    assert read.date_modified_gmt == datetime(2026, 11, 21, 19, 16, 42, tzinfo=UTC)
    assert (read.billing.email, read.billing.first_name) == ("zoe@mail.test", "Zoë")
    assert read.meta("panelr_intent") == "renewal"
    (line,) = read.line_items
    assert (line.product_id, line.variation_id, line.quantity) == (16, 18, Decimal("1.5"))
    assert (line.subtotal, line.total) == (Decimal(20), Decimal("17.60"))


@pytest.mark.parametrize(
    ("status", "payment_method", "paid"),
    [
        ("processing", "bacs", True),
        ("completed", "bacs", True),
        ("on-hold", "bacs", False),
        ("pending", "bacs", False),
        ("refunded", "bacs", False),
        ("processing", "cod", False),
        ("completed", "cod", True),
    ],
)
def test_the_status_shows_whether_it_is_paid(status: str, payment_method: str, paid: bool) -> None:
    read = as_order(RESOURCE | {"status": status, "payment_method": payment_method})
    assert read.date_paid_gmt == (read.date_modified_gmt if paid else None)


def test_what_it_does_not_tell_is_empty_and_not_guessed() -> None:
    read = as_order(RESOURCE | {"status": "on-hold"})
    assert (read.date_paid_gmt, read.order_key, read.fee_lines, read.coupon_lines, read.refunds) == (
        None,
        "",
        (),
        (),
        (),
    )
    assert "date_paid_gmt" not in as_wc_payload(RESOURCE | {"status": "on-hold"})


def test_its_body_is_written_as_woocommerce_writes() -> None:
    body = as_wc_body(RESOURCE)
    assert body.isascii()
    told = simplejson.loads(body)
    assert (told["total"], told["total_tax"], told["line_items"][0]["subtotal"]) == ("19.10", "1.5", "20")
    assert (told["date_created_gmt"], told["date_modified_gmt"]) == ("2026-11-21T19:16:41", "2026-11-21T19:16:42")
    assert told["line_items"][0]["quantity"] == 1.5


def test_an_address_that_is_there_goes_before_the_field_beside_it() -> None:
    told = as_wc_payload({**RESOURCE, "billing": {"email": "other@mail.test"}})
    assert told["billing"] == {"email": "other@mail.test"}


def test_a_date_that_cannot_be_read_is_none() -> None:
    assert as_wc_payload({**RESOURCE, "date_modified": None})["date_modified_gmt"] is None


def test_an_order_of_wc_v3_stays_as_it_is() -> None:
    payload = order(id=20)
    assert as_wc_payload(payload) == payload
    assert as_order(payload).id == 20
