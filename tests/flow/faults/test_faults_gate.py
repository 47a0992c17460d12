"""Only the probe closes and opens the gate: what concerns one request stops no other order."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.transactions.claim_call import NothingDue
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.outage import BLOCKED_TRIES, ProbeVerdict
from panelr_bridge.settings import Settings
from panelr_bridge.store import rate_limit
from panelr_bridge.store.database import Database
from panelr_bridge.store.panelr_tables import rate_slots
from panelr_bridge.store.rate_limit import ProbeSlot
from panelr_bridge.store.tables import follow_ups
from tests.support.bridge_kit import Kit, kit_of, order, tried
from tests.support.panelr_faults import (
    CREATE,
    ENDS,
    LOOK_UP,
    End,
    Fault,
    order_of_customer,
    read_end,
    wait_until_settled,
)

FIREWALL = Fault("403 with html", "misconfigured", "status", {"status": 403})
"""A refusal that may not be Panelr's own: the order is looked up before it is sent again."""
PROBE = "get_store_settings"
CLOSING: tuple[Fault, ...] = (
    Fault("401", "misconfigured", "unauthorized"),
    Fault("403", "misconfigured", "forbidden"),
    Fault("302", "misconfigured", "status", {"status": 302}),
    Fault("429 without Retry-After", "throttled", "throttle"),
    Fault("429 with Retry-After", "throttled", "throttle", {"retry_after": 1}),
    Fault("429 with html", "throttled", "status", {"status": 429, "retry_after": 1}),
    Fault(
        "503 with Retry-After and envelope",
        "throttled",
        "status",
        {"status": 503, "retry_after": 1, "body": "envelope"},
    ),
)


def actions(kit: Kit) -> list[str]:
    """Return the create calls and the probes that Panelr received, in order."""
    return [entry.action for entry in kit.panel.journal if entry.action in {CREATE, PROBE}]


def _make_follow_ups_due(connection: Connection, now: datetime) -> None:
    connection.execute(follow_ups.update().where(follow_ups.c.done_at.is_(None)).values(due_at=now))


async def test_what_the_probe_confirms_keeps_everybody_waiting_and_loses_nothing(mapped: Kit) -> None:
    """One after the other: each of these stops all calls until a probe succeeds."""
    for number, fault in enumerate(CLOSING, 701):
        mapped.fail_with_probe(fault.kind, **fault.more)
        mapped.forget_probe()
        moment = utc_now()
        mapped.runtime.bridge.clock = lambda moment=moment: moment  # type: ignore[misc]
        asked = len(actions(mapped))
        for each in (number, number + 100):  # the order with the fault, and one after it
            answer = await mapped.post(order_of_customer(each))
            assert (fault.name, answer.status_code, answer.json()["state"]) == (fault.name, 202, "queued")
        assert actions(mapped)[asked:] == [CREATE, PROBE]
        (reason,) = (await mapped.order(number))["reasons"]
        assert (reason["code"], bool(reason["words"])) == (fault.fate, True)
        mapped.runtime.bridge.clock = utc_now
        mapped.wake_worker()
        await wait_until_settled(mapped)
        tries = (f"{CREATE} {fault.fate}", f"{CREATE} done")
        assert (fault.name, await read_end(mapped, number)) == (fault.name, End("created", None, None, tries, 1))
        assert await read_end(mapped, number + 100) == ENDS["done"]
    made = Counter(each.wc_order_id for each in mapped.panel.work_orders.values())
    assert (len(made), set(made.values())) == (2 * len(CLOSING), {1})


async def test_a_firewall_that_refuses_everything_keeps_everybody_waiting_and_loses_nothing(mapped: Kit) -> None:
    mapped.fail_with_probe(FIREWALL.kind, **FIREWALL.more)
    mapped.panel.journal.clear()
    states = [(await mapped.post(order_of_customer(number))).json()["state"] for number in (701, 702)]
    assert (states, actions(mapped)[:2]) == (["unconfirmed", "queued"], [CREATE, PROBE])
    await wait_until_settled(mapped)
    tries = (f"{CREATE} misconfigured", f"{LOOK_UP} done", f"{LOOK_UP} done", f"{CREATE} done")
    assert await read_end(mapped, 701) == End("created", None, None, tries, 1)
    assert await read_end(mapped, 702) == ENDS["done"]


@pytest.mark.parametrize("fault", [*CLOSING, FIREWALL], ids=lambda fault: fault.name)
async def test_what_the_probe_does_not_confirm_keeps_nothing_else_waiting(
    settings: Settings, panelr: tuple[str, Any], fault: Fault
) -> None:
    default = {"retry_schedule_seconds": Settings().retry_schedule_seconds, "worker": False}
    async with kit_of(settings.model_copy(update=default), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.panel.faults.add(fault.kind, action=CREATE, wc_order_id="701", times=None, **fault.more)
        states = [(await kit.post(order_of_customer(number))).json()["state"] for number in (701, 702, 703)]
        assert states == ["unconfirmed" if fault is FIREWALL else "queued", "created", "created"]
        (reason,) = (await kit.order(701))["reasons"]
        assert reason["code"] == ("throttled" if fault.fate == "throttled" else "blocked")
        assert await kit.runtime.database.read(rate_limit.gate, name=RATE) is None


async def test_eight_orders_that_a_firewall_refuses_delay_none_of_thirty_others(
    settings: Settings, panelr: tuple[str, Any]
) -> None:
    default = Settings().retry_schedule_seconds
    async with kit_of(settings.model_copy(update={"retry_schedule_seconds": default}), panelr[1]) as patient:
        await patient.map(sku="PANEL-1000", panelr_product_id=3)
        patient.panel.settings.firewall_words = ["O'Select"]
        blocked, others = range(701, 709), range(801, 831)
        for number in blocked:
            billing = order_of_customer(number)["billing"] | {"last_name": "O'Select"}
            answer = await patient.post(order(id=number, billing=billing))
            assert (answer.status_code, answer.json()["state"]) == (202, "unconfirmed")
            assert "firewall" in answer.json()["reason"]
        states = [(await patient.post(order_of_customer(number))).json()["state"] for number in others]
        assert states == ["created"] * len(others)
        # on a slow machine, the first of them have been looked up meanwhile, and wait for their next try
        listed = (await patient.api("GET", "/orders?state=unconfirmed,queued&per_page=100")).json()["data"]
        assert {each["woo_order_id"] for each in listed} == set(blocked)
        assert {each["reasons"][0]["code"] for each in listed} == {"blocked"}
        assert all("Allow the bridge's requests" in each["reasons"][0]["words"] for each in listed)
        ready = await patient.http.get("/readyz")
        assert ready.status_code == 200, ready.text


async def test_an_order_that_stays_blocked_is_held_and_goes_on_when_corrected(mapped: Kit) -> None:
    mapped.panel.settings.firewall_words = ["O'Select"]
    billing = order_of_customer(701)["billing"] | {"last_name": "O'Select"}
    await mapped.post(order(id=701, billing=billing))
    story = await mapped.until(701, "held")
    assert [reason["code"] for reason in story["reasons"]] == ["blocked"]
    assert [each["outcome"] for each in tried(story) if each["action"] == CREATE] == ["blocked"] * BLOCKED_TRIES
    answer = await mapped.post(order_of_customer(701) | {"date_modified_gmt": "2026-11-21T20:00:00"})
    assert answer.json()["state"] == "created"


async def test_an_order_with_a_token_too_long_for_an_address_stops_no_other(mapped: Kit) -> None:
    meta = [
        {"id": 1, "key": "_panelr_work_order_id", "value": "9"},
        {"id": 2, "key": "_panelr_reference_code", "value": "WO-2026-00009"},
        {"id": 3, "key": "_panelr_confirmation_token", "value": "t" * 70_000},
    ]
    await mapped.post(order_of_customer(701) | {"meta_data": meta})
    await mapped.until(701, lambda story: bool(story["follow_ups"]))
    await mapped.runtime.bridge.write(_make_follow_ups_due)
    mapped.wake_worker()
    await mapped.until(701, lambda story: any(each["action"] == "get_work_order" for each in story["attempt_log"]))
    assert (await mapped.post(order_of_customer(702))).json()["state"] == "created"
    assert await mapped.runtime.database.read(rate_limit.gate, name=RATE) is None


async def test_many_calls_that_fail_together_cost_one_probe(mapped: Kit) -> None:
    mapped.fail_with_probe("unauthorized", times=None)
    mapped.panel.settings.latency_seconds = 0.2
    moment = utc_now()
    mapped.runtime.bridge.clock = lambda: moment
    await asyncio.gather(*(mapped.post(order_of_customer(number)) for number in range(701, 711)))
    assert actions(mapped).count(PROBE) == 1


async def test_a_refused_key_without_a_slot_for_the_probe_lets_no_order_go_before_it(
    settings: Settings, panelr: tuple[str, Any]
) -> None:
    async with kit_of(settings.model_copy(update={"panelr_rate_per_minute": 2, "worker": False}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)  # takes a slot
        kit.fail_with_probe("unauthorized", times=None)
        assert (await kit.post(order_of_customer(701))).json()["state"] == "queued"
        assert actions(kit) == [CREATE]
        gate = await kit.runtime.database.read(rate_limit.gate, name=RATE)
        assert gate is not None
        assert gate.cause == "misconfigured"
        await kit.runtime.bridge.write(_free_the_slots)
        assert isinstance(await kit.runtime.bridge.claim_due(), NothingDue)
        assert await kit.runtime.bridge.probe.start() is ProbeVerdict.FAILED
        assert actions(kit)[-1] == PROBE


def _free_the_slots(connection: Connection, now: datetime) -> None:
    connection.execute(rate_slots.update().values(used_at=now - timedelta(hours=1)))


async def test_a_pause_soon_after_another_is_no_longer_than_it_was_asked_for(opened: Database) -> None:
    """The wait for the first pause's probe does not lengthen the second pause."""
    now = utc_now()

    def twice(connection: Connection) -> timedelta:
        rate_limit.prepare(connection, name=RATE, limit=10, now=now)
        rate_limit.close(
            connection, name=RATE, now=now, pause=timedelta(0), failures=1, cause="throttled", words="a pause"
        )
        probe = rate_limit.take_probe(connection, name=RATE, limit=10, longest=timedelta(hours=1), now=now)
        assert isinstance(probe, ProbeSlot)
        rate_limit.open_again(connection, name=RATE, now=now)
        rate_limit.close(
            connection, name=RATE, now=now, pause=timedelta(seconds=5), failures=1, cause="throttled", words="another"
        )
        return rate_limit.free_at(connection, name=RATE, limit=10, now=now) - now

    assert timedelta(seconds=4) < await opened.write(twice) <= timedelta(seconds=5)


async def test_an_order_whose_answer_is_lost_after_a_pause_keeps_nobody_waiting(mapped: Kit) -> None:
    mapped.fail_with_probe("throttle", retry_after=1)
    mapped.panel.faults.add("reset", action=CREATE, wc_order_id="701", when="after")
    for number in (701, 702):
        await mapped.post(order_of_customer(number))
    await wait_until_settled(mapped)
    assert (await read_end(mapped, 701)).tries == (f"{CREATE} throttled", f"{CREATE} unknown", f"{LOOK_UP} done")
    assert (await read_end(mapped, 702)).state == "created"
