"""Rare sequences of events that a review found."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application import resolve_order
from panelr_bridge.application.follow_ups import lease
from panelr_bridge.application.follow_ups.plan import plan
from panelr_bridge.application.transactions import (
    claim_call,
    evaluate_order,
)
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.domain.models import FollowUpKind, OrderState
from panelr_bridge.domain.panelr_values import WorkOrder
from tests.support.bridge_kit import Kit, order
from tests.support.claims import claim_order, end_lease, record_created
from tests.support.payments import map_bank_transfer

LATER = "2026-11-21T20:00:00"


async def test_a_late_answer_settles_an_order_that_was_to_be_sent_again(stepped: Kit) -> None:
    claim = await claim_order(stepped, 1)
    await end_lease(stepped, claim)
    await stepped.runtime.bridge.write(resolve_order.confirm_not_created, claim.order_id, actor="test")
    assert (await stepped.order(1))["state"] == "queued"
    assert await record_created(stepped, claim, "WO-2026-00001", 1) is OrderState.CREATED
    story = await stepped.order(1)
    assert (story["state"], story["reference_code"], story["owed_calls"]) == ("created", "WO-2026-00001", [])


async def test_a_late_answer_for_a_closed_order_is_kept_and_told(stepped: Kit) -> None:
    claim = await claim_order(stepped, 1)
    await end_lease(stepped, claim)
    await stepped.api("POST", f"/orders/{claim.order_id}/close")
    await record_created(stepped, claim, "WO-2026-00001", 1)
    story = await stepped.order(1)
    assert (story["state"], [each["code"] for each in story["attention"]]) == ("created", ["created_after_all"])


async def test_that_there_is_a_second_work_order_is_not_forgotten_with_the_next_snapshot(stepped: Kit) -> None:
    claim = await claim_order(stepped, 1)
    await record_created(stepped, claim, "WO-2026-00001", 1)
    await record_created(stepped, claim, "WO-2026-00002", 2)
    await stepped.post(order(id=1, customer_note="later", date_modified_gmt=LATER))
    story = await stepped.order(1)
    assert story["reference_code"] == "WO-2026-00001"
    assert [each["code"] for each in story["attention"]] == ["second_work_order"]


async def test_a_work_order_is_taken_back_from_the_order_that_had_wrongly_adopted_it(stepped: Kit) -> None:
    ours, other = await claim_order(stepped, 1), await claim_order(stepped, 2)
    await end_lease(stepped, ours)
    await end_lease(stepped, other)
    adopted = WorkOrder(reference_code="WO-2026-00001", work_order_id=1)
    await stepped.runtime.bridge.write(resolve_order.link_work_order, other.order_id, adopted, actor="test")
    await record_created(stepped, ours, "WO-2026-00001", 1)
    assert (await stepped.order(1))["state"] == "created"
    story = await stepped.order(2)
    assert (story["state"], story["reference_code"]) == ("unconfirmed", None)
    assert [each["action"] for each in story["owed_calls"]] == ["look_up"]


@pytest.mark.parametrize("told", [True, False], ids=["payment told", "nothing told"])
async def test_what_followed_a_work_order_is_forgotten_when_it_is_taken_back(stepped: Kit, told: bool) -> None:
    await map_bank_transfer(stepped, "submit_payment")
    bridge, by_transfer = stepped.runtime.bridge, {"payment_method": "bacs"}
    ours, other = await claim_order(stepped, 1), await claim_order(stepped, 2, **by_transfer)
    await end_lease(stepped, ours)
    await end_lease(stepped, other)
    adopted = WorkOrder(reference_code="WO-2026-00001", work_order_id=1)
    await bridge.write(resolve_order.link_work_order, other.order_id, adopted, actor="test")
    await bridge.write(plan, other.order_id, policy=bridge.policy, stores={})
    if told:
        errand = await bridge.write(lease.claim, kind=FollowUpKind.PAYMENT, call_policy=bridge.call_policy)
        assert errand is not None
    assert {each["kind"] for each in (await stepped.order(2))["follow_ups"]} == {"payment", "status"}
    await record_created(stepped, ours, "WO-2026-00001", 1)
    story = await stepped.order(2)
    assert (story["state"], story["follow_ups"]) == ("unconfirmed", [])
    assert [each["code"] for each in story["attention"]] == (["payment_not_told"] if told else [])


async def test_a_created_order_keeps_its_work_order_when_panelr_uses_a_number_again(stepped: Kit) -> None:
    first, second = await claim_order(stepped, 1), await claim_order(stepped, 2)
    await record_created(stepped, first, "WO-2026-00001", 1)
    await end_lease(stepped, second)
    await record_created(stepped, second, "WO-2026-00001", 1)
    assert [(await stepped.order(number))["state"] for number in (1, 2)] == ["created", "created"]


async def test_a_created_order_keeps_its_work_order_whatever_its_meta_says_later(stepped: Kit) -> None:
    await record_created(stepped, await claim_order(stepped, 1), "WO-2026-00001", 1)
    meta = [{"id": 1, "key": "_panelr_work_order_id", "value": "99"}]
    await stepped.post(order(id=1, meta_data=meta, date_modified_gmt=LATER))
    story = await stepped.order(1)
    assert (story["work_order_id"], story["reference_code"], story["adopted"]) == (1, "WO-2026-00001", False)


async def test_hurried_retries_are_not_two_look_ups(stepped: Kit) -> None:
    claim = await claim_order(stepped, 1)
    await end_lease(stepped, claim)
    bridge = stepped.runtime.bridge
    for _ in range(3):
        await stepped.api("POST", f"/orders/{claim.order_id}/retry")
        look_up = await bridge.claim_due()
        assert isinstance(look_up, Claim)
        assert (await bridge.carry_out(look_up)).state is OrderState.UNCONFIRMED
    assert (await stepped.order(1))["state"] == "unconfirmed"
    assert stepped.panel.work_orders == {}


async def test_an_order_that_cannot_be_handled_keeps_no_other_waiting(
    stepped: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        stepped.panel.faults.add("throttle", action="create_work_order", retry_after=1)
        await stepped.post(order(id=number))
    await stepped.runtime.bridge.write(_make_due)
    really = evaluate_order.evaluate

    def failing(connection: Connection, told: Any, **more: Any) -> Any:
        if told.id == 1:
            raise KeyError("a fault")
        return really(connection, told, **more)

    monkeypatch.setattr(claim_call, "evaluate", failing)
    stepped.panel.faults.clear()
    await stepped.runtime.worker._start_due()
    await stepped.until(2, "created")
    story = await stepped.order(1)
    assert (story["state"], story["attention"][0]["code"]) == ("queued", "cannot_be_processed")


def _make_due(connection: Connection, now: datetime) -> None:
    from panelr_bridge.store.panelr_tables import rate_limits  # noqa: PLC0415
    from panelr_bridge.store.tables import orders  # noqa: PLC0415

    connection.execute(
        orders.update().where(orders.c.owes.is_not(None)).values(next_attempt_at=now - timedelta(seconds=1))
    )
    connection.execute(rate_limits.delete())
