"""Odd fields through the webhook route: always 200, always an order in the list, and a correction moves it on."""

import json
from typing import Any

import pytest

from tests.support.bridge_kit import Kit, line, order
from tests.support.payments import map_bank_transfer

LATER = "2026-11-21T20:00:00"
ADVICE = "correct the order in WooCommerce, or the plugin that changes what its API sends"
FIRST = order()["line_items"][0]


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite, and PostgreSQL where something is stored that it could refuse."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


NAMED: dict[str, Any] = {
    "total": ["NAN", "-INF", "1.234,56", "12,50", "", None, False, [], {"amount": "58.45"}, ["1", "2"], "9" * 20],
    "status": [False, None, [], True, ["processing", "completed"], {"slug": "processing"}, "\u200b"],
    "currency": [["USD", "EUR"], {"code": "USD"}, True],
    "line_items": [None, False, "", 7, "none", [None], [FIRST, None], [FIRST, False], [FIRST | {"quantity": "two"}]],
    "date_paid_gmt": ["yesterday", True, ["a", "b"], {"day": 1}, "21.11.2026", 10**30],
    "refunds": [[{"total": "ten"}], "none", [7]],
    "fee_lines": [[{"total": "NAN"}], "none", ["x"]],
    "billing": ["ada", 7, [1, 2], {"email": ["a@example.test", "b@example.test"]}],
}
CASES = [
    pytest.param(field, value, id=f"{field}-{number}") for field in NAMED for number, value in enumerate(NAMED[field])
]


@pytest.mark.parametrize(("field", "value"), CASES)
async def test_an_important_field_that_cannot_be_read_holds_the_order_until_it_is_corrected(
    mapped: Kit, field: str, value: Any
) -> None:
    answer = await mapped.post(order(**{field: value}))
    assert (answer.status_code, answer.json()["order_id"], answer.json()["state"]) == (200, 20, "held")
    (reason,) = (await mapped.order(20))["reasons"]
    assert (reason["code"], reason["words"].startswith(f"the order's {field}")) == ("unreadable", True)
    assert reason["words"].endswith(ADVICE)
    assert "@" not in reason["words"]
    await mapped.post(order(date_modified_gmt=LATER))
    assert (await mapped.order(20))["state"] == "created"
    assert len(mapped.panel.work_orders) == 1


EMPTY: list[Any] = [None, False, "", [], {}, ["a", "b"], {"a": 1}, 7, True, [[]]]
UNIMPORTANT = [
    *("number", "order_key", "payment_method", "transaction_id", "payment_url", "discount_total", "shipping_total"),
    *("customer_note", "date_created_gmt", "date_modified_gmt", "coupon_lines", "meta_data", "version", "created_via"),
]


@pytest.mark.parametrize("field", UNIMPORTANT)
async def test_an_unimportant_field_holds_nothing_up(mapped: Kit, field: str) -> None:
    for number, value in enumerate(EMPTY, 100):
        answer = await mapped.post(order(id=number, **{field: value}))
        assert answer.json()["state"] == "created", (value, answer.text)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
async def test_whatever_stands_in_one_field_the_answer_is_200_and_the_order_is_in_the_list(mapped: Kit) -> None:
    values: list[Any] = [
        *EMPTY,
        "\ud800",
        "a\x00b",
        "x" * 100_000,
        2**70,
        -1,
        1.5,
        "1e400",
        [None],
        [{}],
        {"0": None},
        "2026",
    ]
    number = 1000
    for field in [name for name in order() if name != "id"]:
        for value in values:
            number += 1
            answer = await mapped.post(json.dumps(order(id=number, **{field: value})).encode())
            assert (answer.status_code in {200, 202}, answer.json()["order_id"]) == (True, number), (field, value)


async def test_constants_that_are_no_json_hold_the_order_too(mapped: Kit) -> None:
    for number, constant in enumerate(("NaN", "Infinity", "-Infinity"), 20):
        body = json.dumps(order(id=number, total="@@")).replace('"@@"', constant).encode()
        assert (await mapped.post(body)).json()["state"] == "held"
        (reason,) = (await mapped.order(number))["reasons"]
        assert reason["words"] == f"the order's total holds '{constant}', which cannot be read: {ADVICE}"


async def test_an_order_in_the_forms_of_php_is_sent_as_it_is_meant(mapped: Kit) -> None:
    odd = line(
        order(
            status=[" WC-Processing "], currency=" usd ", total=["58.45"], coupon_lines=False, date_paid_gmt=1795288603
        ),
        quantity=["1"],
        variation_id=False,
        product_id=[],
        total_tax=["4.04"],
    )
    assert (await mapped.post(b"\xef\xbb\xbf" + json.dumps(odd).encode())).json()["state"] == "created"
    (made,) = mapped.panel.work_orders.values()
    assert (made.status, str(made.payments[0].amount)) == ("payment_submitted", "58.45")


async def test_a_legacy_order_goes_on_when_the_webhook_is_corrected(mapped: Kit) -> None:
    legacy = {"order": {"id": 20, "order_number": "20", "status": "processing", "total": "58.45", "line_items": []}}
    assert (await mapped.post(legacy)).json()["state"] == "held"
    assert (await mapped.post(order())).json()["state"] == "created"
    assert (await mapped.post(legacy | {"again": 1})).json()["state"] == "created"
    story = await mapped.order(20)
    assert [each["code"] for each in story["attention"]] == ["unreadable"]
    await mapped.post(order(date_modified_gmt=LATER))
    assert (await mapped.order(20))["attention"] in (None, [])
    assert len(mapped.panel.work_orders) == 1


async def test_a_created_order_that_cannot_be_read_any_more_reports_no_payment(mapped: Kit) -> None:
    await map_bank_transfer(mapped, "submit_payment")
    unpaid = order(status="on-hold", payment_method="bacs", date_paid_gmt=None)
    assert (await mapped.post(unpaid)).json()["state"] == "created"
    paid = order(payment_method="bacs", date_modified_gmt=LATER)
    await mapped.post(paid | {"total": "NAN"})
    story = await mapped.until(20, lambda story: bool(story["attention"]))
    assert [each["code"] for each in story["attention"]] == ["unreadable"]
    assert mapped.panel.work_orders[1].payments == []
    await mapped.post(paid | {"date_modified_gmt": "2026-11-21T21:00:00"})
    await mapped.until(20, lambda _: bool(mapped.panel.work_orders[1].payments))
    assert [str(each.amount) for each in mapped.panel.work_orders[1].payments] == ["58.45"]


@pytest.mark.parametrize("odd", ["", False, None, [], "1.234,56"])
async def test_a_cancelled_or_unplaced_order_needs_no_hold(mapped: Kit, odd: Any) -> None:
    assert (await mapped.post(order(status="pending", total=odd))).json()["state"] == "waiting"
    assert (await mapped.post(order(id=21, status="cancelled", total=odd))).json()["state"] == "ignored"


async def test_an_order_of_too_many_lines_is_held_in_one_reason(mapped: Kit) -> None:
    lines = [FIRST | {"id": number} for number in range(1, 20_001)]
    assert (await mapped.post(order(line_items=lines))).json()["state"] == "held"
    assert [each["code"] for each in (await mapped.order(20))["reasons"]] == ["too_many_lines"]
    assert (await mapped.post(order(date_modified_gmt=LATER))).json()["state"] == "created"


async def test_many_faults_are_counted_and_each_code_stays(mapped: Kit) -> None:
    lines = [FIRST | {"id": number, "product_id": 500 + number, "sku": ""} for number in range(1, 101)]
    await mapped.post(order(line_items=lines, billing={"email": "x"}))
    reasons = (await mapped.order(20))["reasons"]
    assert len(reasons) == 20
    assert {each["code"] for each in reasons} == {"unmapped_product", "unusable_email", "more_reasons"}
    assert reasons[-1]["words"] == "and 82 more reasons like these"
