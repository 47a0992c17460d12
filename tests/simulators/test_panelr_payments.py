"""Payments, completion and payment instructions of the simulated Panelr, through its real socket."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.panelr import create_app
from tests.support.panelr_caller import ABSENT, EMAIL, ITEM, KEY, Caller, changed, refused

# They share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

YEAR = datetime.now(UTC).year
REFERENCE = f"WO-{YEAR}-00001"
BY_NAME = {"reference_code": REFERENCE, "customer_email": EMAIL}
PAYMENT: dict[str, Any] = {**BY_NAME, "payment_transaction_id": "ch_1", "customer_note": "Paid.", "amount": 7.5}
COMPLETION: dict[str, Any] = {
    "customer_email": EMAIL,
    "customer_name": "Ada Lovelace",
    "payment_method_id": 2,
    "items": [{**ITEM, "qty": 2}, {**ITEM, "product_id": 4}],
    "payment_transaction_id": "ch_1",
    "payment_amount": 39.99,
    "wc_order_id": "4711",
    "customer_address": "12 St James's Square",
    "is_free": False,
    "bouquet_ids": [1, 2],
    "categories": ["films"],
    "notes": "soon",
}
INSTRUCTIONS = {"work_order_id": 1, "confirm_url": "https://shop.test/checkout/order-received/4711/?key=wc_order_x"}


# --- submit_payment -------------------------------------------------------------------------------------------------


async def submit(caller: Caller, **body: Any) -> httpx.Response:
    return await caller.post("submit_payment", BY_NAME | body)


async def test_a_payment_is_added_and_passes_the_work_order_on(caller: Caller) -> None:
    await caller.create()
    response = await caller.post("submit_payment", PAYMENT)
    assert response.status_code == 200
    assert response.json()["data"] == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "payment_submitted",
        "fully_paid": False,
        "amount_paid": 7.5,
        "balance_due": 12.5,
    }
    work_order = caller.panel.work_orders[1]
    assert work_order.updated_at > work_order.created_at
    assert work_order.notes == ["Paid."]
    assert [(each.amount, each.transaction_id) for each in work_order.payments] == [(Decimal("7.5"), "ch_1")]


async def test_a_token_is_a_proof_too(caller: Caller) -> None:
    token = (await caller.create())["confirmation_token"]
    response = await caller.post("submit_payment", {"confirmation_token": token, "amount": 20})
    assert (response.json()["data"]["fully_paid"], response.json()["data"]["balance_due"]) == (True, 0)


async def test_a_token_of_before_a_new_start_proves_nothing(caller: Caller) -> None:
    token = (await caller.create())["confirmation_token"]
    caller.panel.reset()
    await caller.create()
    answer = await caller.post("submit_payment", {"confirmation_token": token})
    assert refused(answer) == (404, "Work order not found")


async def test_without_an_amount_nothing_is_recorded(caller: Caller) -> None:
    await caller.create()
    data = (await submit(caller)).json()["data"]
    assert data == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "payment_submitted",
        "fully_paid": False,
    }
    assert caller.panel.work_orders[1].payments == []


async def test_a_payment_counts_twice_when_it_is_sent_twice(caller: Caller) -> None:
    await caller.create(payment_amount=2)
    assert (await submit(caller, amount=7.5)).json()["data"]["amount_paid"] == 9.5
    words = "The work order is payment_submitted; it must be pending_payment"
    assert refused(await submit(caller, amount=7.5)) == (409, words)
    assert caller.panel.work_orders[1].paid == Decimal("9.5")
    await caller.client.post("/_sim/work-orders/1/status", json={"status": "pending_payment"})
    assert (await submit(caller, amount=7.5)).json()["data"]["amount_paid"] == 17
    shown = (await caller.get("get_work_order", ref=REFERENCE, email=EMAIL)).json()["data"]
    assert [each["amount"] for each in shown["payment_history"]] == [2, 7.5, 7.5]
    assert (shown["prev_paid"], shown["balance_due"], shown["has_partials"]) == (17, 3, True)


async def test_a_panel_that_does_not_look_takes_a_payment_again(caller: Caller) -> None:
    await caller.create()
    caller.panel.settings.accepts_repeated_payments = True
    assert [(await submit(caller, amount=7.5)).json()["data"]["amount_paid"] for _ in range(2)] == [7.5, 15]
    caller.panel.set_status(1, "completed")
    words = "The work order is completed; it must be pending_payment or payment_submitted"
    assert refused(await submit(caller, amount=7.5)) == (409, words)


@pytest.mark.parametrize("status", ["pending", "completed", "canceled", "payment_failed", "queued", "processing"])
async def test_only_what_awaits_payment_takes_one(caller: Caller, status: str) -> None:
    await caller.create()
    await caller.client.post("/_sim/work-orders/1/status", json={"status": status})
    assert refused(await submit(caller, amount=1)) == (409, f"The work order is {status}; it must be pending_payment")
    assert caller.panel.work_orders[1].payments == []


NO_PROOF = "confirmation_token is required, or reference_code with customer_email"


@pytest.mark.parametrize(
    ("field", "value", "status", "text"),
    [
        ("reference_code", ABSENT, 422, NO_PROOF),
        ("customer_email", ABSENT, 422, NO_PROOF),
        ("reference_code", "", 422, "reference_code is required"),
        ("reference_code", 1, 422, "reference_code must be a string"),
        ("reference_code", f"WO-{YEAR}-00002", 404, "Work order not found"),
        ("customer_email", "eve@example.test", 404, "Work order not found"),
        ("customer_email", "eve", 422, "customer_email must be a valid e-mail address"),
        ("confirmation_token", "wrong", 404, "Work order not found"),
        ("confirmation_token", None, 422, "confirmation_token is required"),
        ("amount", "7.5", 422, "amount must be a number"),
        ("amount", -1, 422, "amount must lie between 0 and 99999999.99"),
        ("amount", None, 422, "amount must be a number"),
        ("payment_transaction_id", 1, 422, "payment_transaction_id must be a string"),
        ("customer_note", None, 422, "customer_note must be a string"),
        ("payment_amount", 1, 422, "Unknown field payment_amount; known are confirmation_token, reference_code,"),
    ],
)
async def test_a_bad_payment_is_refused_and_changes_nothing(
    caller: Caller, field: str, value: object, status: int, text: str
) -> None:
    await caller.create()
    answered, error = refused(await caller.post("submit_payment", changed(PAYMENT, field, value)))
    assert (answered, error[: len(text)]) == (status, text)
    work_order = caller.panel.work_orders[1]
    assert (work_order.status, work_order.payments, work_order.notes) == ("pending_payment", [], [])


# --- complete_order -------------------------------------------------------------------------------------------------


async def test_a_confirmed_payment_makes_a_work_order_that_is_queued(caller: Caller) -> None:
    response = await caller.post("complete_order", COMPLETION)
    assert response.status_code == 200
    assert response.json()["data"] == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "queued",
        "type": "new_activation",
        "item_count": 2,
    }
    work_order = caller.panel.work_orders[1]
    assert [(each.amount, each.transaction_id) for each in work_order.payments] == [(Decimal("39.99"), "ch_1")]
    assert (work_order.wc_order_id, work_order.customer_name) == ("4711", "Ada Lovelace")
    assert (work_order.payment_method_id, work_order.balance_due) == (2, Decimal("0.00"))
    assert work_order.extras == {
        "customer_address": "12 St James's Square",
        "is_free": False,
        "bouquet_ids": [1, 2],
        "categories": ["films"],
        "notes": "soon",
    }
    await caller.post("complete_order", COMPLETION)
    assert len(caller.panel.work_orders) == 2


async def test_the_least_that_completes(caller: Caller) -> None:
    least = {"customer_email": EMAIL, "payment_method_id": 1, "items": [ITEM]}
    assert (await caller.post("complete_order", least)).json()["data"]["item_count"] == 1
    assert caller.panel.work_orders[1].payments == []


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("customer_email", ABSENT, "customer_email is required"),
        ("payment_method_id", ABSENT, "payment_method_id must be an integer"),
        ("payment_method_id", 9, "payment_method_id 9 is unknown"),
        ("items", ABSENT, "items must be a list with at least one item"),
        ("items", [{**ITEM, "product_id": 77}], "items[0].product_id 77 is unknown"),
        ("items", [{**ITEM, "sku": "S"}], "Unknown field items[0].sku"),
        ("payment_amount", "39.99", "payment_amount must be a number"),
        ("payment_transaction_id", None, "payment_transaction_id must be a string"),
        ("wc_order_id", 4711, "wc_order_id must be a string"),
        ("customer_address", {}, "customer_address must be a string"),
        ("notes", None, "notes must be a string"),
        ("is_free", 0, "is_free must be true or false"),
        ("bouquet_ids", ["1"], "bouquet_ids must be a list of integers"),
        ("categories", "films", "categories must be a list"),
        ("status", "queued", "Unknown field status; known are customer_email, payment_method_id,"),
    ],
)
async def test_a_bad_completion_is_refused_and_nothing_created(
    caller: Caller, field: str, value: object, text: str
) -> None:
    status, error = refused(await caller.post("complete_order", changed(COMPLETION, field, value)))
    assert (status, error[: len(text)]) == (422, text)
    assert caller.panel.work_orders == {}


async def by_token(caller: Caller, token: str, **changes: Any) -> httpx.Response:
    body = {"confirmation_token": token, "payment_transaction_id": "ch_1", "payment_amount": 20, "payment_method_id": 2}
    return await caller.post(
        "complete_order", {name: each for name, each in (body | changes).items() if each != ABSENT}
    )


async def test_an_existing_work_order_is_paid_and_queued_by_its_token(caller: Caller) -> None:
    token = (await caller.create())["confirmation_token"]
    assert (await by_token(caller, token)).json()["data"] == {
        "work_order_id": 1,
        "reference_code": REFERENCE,
        "status": "queued",
        "type": "new_activation",
        "item_count": 1,
    }
    work_order = caller.panel.work_orders[1]
    assert len(caller.panel.work_orders) == 1
    assert [(each.amount, each.transaction_id) for each in work_order.payments] == [(Decimal(20), "ch_1")]
    assert work_order.payment_method_id == 2
    words = "The work order is queued; it must be pending or pending_payment or payment_submitted"
    status, error = refused(await by_token(caller, token))
    assert (status, error[: len(words)]) == (409, words)
    caller.panel.settings.accepts_repeated_payments = True
    assert (await by_token(caller, token)).status_code == 200
    assert work_order.paid == Decimal(40)
    for later in ("processing", "completed"):
        decided = await caller.client.post("/_sim/work-orders/1/status", json={"status": later})
        assert decided.json()["status"] == later
        assert (await by_token(caller, token)).status_code == 409


async def test_what_a_completion_leaves_out_is_left_as_it_was(caller: Caller) -> None:
    token = (await caller.create())["confirmation_token"]
    await caller.post("complete_order", {"confirmation_token": token})
    work_order = caller.panel.work_orders[1]
    assert (work_order.status, work_order.payments, work_order.payment_method_id) == ("queued", [], 1)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"confirmation_token": "wrong"}, 404, "Work order not found"),
        ({"confirmation_token": ""}, 422, "confirmation_token is required"),
        ({"payment_method_id": 9}, 422, "payment_method_id 9 is unknown"),
        ({"payment_amount": None}, 422, "payment_amount must be a number"),
        ({"payment_transaction_id": 7}, 422, "payment_transaction_id must be a string"),
        ({"customer_email": EMAIL}, 422, "Unknown field customer_email; known are confirmation_token,"),
    ],
)
async def test_a_bad_completion_by_token_changes_nothing(
    caller: Caller, changes: dict[str, Any], status: int, text: str
) -> None:
    token = (await caller.create())["confirmation_token"]
    answered, error = refused(await by_token(caller, token, **changes))
    assert (answered, error[: len(text)]) == (status, text)
    assert (caller.panel.work_orders[1].status, caller.panel.work_orders[1].payments) == ("pending_payment", [])


async def test_version_1_completes_no_existing_work_order(caller: Caller) -> None:
    token = (await caller.create())["confirmation_token"]
    caller.panel.settings.knows_complete_by_token = False
    assert refused(await by_token(caller, token)) == (422, "customer_email is required")
    assert caller.panel.work_orders[1].status == "pending_payment"
    assert (await caller.post("complete_order", COMPLETION)).json()["data"]["work_order_id"] == 2


# --- send_payment_instructions --------------------------------------------------------------------------------------


async def test_every_sending_of_instructions_is_kept(caller: Caller) -> None:
    await caller.create()
    for _ in range(2):
        response = await caller.post("send_payment_instructions", INSTRUCTIONS)
        assert response.json()["data"] == {"sent": True, "reference_code": REFERENCE}
    work_order = caller.panel.work_orders[1]
    assert [each.confirm_url for each in work_order.instructions] == [INSTRUCTIONS["confirm_url"]] * 2
    assert work_order.instructions[0].at >= work_order.created_at
    await submit(caller)
    words = "The work order is payment_submitted; it must be pending_payment"
    assert refused(await caller.post("send_payment_instructions", INSTRUCTIONS)) == (409, words)
    assert len(work_order.instructions) == 2


@pytest.mark.parametrize(
    ("field", "value", "status", "text"),
    [
        ("work_order_id", ABSENT, 422, "work_order_id must be an integer of at least 1"),
        ("work_order_id", "1", 422, "work_order_id must be an integer of at least 1"),
        ("work_order_id", 2, 404, "Work order not found"),
        ("confirm_url", ABSENT, 422, "confirm_url is required"),
        ("confirm_url", "", 422, "confirm_url is required"),
        ("confirm_url", 7, 422, "confirm_url must be a string"),
        ("confirm_url", "/checkout/", 422, "confirm_url must be an http or https address"),
        ("confirm_url", "ftp://shop.test/", 422, "confirm_url must be an http or https address"),
        ("confirm_url", "http://[::1", 422, "confirm_url must be an http or https address"),
        ("email", EMAIL, 422, "Unknown field email; known are work_order_id, confirm_url"),
    ],
)
async def test_bad_instructions_are_refused_and_not_sent(
    caller: Caller, field: str, value: object, status: int, text: str
) -> None:
    await caller.create()
    response = await caller.post("send_payment_instructions", changed(INSTRUCTIONS, field, value))
    assert refused(response) == (status, text)
    assert caller.panel.work_orders[1].instructions == []


# --- what goes for all of them --------------------------------------------------------------------------------------


async def test_a_lenient_panel_overlooks_unknown_fields(caller: Caller) -> None:
    caller.panel.settings.strict = False
    token = (await caller.create())["confirmation_token"]
    bodies: dict[str, dict[str, Any]] = {
        "send_payment_instructions": INSTRUCTIONS,
        "submit_payment": PAYMENT,
        "complete_order": {"confirmation_token": token},
    }
    answers = [await caller.post(action, body | {"coupon": "X"}) for action, body in bodies.items()]
    answers.append(await caller.post("complete_order", COMPLETION | {"coupon": "X"}))
    assert [each.status_code for each in answers] == [200] * 4


@pytest.mark.parametrize("action", ["submit_payment", "complete_order", "send_payment_instructions"])
async def test_method_body_key_and_limit_go_for_the_new_actions(caller: Caller, action: str) -> None:
    assert refused(await caller.get(action)) == (405, f"{action} must be called with POST")
    assert refused(await caller.post(action, [])) == (400, "The body must be a JSON object")
    plain = {"Content-Type": "text/plain"}
    assert refused(await caller.post(action, {}, headers=plain)) == (400, "Content-Type must be application/json")
    assert refused(await caller.post(action, {}, headers={"X-Panelr-API-Key": "x"})) == (401, "Invalid API key")
    caller.panel.settings.rate_per_minute = 1
    await caller.create()
    assert refused(await caller.post(action, {})) == (429, "Rate limit exceeded")


async def test_a_dump_shows_payments_instructions_and_notes(caller: Caller) -> None:
    await caller.create()
    await caller.post("send_payment_instructions", INSTRUCTIONS)
    await caller.post("submit_payment", PAYMENT)
    (dump,) = (await caller.client.get("/_sim/work-orders")).json()
    assert len(dump["payments"][0].pop("at")) == len(dump["instructions"][0].pop("at")) == 19
    assert dump["payments"] == [{"amount": 7.5, "transaction_id": "ch_1"}]
    assert dump["instructions"] == [{"confirm_url": INSTRUCTIONS["confirm_url"]}]
    assert (dump["notes"], dump["extras"]) == (["Paid."], {})


async def test_the_switches_can_be_set_at_the_start_and_by_hand(caller: Caller) -> None:
    switched = {"knows_complete_by_token": False, "accepts_repeated_payments": True}
    settings = create_app(
        api_key=KEY, knows_complete_by_token=False, accepts_repeated_payments=True
    ).state.panel.settings
    assert {name: getattr(settings, name) for name in switched} == switched
    answer = (await caller.client.patch("/_sim/settings", json=switched)).json()
    assert answer | switched == answer


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_answer_that_is_lost_after_a_payment_leaves_it_paid(caller: Caller, when: str) -> None:
    await caller.create()
    caller.panel.faults.add("close", action="submit_payment", when=when)
    with pytest.raises(httpx.RemoteProtocolError):
        await submit(caller, amount=7.5)
    assert caller.panel.work_orders[1].paid == Decimal("7.5" if when == "after" else 0)


async def test_a_fault_of_one_order_strikes_whatever_names_its_work_order(caller: Caller) -> None:
    await caller.create(wc_order_id="4710")
    token = (await caller.create())["confirmation_token"]
    second = f"WO-{YEAR}-00002"
    caller.panel.faults.add("refuse", wc_order_id="4711", times=None)
    struck = [
        await caller.post("submit_payment", {"confirmation_token": token}),
        await submit(caller, reference_code=second),
        await caller.post("complete_order", {"confirmation_token": token}),
        await caller.post("complete_order", COMPLETION),
        await caller.post("send_payment_instructions", INSTRUCTIONS | {"work_order_id": 2}),
        await caller.get("get_work_order", ref=second, token=token),
        await caller.get("get_work_order", ref=second, email=EMAIL),
    ]
    assert [each.json()["error"] for each in struck] == ["Simulated refusal"] * 7
    spared = [
        await caller.post("send_payment_instructions", INSTRUCTIONS),
        await submit(caller),
        await caller.get("get_work_order", ref=REFERENCE, email=EMAIL),
        await caller.get("get_work_orders", customer_email=EMAIL),
    ]
    assert [each.status_code for each in spared] == [200] * 4


async def test_a_fault_of_one_customer_strikes_whatever_names_a_work_order_of_theirs(caller: Caller) -> None:
    await caller.create(wc_order_id="4710", customer_email="bob@example.test")
    token = (await caller.create())["confirmation_token"]
    caller.panel.faults.add("refuse", customer_email=EMAIL.upper(), action="complete_order")
    caller.panel.faults.add("refuse", customer_email=EMAIL, action="send_payment_instructions")
    assert (await caller.post("send_payment_instructions", INSTRUCTIONS)).status_code == 200
    both = [
        await caller.post("send_payment_instructions", INSTRUCTIONS | {"work_order_id": 2}),
        await by_token(caller, token),
    ]
    assert [each.json()["error"] for each in both] == ["Simulated refusal"] * 2
    assert caller.panel.faults.pending == []
