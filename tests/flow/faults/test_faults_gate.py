"""What closes the gate for all calls: a refused key, or a pause that Panelr asks for."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import Connection

from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.store import rate_limit
from panelr_bridge.store.database import Database
from tests.support.bridge_kit import Kit
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


async def test_what_closes_the_gate_keeps_everybody_waiting_and_loses_nothing(mapped: Kit) -> None:
    """One after the other: each of these stops all calls until a probe succeeds."""
    for number, fault in enumerate(CLOSING, 701):
        mapped.panel.faults.add(fault.kind, action=CREATE, wc_order_id=str(number), **fault.more)
        moment = utc_now()
        mapped.runtime.bridge.clock = lambda moment=moment: moment  # type: ignore[misc]
        asked = len(mapped.panel.journal)
        for each in (number, number + 100):  # the order with the fault, and one after it
            answer = await mapped.post(order_of_customer(each))
            assert (fault.name, answer.status_code, answer.json()["state"]) == (fault.name, 202, "queued")
        assert len(mapped.panel.journal) == asked + 1
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


async def test_a_blocked_request_keeps_nothing_else_waiting(mapped: Kit) -> None:
    """A firewall dislikes one order's request; the orders after it are sent at once."""
    mapped.panel.faults.add("status", action=CREATE, wc_order_id="701", status=403, times=None)
    answers = [await mapped.post(order_of_customer(number)) for number in (701, 702, 703)]
    assert [answer.json()["state"] for answer in answers] == ["queued", "created", "created"]
    (reason,) = (await mapped.order(701))["reasons"]
    assert (reason["code"], "firewall" in reason["words"]) == ("blocked", True)


async def test_a_pause_soon_after_another_is_no_longer_than_it_was_asked_for(opened: Database) -> None:
    """The wait for the first pause's probe does not lengthen the second pause."""
    now = utc_now()

    def twice(connection: Connection) -> timedelta:
        rate_limit.prepare(connection, name=RATE, limit=10, now=now)
        rate_limit.close(
            connection, name=RATE, now=now, pause=timedelta(0), failures=1, cause="throttled", words="a pause"
        )
        probe = rate_limit.take(connection, name=RATE, limit=10, now=now)
        assert probe is not None
        assert probe.probe
        rate_limit.open_again(connection, name=RATE, now=now, accepted=True)
        rate_limit.close(
            connection, name=RATE, now=now, pause=timedelta(seconds=5), failures=1, cause="throttled", words="another"
        )
        return rate_limit.free_at(connection, name=RATE, limit=10, now=now) - now

    assert timedelta(seconds=4) < await opened.write(twice) <= timedelta(seconds=5)


async def test_a_probe_whose_answer_is_lost_keeps_nobody_waiting(mapped: Kit) -> None:
    """Panelr's pause is over; a lost answer of the probe starts no new pause."""
    mapped.panel.faults.add("throttle", action=CREATE, wc_order_id="701", retry_after=1)
    mapped.panel.faults.add("reset", action=CREATE, wc_order_id="701", when="after")
    for number in (701, 702):
        await mapped.post(order_of_customer(number))
    await wait_until_settled(mapped)
    assert (await read_end(mapped, 701)).tries == (f"{CREATE} throttled", f"{CREATE} unknown", f"{LOOK_UP} done")
    assert (await read_end(mapped, 702)).state == "created"
