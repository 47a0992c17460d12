"""Races: two events in the worst possible order."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application import lost_answer_lookup, resolve_order
from panelr_bridge.application.bridge import ClaimFailed
from panelr_bridge.application.transactions import claim_call, evaluate_order, record_outcome
from panelr_bridge.application.transactions.call_report import CallReport
from panelr_bridge.application.transactions.claims import Claim
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.call_outcome import NotSent, Outcome, Refused, Unknown
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.outage import ProbeVerdict
from panelr_bridge.panelr import request
from panelr_bridge.settings import Settings
from panelr_bridge.store import deliveries, orders, owed_calls, rate_limit
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.panelr_tables import rate_limits, rate_slots
from panelr_bridge.store.tables import orders as orders_table
from tests.support.bridge_kit import Kit, order
from tests.support.claims import claim_order, end_lease, record_created
from tests.support.panelr_faults import order_of_customer
from tests.support.payments import LATER

SCHEDULE = Settings().retry_schedule_seconds


def report(claim: Claim, outcome: Outcome) -> CallReport:
    return CallReport(claim=claim, outcome=outcome, started_at=claim.claimed_at, milliseconds=1)


async def not_created(kit: Kit, claim: Claim, outcome: Outcome) -> OrderState:
    return await kit.runtime.bridge.write(
        record_outcome.record_not_created, report(claim, outcome), call_policy=kit.runtime.bridge.call_policy
    )


def _due(connection: Connection, now: datetime) -> None:
    connection.execute(
        orders_table.update().where(orders_table.c.owes.is_not(None)).values(next_attempt_at=now - timedelta(seconds=1))
    )
    connection.execute(rate_limits.delete())


async def next_claim(kit: Kit) -> Claim:
    """Make every owed call due and claim the first."""
    await kit.runtime.bridge.write(_due)
    claim = await kit.runtime.bridge.claim_due()
    assert isinstance(claim, Claim), claim
    return claim


async def test_a_lookalike_whose_answer_is_lost_just_now_is_seen(stepped: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order 1's work order exists; its answer is being lost. Order 2's call never arrived: it must not adopt it."""
    bridge, really = stepped.runtime.bridge, lost_answer_lookup.LostAnswerLookup._has_call_on_the_wire
    stepped.panel.settings.shows_wc_order_id = False
    first, second = await claim_order(stepped, 1), await claim_order(stepped, 2)
    await bridge.panelr.call(request.create_work_order(first.body), now=bridge.clock())
    await not_created(stepped, second, Unknown(words="lost"))

    async def and_then_it_is_lost(
        look_ups: lost_answer_lookup.LostAnswerLookup, claim: Claim, *, certain: bool
    ) -> bool:
        found = await really(look_ups, claim, certain=certain)
        await not_created(stepped, first, Unknown(words="lost"))
        return found

    monkeypatch.setattr(lost_answer_lookup.LostAnswerLookup, "_has_call_on_the_wire", and_then_it_is_lost)
    assert (await bridge.carry_out(await next_claim(stepped))).state is OrderState.UNCONFIRMED
    monkeypatch.undo()
    second_look = await next_claim(stepped)
    assert (await bridge.carry_out(second_look)).state is OrderState.UNCONFIRMED
    assert (await stepped.order(2))["state"] == "unconfirmed"


async def test_calls_that_were_on_the_wire_together_close_the_gate_once(stepped: Kit) -> None:
    bridge = stepped.runtime.bridge
    bridge.call_policy = replace(bridge.call_policy, retry_schedule=SCHEDULE)
    stepped.fail_with_probe("throttle", times=8)
    stepped.panel.settings.latency_seconds = 0.3
    await asyncio.gather(*(stepped.post(order_of_customer(number)) for number in range(1, 9)))

    def gate(connection: Connection) -> rate_limit.GateStatus | None:
        return rate_limit.gate(connection, name=RATE)

    closed = await bridge.database.read(gate)
    assert closed is not None
    assert closed.failures == 1
    assert closed.closed_until - bridge.clock() < timedelta(seconds=30)


async def test_each_probe_that_fails_makes_the_pause_longer(stepped: Kit) -> None:
    bridge = stepped.runtime.bridge
    stepped.panel.faults.add("throttle", times=None)

    def end_pause(connection: Connection, now: datetime) -> None:
        connection.execute(rate_limits.update().values(closed_until=now - timedelta(seconds=1)))

    for failures in (1, 2, 3):
        assert await bridge.probe.start() is ProbeVerdict.FAILED
        gate = await bridge.database.read(rate_limit.gate, name=RATE)
        assert gate is not None
        assert gate.failures == failures
        await bridge.write(end_pause)


async def test_an_order_that_was_corrected_while_it_was_sent_is_sent_again_when_refused(stepped: Kit) -> None:
    claim = await claim_order(stepped, 1)
    billing = order()["billing"] | {"email": "corrected@example.test"}
    await stepped.post(order(id=1, billing=billing, date_modified_gmt=LATER))
    await not_created(stepped, claim, Refused(words="no such mailbox", status=422))
    await stepped.runtime.worker._reevaluate_waiting()
    assert (await stepped.order(1))["state"] == "queued"


async def test_an_order_that_was_refused_as_it_still_is_stays_so(stepped: Kit) -> None:
    claim = await claim_order(stepped, 1)
    await not_created(stepped, claim, Refused(words="no", status=422))
    for _ in range(2):
        await stepped.runtime.worker._reevaluate_waiting()
    assert (await stepped.order(1))["state"] == "refused"


async def test_replaying_an_old_deletion_drops_nothing(stepped: Kit) -> None:
    await stepped.post({"id": 1}, topic="order.deleted")
    stepped.fail_with_probe("throttle", retry_after=600)
    await stepped.post(order(id=1, date_modified_gmt=LATER), topic="order.restored")
    story = await stepped.order(1)
    (deletion,) = [each["id"] for each in story["deliveries"] if each["verdict"] == "deleted"]
    assert (await stepped.api("POST", f"/deliveries/{deletion}/replay")).status_code == 200
    assert (await stepped.order(1))["state"] == story["state"] == "queued"


async def test_an_order_may_be_restored_twice_with_the_same_bytes(stepped: Kit) -> None:
    stepped.fail_with_probe("throttle", retry_after=600)
    for _ in range(2):
        await stepped.post({"id": 1}, topic="order.deleted")
        assert (await stepped.order(1))["state"] == "ignored"
        await stepped.post(order(id=1, date_modified_gmt=LATER), topic="order.restored")
        assert (await stepped.order(1))["state"] == "queued"


async def test_two_workers_that_fail_at_one_order_set_no_other_aside(
    stepped: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge, really = stepped.runtime.bridge, evaluate_order.evaluate
    stepped.fail_with_probe("throttle", retry_after=600)
    for number in (1, 2):
        await stepped.post(order_of_customer(number))

    def failing(connection: Connection, told: Any, **more: Any) -> Any:
        if told.id == 1:
            raise KeyError("a fault")
        return really(connection, told, **more)

    with monkeypatch.context() as fault:
        fault.setattr(claim_call, "evaluate", failing)
        await bridge.write(_due)
        for _ in range(2):
            with pytest.raises(ClaimFailed) as raised:
                await bridge.claim_due()
        assert await bridge.write(claim_call.set_aside, raised.value.order_id) is True
        assert await bridge.write(claim_call.set_aside, raised.value.order_id) is False
    assert (await stepped.order(2))["attention"] == []
    assert (await stepped.order(1))["attention"][0]["code"] == "cannot_be_processed"
    for _ in range(2):  # after the repair the attention ends
        await bridge.carry_out(await next_claim(stepped))
    story = await stepped.order(1)
    assert (story["state"], story["attention"]) == ("created", [])


async def test_a_look_up_that_lacks_the_names_asks_for_them_with_its_next_turn(stepped: Kit) -> None:
    """With one call a minute the names need a turn of their own."""
    bridge = stepped.runtime.bridge
    stepped.panel.settings.shows_wc_order_id = False
    stepped.panel.faults.add("close", action="create_work_order", when="after")
    await stepped.post(order(id=1))
    bridge.call_policy = bridge._look_ups._call_policy = replace(bridge.call_policy, rate_per_minute=1)
    for state in ("unconfirmed", "unconfirmed", "created"):
        await bridge.write(_free_the_slots)
        await bridge.carry_out(await next_claim(stepped))
        assert (await stepped.order(1))["state"] == state
    assert len(stepped.panel.work_orders) == 1


def _free_the_slots(connection: Connection, now: datetime) -> None:
    connection.execute(rate_slots.update().values(used_at=now - timedelta(hours=1)))


async def test_a_work_order_that_is_reported_while_a_newer_call_is_under_way_settles_the_order(stepped: Kit) -> None:
    first = await claim_order(stepped, 1)
    await end_lease(stepped, first)
    await stepped.runtime.bridge.write(resolve_order.confirm_not_created, first.order_id, actor="test")
    second = await next_claim(stepped)
    assert second.action is CallAction.CREATE_WORK_ORDER
    assert await record_created(stepped, first, "WO-2026-00001", 1) is OrderState.CREATED
    assert await not_created(stepped, second, NotSent(words="no connection")) is OrderState.CREATED
    story = await stepped.order(1)
    assert (story["state"], story["reference_code"], story["owed_calls"]) == ("created", "WO-2026-00001", [])
    assert [each["code"] for each in story["attention"]] == ["second_work_order"]


async def test_a_look_up_whose_handling_fails_is_reported_and_not_repeated_for_ever(
    stepped: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped.panel.faults.add("close", action="create_work_order", when="after")
    await stepped.post(order(id=1))

    def broken(**_: Any) -> None:
        raise KeyError("a fault")

    with monkeypatch.context() as fault:
        fault.setattr(lost_answer_lookup, "match", broken)
        claim = await next_claim(stepped)
        assert (await stepped.runtime.bridge.carry_out(claim)).state is OrderState.UNCONFIRMED
    story = await stepped.order(1)
    assert (story["owed_calls"], story["attention"][0]["code"]) == ([], "cannot_be_processed")
    await stepped.api("POST", f"/orders/{story['id']}/retry")
    await stepped.runtime.bridge.carry_out(await next_claim(stepped))
    story = await stepped.order(1)
    assert (story["state"], story["attention"]) == ("created", [])


async def test_an_adopted_work_order_that_was_anothers_leaves_an_order_that_can_be_looked_up(stepped: Kit) -> None:
    """The order had been refused before its meta data named the work order."""
    late, other = await claim_order(stepped, 1), await claim_order(stepped, 2)
    await end_lease(stepped, late)
    await not_created(stepped, other, Refused(words="no", status=422))
    meta = [{"id": 1, "key": "_panelr_reference_code", "value": "WO-2026-00001"}]
    await stepped.post(order(id=2, date_modified_gmt=LATER, meta_data=meta))
    await record_created(stepped, late, "WO-2026-00001", 1)
    assert (await stepped.order(2))["state"] == "unconfirmed"
    settled = await stepped.runtime.bridge.carry_out(await next_claim(stepped))
    assert settled.state is OrderState.UNCONFIRMED
    assert (await stepped.order(2))["attention"] == []


async def test_the_slot_of_a_killed_process_is_kept_until_its_lease_ends(stepped: Kit) -> None:
    """Its request may have been sent long after the slot was taken: connecting takes time."""
    claim = await claim_order(stepped, 1)
    before = await stepped.runtime.bridge.database.read(_used_at, claim.slot.number)
    await asyncio.sleep(0.05)
    await end_lease(stepped, claim)
    assert await stepped.runtime.bridge.database.read(_used_at, claim.slot.number) > before


def _used_at(connection: Connection, number: int) -> datetime:
    used: datetime = connection.execute(
        rate_slots.select().with_only_columns(rate_slots.c.used_at).where(rate_slots.c.slot == number)
    ).scalar_one()
    return used


async def test_replays_and_claims_of_one_order_do_not_block_each_other(stepped: Kit) -> None:
    if stepped.runtime.database.dialect == "sqlite":
        pytest.skip("there is one writer")
    bridge = stepped.runtime.bridge
    stepped.fail_with_probe("throttle", retry_after=600)
    await stepped.post(order(id=1))
    await bridge.write(_due)
    (told,) = (await stepped.order(1))["deliveries"]
    delivery = Delivery(store="default", topic="order.updated", body=b"", headers={}, verdict="order", woo_order_id=1)
    engine = bridge.database._engine  # type: ignore[attr-defined]
    async with engine.connect() as replaying, engine.connect() as claiming:
        await replaying.run_sync(partial(deliveries.replay, now=bridge.clock()), told["id"], delivery)
        row = await claiming.run_sync(lambda connection: owed_calls.next_due(connection, now=bridge.clock()))
        sent = {"sent_delivery_id": row["delivery_id"], "state": "sending"}
        sent |= owed_calls.lease_columns(tries=1, until=bridge.clock(), slot=None)
        async with asyncio.timeout(60):  # with the stronger lock this would be a deadlock
            await claiming.run_sync(lambda connection: orders.change(connection, row["id"], sent, now=bridge.clock()))


async def test_a_limit_that_is_lowered_counts_what_was_called_before(stepped: Kit) -> None:
    def calls(connection: Connection) -> list[int]:
        connection.execute(rate_slots.delete())
        moment = stepped.runtime.bridge.clock()
        rate_limit.prepare(connection, name="x", limit=4, now=moment)
        taken = [rate_limit.take(connection, name="x", limit=4, now=moment) is not None for _ in range(3)]
        rate_limit.prepare(connection, name="x", limit=2, now=moment)
        return [*taken, rate_limit.take(connection, name="x", limit=2, now=moment) is not None]

    assert await stepped.runtime.database.write(calls) == [True, True, True, False]
