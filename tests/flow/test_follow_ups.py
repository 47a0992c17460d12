"""How follow-ups are claimed: expired leases, their share of the rate limit, their order, and lines for renewals."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from panelr_bridge.application.container import call_policy
from panelr_bridge.application.follow_ups import customer_lines, lease, payment_instructions, status_poll
from panelr_bridge.application.follow_ups.plan import plan, work_order_of
from panelr_bridge.application.follow_ups.specification import FollowUpResult, FollowUpTask
from panelr_bridge.application.transactions.claim_call import NothingDue
from panelr_bridge.application.transactions.rate_gate import RATE
from panelr_bridge.domain.call_outcome import Done
from panelr_bridge.domain.models import FollowUpKind
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.store import due_work, rate_limit
from panelr_bridge.store.panelr_tables import rate_limits, rate_slots
from panelr_bridge.store.tables import follow_ups
from tests.support.bridge_kit import Kit, line, order, tried
from tests.support.panelr_faults import order_of_customer
from tests.support.payments import ON_HOLD, PAID, attention_codes, find_follow_up, is_settled, map_bank_transfer

LEASE = timedelta(hours=1)


async def planned(kit: Kit, content: dict[str, Any]) -> int:
    """Create an order and plan its follow-ups without running them; return the order's id in the bridge."""
    assert (await kit.post(content)).json()["state"] == "created"
    order_id = int((await kit.order(content["id"]))["id"])
    await kit.runtime.bridge.write(plan, order_id, policy=kit.runtime.bridge.policy, stores=wanted(kit))
    return order_id


def wanted(kit: Kit) -> Any:
    from panelr_bridge.application.container import store_options  # noqa: PLC0415

    return store_options(kit.runtime.settings)


async def claimed(kit: Kit, kind: FollowUpKind, *, later: timedelta = timedelta(0)) -> FollowUpTask | NothingDue | None:
    def take(connection: Connection, now: Any) -> FollowUpTask | NothingDue | None:
        return lease.claim(connection, now + later, kind=kind, call_policy=call_policy(kit.runtime.settings))

    return await kit.runtime.bridge.write(take)


async def died(kit: Kit) -> int | None:
    """End the lease of a killed process; return its order."""

    def end(connection: Connection, now: Any) -> int | None:
        return lease.end_one_lease(connection, now + LEASE, call_policy=call_policy(kit.runtime.settings))

    return await kit.runtime.bridge.write(end)


def result(errand: FollowUpTask, **more: Any) -> FollowUpResult:
    told: dict[str, Any] = {
        "action": "x",
        "outcome": Done(words="done", data=None),
        "words": "done",
        "started_at": errand.claimed_at,
        "milliseconds": 1,
        "done": True,
    }
    return FollowUpResult(**told | more)


@pytest.fixture
async def stepped(stepped: Kit) -> Kit:
    """A bridge without a worker, with a mapping for bank transfers and the shop's address."""
    stepped.runtime.settings.__dict__["woo_url"] = "https://shop.test"
    await map_bank_transfer(stepped, "submit_payment")
    return stepped


async def test_a_process_that_dies_with_a_payment_on_the_wire_leaves_it_to_be_looked_up(stepped: Kit) -> None:
    await planned(stepped, order_of_customer(20) | ON_HOLD)
    await stepped.post(order_of_customer(20) | PAID)
    order_id = (await stepped.order(20))["id"]
    await stepped.runtime.bridge.write(plan, order_id, policy=stepped.runtime.bridge.policy, stores=wanted(stepped))
    first = await claimed(stepped, FollowUpKind.PAYMENT)
    assert isinstance(first, FollowUpTask)
    assert first.sent_at is None
    assert await claimed(stepped, FollowUpKind.PAYMENT) is None  # one at a time
    assert await died(stepped) == order_id
    again = await claimed(stepped, FollowUpKind.PAYMENT, later=2 * LEASE)
    assert isinstance(again, FollowUpTask)
    assert again.sent_at == first.claimed_at  # it may have arrived, so it is looked up and not sent
    assert (await stepped.order(20))["attention"] == []


async def test_a_process_that_dies_with_an_e_mail_on_the_wire_leaves_it_to_a_person(stepped: Kit) -> None:
    order_id = await planned(stepped, order_of_customer(20) | ON_HOLD)
    assert isinstance(await claimed(stepped, FollowUpKind.INSTRUCTIONS), FollowUpTask)
    assert await died(stepped) == order_id
    story = await stepped.order(20)
    assert attention_codes(story) == ("instructions_unclear",)
    assert await claimed(stepped, FollowUpKind.INSTRUCTIONS, later=2 * LEASE) is None


async def test_who_comes_after_his_lease_changes_nothing(stepped: Kit) -> None:
    await planned(stepped, order_of_customer(20) | ON_HOLD)
    late = await claimed(stepped, FollowUpKind.INSTRUCTIONS)
    assert isinstance(late, FollowUpTask)
    await died(stepped)
    bridge = stepped.runtime.bridge
    recorded = await bridge.write(lease.record, late, result(late), policy=bridge.policy)
    assert not recorded
    story = await stepped.order(20)
    assert (find_follow_up(story, "instructions") or {})["done_at"] is None
    assert [each["outcome"] for each in story["attempt_log"]][-1] == "done"  # the answer is kept as an attempt


async def test_follow_ups_leave_half_of_a_minutes_calls_to_new_orders(stepped: Kit) -> None:
    allowed = stepped.runtime.settings.panelr_rate_per_minute
    for number in range(20, 24):
        await planned(stepped, order_of_customer(number) | ON_HOLD)

    def use_up(connection: Connection, now: Any) -> None:
        half = rate_slots.update().where(rate_slots.c.slot <= allowed // 2).values(used_at=now)
        connection.execute(half)

    await stepped.runtime.bridge.write(use_up)
    idle = await claimed(stepped, FollowUpKind.INSTRUCTIONS)
    assert isinstance(idle, NothingDue)
    assert idle.rate_limited
    assert (await stepped.post(order_of_customer(30))).json()["state"] == "created"  # it uses the other half


def close_gate(connection: Connection, now: Any, pause: timedelta, failures: int = 1) -> None:
    """Close the gate for a while; with `failures=0` open it."""
    connection.execute(rate_limits.delete())
    rate_limit.close(connection, name=RATE, now=now, pause=pause, failures=failures, cause="throttled", words="")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_gate_that_opens_early_is_found_open(stepped: Kit) -> None:
    """A probe opens it without notice to other processes."""
    await planned(stepped, order_of_customer(20) | ON_HOLD)
    await stepped.runtime.bridge.write(close_gate, timedelta(hours=1))
    seen, now = await stepped.runtime.database.read(due_work.find_due_work), stepped.runtime.bridge.clock()
    following = stepped.runtime.worker._follow_ups
    assert following is not None
    again = await following.run_due(seen, now=now)
    assert again is not None
    assert again - now < timedelta(seconds=30)
    assert await following.run_due(seen, now=now) == again  # the worker sleeps until then
    await stepped.runtime.bridge.write(close_gate, timedelta(0), failures=0)
    await following.run_due(seen, now=again)
    await following.drain(seconds=60)
    assert len(stepped.panel.work_orders[1].instructions) == 1


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_status_waits_while_a_new_order_does(stepped: Kit) -> None:
    await planned(stepped, order_of_customer(20) | ON_HOLD)
    seen = await stepped.runtime.database.read(due_work.find_due_work)
    following = stepped.runtime.worker._follow_ups
    assert following is not None
    now = stepped.runtime.bridge.clock() + LEASE
    busy = due_work.DueWork(due_at=now, lease_ends_at=None, mapping_changed=False, follow_ups=seen.follow_ups)
    assert following._must_wait(status_poll.SPEC, busy, now=now)
    assert not following._must_wait(payment_instructions.SPEC, busy, now=now)
    assert not following._must_wait(status_poll.SPEC, seen, now=now)


async def test_due_work_has_every_kind(stepped: Kit) -> None:
    await planned(stepped, order_of_customer(20) | ON_HOLD)
    seen = await stepped.runtime.database.read(due_work.find_due_work)
    assert set(seen.follow_ups) == {FollowUpKind.INSTRUCTIONS, FollowUpKind.STATUS}

    def kinds(connection: Connection) -> set[str]:
        return set(connection.execute(select(follow_ups.c.kind)).scalars())

    assert await stepped.runtime.database.read(kinds) == {"instructions", "status"}


RENEWAL = line(order(), meta_data=[{"id": 1, "key": "panelr_intent", "value": "renewal"}])


async def test_a_renewal_is_matched_with_the_customers_one_line(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    email = RENEWAL["billing"]["email"]
    fitting = kit.panel.add_line(email, status="expired", plugin_id=2)
    kit.panel.add_line(email, status="canceled", plugin_id=2)
    kit.panel.add_line("somebody@else.test", status="active", plugin_id=2)
    answer = await kit.post(RENEWAL)
    assert answer.json()["state"] == "held"
    story = await kit.until(20, "created")
    assert [each["action"] for each in tried(story)] == ["get_lines", "create_work_order"]
    (made,) = kit.panel.of_wc_order("20")
    assert [item.activation_id for item in made.cart] == [fitting.id]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_renewal_of_which_no_line_fits_waits_for_a_person(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(RENEWAL)
    story = await kit.until(20, is_settled("lines"))
    assert [each["code"] for each in story["reasons"]] == ["no_fitting_line"]
    kit.panel.add_line(RENEWAL["billing"]["email"], status="active", plugin_id=2)
    assert (await kit.api("POST", f"/orders/{story['id']}/retry")).status_code == 200
    await kit.until(20, "created")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_panelr_is_not_asked_for_the_lines_of_nobody(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(RENEWAL | {"billing": RENEWAL["billing"] | {"email": ""}})
    await kit.post(order(id=21))  # the worker has run since then
    await kit.until(21, "created")
    story = await kit.order(20)
    assert {each["code"] for each in story["reasons"]} == {"no_activation_id", "no_email"}
    assert (story["follow_ups"], story["attempt_log"]) == ([], [])
    kit.panel.add_line(RENEWAL["billing"]["email"], status="active", plugin_id=2)
    await kit.post(RENEWAL | {"date_modified_gmt": "2026-11-21T20:00:00"})
    await kit.until(20, "created")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_another_customers_line_is_not_renewed_when_the_address_is_corrected(kit: Kit) -> None:
    ours, wrong = RENEWAL["billing"]["email"], "wrong@example.test"
    kit.panel.add_line(wrong, status="active", plugin_id=2)
    fitting = kit.panel.add_line(ours, status="active", plugin_id=2)
    unmapped = RENEWAL["line_items"][0] | {"id": 2, "product_id": 99, "sku": "ELSE"}
    both = RENEWAL | {"line_items": [*RENEWAL["line_items"], unmapped]}
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(both | {"billing": RENEWAL["billing"] | {"email": wrong}})
    await kit.until(20, is_settled("lines"))
    await kit.post(both | {"date_modified_gmt": "2026-11-21T20:00:00"})
    await kit.map(sku="ELSE", panelr_product_id=None)
    await kit.until(20, "created")
    (made,) = kit.panel.of_wc_order("20")
    assert [item.activation_id for item in made.cart] == [fitting.id]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_follow_up_that_cannot_even_be_claimed_is_a_persons_and_holds_up_no_other(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await map_bank_transfer(kit, "submit_payment")
    kit.runtime.settings.__dict__["woo_url"] = "https://shop.test"
    monkeypatch.setattr(lease, "work_order_of", lambda row: 1 / 0 if row["woo_order_id"] == 20 else work_order_of(row))
    headers = {"X-WC-Webhook-Source": "https://shop.test/"}
    for number in (20, 21):
        await kit.post(order_of_customer(number) | ON_HOLD, headers=headers)
    story = await kit.until(21, is_settled("instructions"))
    assert attention_codes(story) == ()
    assert attention_codes(await kit.until(20, lambda story: story["attention"] != [])) == ("cannot_be_processed",)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_outage_only_delays_the_question_for_lines(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.add_line(RENEWAL["billing"]["email"], status="active", plugin_id=2)
    for fault in ("reset", "html", "close"):
        kit.panel.faults.add(fault, action="get_lines")
    await kit.post(RENEWAL)
    story = await kit.until(20, "created")
    assert [each["outcome"] for each in tried(story)] == ["unknown"] * 3 + ["done"] * 2


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_follow_up_that_the_bridge_itself_fails_at_is_left_to_an_operator_and_holds_up_no_other(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    kit.panel.add_line(RENEWAL["billing"]["email"], status="active", plugin_id=2)
    with monkeypatch.context() as patched:
        patched.setattr(customer_lines, "customer_lines", lambda _: 1 / 0)
        await kit.post(RENEWAL)
        story = await kit.until(20, lambda story: story["attention"] != [])
        assert attention_codes(story) == ("cannot_be_processed",)
    await kit.api("POST", f"/orders/{story['id']}/retry")
    assert attention_codes(await kit.until(20, "created")) == ()


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_bridge_that_lost_its_tables_knows_its_work_orders_again(panelr: tuple[str, Panel], kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    carried = {"panelr_work_order_id": "7", "panelr_reference_code": "WO-2026-00007", "panelr_status": "queued"}
    meta = [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(carried.items())]
    answer = await kit.post(order(meta_data=meta))
    assert answer.json() | {"reason": None} == {
        "order_id": 20,
        "state": "created",
        "work_order_id": 7,
        "reference_code": "WO-2026-00007",
        "reason": None,
    }
    assert len(panelr[1].work_orders) == 0
