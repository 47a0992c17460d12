"""Access, settings and faults of the payment actions of the simulated Panelr."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from panelr_bridge.simulators.panelr import create_app
from tests.support.panelr_caller import EMAIL, KEY, PanelrTestClient, read_error
from tests.support.panelr_payments import (
    COMPLETION,
    INSTRUCTIONS,
    PAYMENT,
    REFERENCE,
    complete_by_token,
    submit_payment,
)

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_lenient_panel_ignores_unknown_fields(caller: PanelrTestClient) -> None:
    caller.panel.settings.strict = False
    token = (await caller.create())["confirmation_token"]
    bodies: dict[str, dict[str, Any]] = {
        "send_payment_instructions": INSTRUCTIONS,
        "submit_payment": PAYMENT,
        "complete_order": {"confirmation_token": token, "payment_amount": 20},
    }
    answers = [await caller.post(action, body | {"coupon": "X"}) for action, body in bodies.items()]
    answers.append(await caller.post("complete_order", COMPLETION | {"coupon": "X"}))
    assert [each.status_code for each in answers] == [200] * 4


@pytest.mark.parametrize("action", ["submit_payment", "complete_order", "send_payment_instructions"])
async def test_the_payment_actions_check_method_body_key_and_limit(caller: PanelrTestClient, action: str) -> None:
    assert read_error(await caller.get(action)) == (405, f"{action} must be called with POST")
    assert read_error(await caller.post(action, [])) == (400, "The body must be a JSON object")
    plain = {"Content-Type": "text/plain"}
    assert read_error(await caller.post(action, {}, headers=plain)) == (400, "Content-Type must be application/json")
    assert read_error(await caller.post(action, {}, headers={"X-Panelr-API-Key": "x"})) == (401, "Invalid API key")
    caller.panel.settings.rate_per_minute = 1
    await caller.create()
    assert read_error(await caller.post(action, {})) == (429, "Rate limit exceeded")


async def test_a_dump_shows_payments_instructions_and_notes(caller: PanelrTestClient) -> None:
    await caller.create()
    await caller.post("send_payment_instructions", INSTRUCTIONS)
    await caller.post("submit_payment", PAYMENT)
    (dump,) = (await caller.client.get("/_sim/work-orders")).json()
    assert len(dump["payments"][0].pop("at")) == len(dump["instructions"][0].pop("at")) == 19
    assert dump["payments"] == [{"amount": 7.5, "transaction_id": "ch_1"}]
    assert dump["instructions"] == [{"confirm_url": INSTRUCTIONS["confirm_url"]}]
    assert (dump["notes"], dump["extras"]) == (["Paid."], {})


async def test_the_payment_settings_can_be_set_at_the_start_and_later(caller: PanelrTestClient) -> None:
    switched = {"knows_complete_by_token": False, "accepts_repeated_payments": True}
    settings = create_app(
        api_key=KEY, knows_complete_by_token=False, accepts_repeated_payments=True
    ).state.panel.settings
    assert {name: getattr(settings, name) for name in switched} == switched
    answer = (await caller.client.patch("/_sim/settings", json=switched)).json()
    assert answer | switched == answer


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_payment_is_stored_even_if_its_answer_is_lost(caller: PanelrTestClient, when: str) -> None:
    await caller.create()
    caller.panel.faults.add("close", action="submit_payment", when=when)
    with pytest.raises(httpx.RemoteProtocolError):
        await submit_payment(caller, amount=7.5)
    assert caller.panel.work_orders[1].paid == Decimal("7.5" if when == "after" else 0)


async def test_a_fault_of_one_order_applies_to_every_reference_to_its_work_order(caller: PanelrTestClient) -> None:
    await caller.create(wc_order_id="4710")
    token = (await caller.create())["confirmation_token"]
    second = REFERENCE.removesuffix("1") + "2"
    caller.panel.faults.add("refuse", wc_order_id="4711", times=None)
    struck = [
        await caller.post("submit_payment", {"confirmation_token": token}),
        await submit_payment(caller, reference_code=second),
        await caller.post("complete_order", {"confirmation_token": token}),
        await caller.post("complete_order", COMPLETION),
        await caller.post("send_payment_instructions", INSTRUCTIONS | {"work_order_id": 2}),
        await caller.get("get_work_order", ref=second, token=token),
        await caller.get("get_work_order", ref=second, email=EMAIL),
    ]
    assert [each.json()["error"] for each in struck] == ["Simulated refusal"] * 7
    spared = [
        await caller.post("send_payment_instructions", INSTRUCTIONS),
        await submit_payment(caller),
        await caller.get("get_work_order", ref=REFERENCE, email=EMAIL),
        await caller.get("get_work_orders", customer_email=EMAIL),
    ]
    assert [each.status_code for each in spared] == [200] * 4


async def test_a_fault_of_one_customer_applies_to_every_reference_to_their_work_orders(
    caller: PanelrTestClient,
) -> None:
    await caller.create(wc_order_id="4710", customer_email="bob@example.test")
    token = (await caller.create())["confirmation_token"]
    caller.panel.faults.add("refuse", customer_email=EMAIL.upper(), action="complete_order")
    caller.panel.faults.add("refuse", customer_email=EMAIL, action="send_payment_instructions")
    assert (await caller.post("send_payment_instructions", INSTRUCTIONS)).status_code == 200
    both = [
        await caller.post("send_payment_instructions", INSTRUCTIONS | {"work_order_id": 2}),
        await complete_by_token(caller, token),
    ]
    assert [each.json()["error"] for each in both] == ["Simulated refusal"] * 2
    assert caller.panel.faults.pending == []
