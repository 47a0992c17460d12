"""The requests about payments and lines, byte for byte."""

from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.panelr_values import WorkOrderProof
from panelr_bridge.panelr.request import (
    PanelrRequest,
    complete_order,
    get_lines,
    get_work_order,
    send_payment_instructions,
    submit_payment,
)

TOKEN = WorkOrderProof(confirmation_token="tok")
NAMED = WorkOrderProof(reference_code="WO-2026-00007", customer_email="ada@example.test")
COMPLETED: dict[str, Any] = {
    "confirmation_token": "tok",
    "amount": Decimal("58.40"),
    "transaction_id": "ch_1",
    "payment_method_id": 2,
}


@pytest.mark.parametrize(
    ("authority", "proof"),
    [
        (TOKEN, b'"confirmation_token":"tok"'),
        (NAMED, b'"reference_code":"WO-2026-00007","customer_email":"ada@example.test"'),
        (WorkOrderProof(confirmation_token="tok", reference_code="WO-2026-00007"), b'"confirmation_token":"tok"'),
    ],
)
def test_a_payment_is_submitted_with_one_proof(authority: WorkOrderProof, proof: bytes) -> None:
    body = b"{" + proof + b',"payment_transaction_id":"ch_1","amount":58.40}'
    call = submit_payment(proof=authority, amount=Decimal("58.40"), transaction_id="ch_1")
    assert call == PanelrRequest("submit_payment", body=body)
    assert call.method == "POST"


def test_a_payment_without_an_amount_records_none() -> None:
    call = submit_payment(proof=TOKEN, amount=None, transaction_id=None)
    assert call.body == b'{"confirmation_token":"tok"}'


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"reference_code": "WO-2026-00007"},
        {"customer_email": "ada@example.test"},
        {"confirmation_token": ""},
        {"reference_code": "", "customer_email": "ada@example.test"},
    ],
)
def test_what_proves_nothing_is_no_authority(known: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a confirmation token is needed"):
        WorkOrderProof(**known)


def test_an_authority_shows_neither_token_nor_address() -> None:
    assert repr(TOKEN) == "WorkOrderProof(reference_code=None)"
    assert repr(NAMED) == "WorkOrderProof(reference_code='WO-2026-00007')"


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        (
            {},
            b'{"confirmation_token":"tok","payment_transaction_id":"ch_1","payment_amount":58.40,"payment_method_id":2}',
        ),
        ({"amount": Decimal("0.00"), "transaction_id": None, "payment_method_id": None}, b'"payment_amount":0.00}'),
        ({"amount": None, "transaction_id": None, "payment_method_id": None}, b'{"confirmation_token":"tok"}'),
        ({"store_discount": Decimal("11.55")}, b'"store_discount":11.55}'),
        ({"amount": Decimal(0), "payment_method_id": None, "is_free": True}, b'"payment_amount":0,"is_free":true}'),
    ],
)
def test_an_existing_work_order_is_completed_by_its_token(changes: dict[str, Any], body: bytes) -> None:
    call = complete_order(**COMPLETED | changes)
    assert call.action == "complete_order"
    assert call.body is not None
    assert call.body.endswith(body)
    assert call.body.startswith(b'{"confirmation_token":"tok"')


def test_payment_instructions_are_sent_with_the_way_back() -> None:
    call = send_payment_instructions(work_order_id=7, confirm_url="https://shop.test/checkout/?key=a&b=ü")
    body = b'{"work_order_id":7,"confirm_url":"https://shop.test/checkout/?key=a&b=\\u00fc"}'
    assert call == PanelrRequest("send_payment_instructions", body=body)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            get_work_order(reference_code="WO-2026-00007", confirmation_token="tok", customer_email="a@b.test"),
            PanelrRequest("get_work_order", query=(("ref", "WO-2026-00007"), ("token", "tok"))),
        ),
        (
            get_work_order(reference_code="WO-2026-00007", customer_email="a@b.test"),
            PanelrRequest("get_work_order", query=(("ref", "WO-2026-00007"), ("email", "a@b.test"))),
        ),
        (get_lines(customer_email="a+b@c.test"), PanelrRequest("get_lines", query=(("customer_email", "a+b@c.test"),))),
    ],
)
def test_what_is_asked_for(call: PanelrRequest, expected: PanelrRequest) -> None:
    assert call == expected
    assert call.method == "GET"


def test_a_work_order_is_not_asked_for_without_a_proof() -> None:
    with pytest.raises(ValueError, match="a confirmation token or the customer's e-mail address"):
        get_work_order(reference_code="WO-2026-00007")
