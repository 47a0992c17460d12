"""Orders whose webhook was lost, found in a simulated shop."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelr_bridge.application.backfill.compared_order import ComparedOrder, OrderComparison
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.domain.models import OrderState
from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.woocommerce import OrderChanges
from panelr_bridge.store.rows import not_null
from panelr_bridge.woocommerce.rest import changed_orders
from panelr_bridge.woocommerce.rest.models import ChangedPage
from tests.support.bridge_kit import order
from tests.support.shops import LISTS, WC, Rig, rig_of


async def test_every_webhook_is_lost_and_every_order_is_made_once(rig: Rig) -> None:
    orders = rig.buy_many(5)
    assert await rig.walk() == (0, 5, 0)
    await rig.all_created(orders)
    story = await rig.kit.order(orders[0])
    assert [(each["topic"], each["headers"]) for each in story["deliveries"]] == [
        ("order.updated", {"source": "backfill"})
    ]
    assert await rig.walk() == (5, 0, 0)
    assert len((await rig.kit.order(orders[0]))["deliveries"]) == 1


async def test_the_first_run_does_not_go_through_the_whole_history(rig: Rig) -> None:
    rig.clock.advance(-7200)
    old = rig.buy()
    rig.clock.advance(7200)
    new = rig.buy()
    assert await rig.walk() == (0, 1, 0)
    await rig.all_created([new])
    assert await rig.walk(since=rig.clock.now - timedelta(hours=3)) == (1, 1, 0)
    await rig.all_created([old, new])


async def test_what_a_webhook_has_delivered_is_known_and_costs_nothing(rig: Rig) -> None:
    told = rig.buy()
    await rig.kit.post(rig.webhook_content(told), topic="order.created")
    await rig.kit.until(told, "created")
    before = await rig.kit.order(told)
    assert await rig.walk() == (1, 0, 0)
    assert await rig.kit.order(told) == before


async def test_a_change_without_a_webhook_is_found(rig: Rig) -> None:
    number = rig.buy()
    await rig.walk()
    await rig.kit.until(number, "created")
    rig.clock.advance(1)
    rig.store.refund(number)
    assert await rig.walk() == (0, 1, 0)
    assert rig.seen[0].stored_status == "processing"
    codes = [each["code"] for each in (await rig.kit.order(number))["attention"]]
    assert "ended_after_creation" in codes


async def test_a_change_within_the_same_second_is_found(rig: Rig) -> None:
    number = rig.buy()
    await rig.walk()
    rig.store.update(number, OrderChanges(status="cancelled"))
    assert await rig.walk() == (0, 1, 0)
    assert (await rig.kit.order(number))["woo_status"] == "cancelled"


async def test_an_order_that_waits_is_led_on_by_a_change_that_is_found(rig: Rig) -> None:
    number = rig.buy()
    rig.store.orders[number].status = "pending"
    assert await rig.walk() == (0, 1, 0)
    assert (await rig.kit.order(number))["state"] == "waiting"
    rig.clock.advance(1)
    rig.store.update(number, OrderChanges(status="processing"))
    assert await rig.walk() == (0, 1, 0)
    await rig.all_created([number])


async def test_the_cursor_follows_the_newest_order_and_overlaps(rig: Rig) -> None:
    first = rig.buy()
    await rig.walk()
    assert (await rig.cursor())["moment"] == rig.store.orders[first].modified
    late = rig.buy()  # it became visible late: the clock of another web server is behind
    rig.store.orders[late].modified = rig.store.orders[first].modified - timedelta(seconds=1)
    assert await rig.walk() == (1, 1, 0)
    await rig.all_created([first, late])


async def test_a_modification_in_the_future_does_not_move_the_cursor_away(rig: Rig) -> None:
    strange, usual = rig.buy_many(2)
    rig.store.orders[strange].modified += timedelta(days=400)
    assert await rig.walk() == (0, 2, 0)
    assert (await rig.cursor())["moment"] == rig.store.orders[usual].modified
    later = rig.buy()
    assert await rig.walk() == (2, 1, 0)
    await rig.all_created([strange, usual, later])


async def test_what_is_fresh_is_left_to_its_webhook_and_to_the_next_run(rig: Rig) -> None:
    old = rig.buy()
    rig.clock.now = datetime.now(UTC) - timedelta(seconds=30)
    fresh = rig.buy()
    assert await rig.walk() == (0, 1, 0)
    assert {each.woo_order_id: each.kind for each in rig.seen} == {
        old: OrderComparison.FOUND,
        fresh: OrderComparison.RECENT,
    }
    assert (await rig.cursor())["moment"] == rig.store.orders[old].modified
    rig.store.orders[fresh].modified -= timedelta(seconds=100)
    assert await rig.walk() == (1, 1, 0)
    await rig.all_created([old, fresh])


async def test_webhooks_and_runs_race_on_the_same_orders(rig: Rig) -> None:
    orders = rig.buy_many(12)

    async def tell(number: int) -> None:
        for topic in ("order.updated", "order.created"):
            await rig.kit.post(rig.webhook_content(number), topic=topic)

    others = [rig.another() for _ in range(2)]
    await asyncio.gather(
        *(tell(number) for number in orders),
        *(each.run_store("default", at_once=True) for each in (rig.backfill, *others)),
    )
    await rig.all_created(orders)
    assert await rig.walk() == (12, 0, 0)


async def test_only_one_process_backfills_a_store_and_an_ended_lease_is_taken_over(rig: Rig) -> None:
    rig.buy()
    assert await rig.another()._lease.acquire("default", since=None, at_once=True) is not None
    assert await rig.backfill.run_store("default", at_once=True) is None
    rig.end_leases()
    assert await rig.walk() == (0, 1, 0)


class Held:
    """A shop's client that yields `after` pages, then reads one and waits for `go_on`."""

    def __init__(self, shop: Any, *, after: int) -> None:
        self._shop, self._after = shop, after
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.read_whole, self.learn_dates, self.add_skus = shop.read_whole, shop.learn_dates, shop.add_skus

    async def changed_pages(self, moment: datetime, *, horizon: datetime) -> AsyncGenerator[ChangedPage, None]:
        n = 0
        async for page in self._shop.changed_pages(moment, horizon=horizon):
            if n == self._after:
                self.reached.set()
                await self.go_on.wait()
            n += 1
            yield page


async def test_a_run_that_is_killed_goes_on_where_it_was(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_orders, "WINDOW", 100)
    orders = rig.buy_many(250)
    held = Held(rig.kit.runtime.shops["default"], after=1)
    doomed = rig.another(held)
    killed = asyncio.create_task(doomed.run_store("default"))
    await held.reached.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    mark = await rig.cursor()
    assert (mark["holder"], mark["ended_at"]) != (None, None)
    assert (mark["looked_at"], mark["found"]) == (100, 100)
    reached = rig.store.orders[orders[99]].modified
    assert (mark["moment"] == reached) is (rig.orders_api == WC)
    rig.end_leases()
    seen, found, failed = await rig.walk()
    assert (found, failed) == (150, 0)
    assert seen == (61 if rig.orders_api == WC else 100)  # the overlap; the newest-first list starts again


async def test_a_run_that_is_asked_to_stop_does_so_at_once_and_is_taken_up_again(rig: Rig) -> None:
    rig.buy_many(150)
    held = Held(rig.kit.runtime.shops["default"], after=1)
    stopped = rig.another(held)
    walking = asyncio.create_task(stopped.run_store("default"))
    await held.reached.wait()
    stopped.stop()
    walked = await asyncio.wait_for(walking, 60)
    assert walked is not None
    assert (walked.found, walked.words) == (100, "the process is stopping; its next start continues this run")
    assert (await rig.cursor())["holder"] is None
    again = await rig.backfill.run_store("default")  # it is due and has no lease
    assert again is not None
    assert again.found == 50


async def test_orders_change_and_come_while_they_are_listed(rig: Rig) -> None:
    orders = rig.buy_many(230)
    held = Held(rig.kit.runtime.shops["default"], after=1)
    walker = rig.another(held)
    walking = asyncio.create_task(walker.run_store("default"))
    await held.reached.wait()
    rig.clock.advance(5)
    for number in (orders[3], orders[110], orders[200]):
        rig.store.update(number, OrderChanges(status="completed"))
    rig.store.delete(orders[50])
    rig.store.delete(orders[225])
    new = rig.buy_many(40)
    held.go_on.set()
    walked = await walking
    assert walked is not None
    assert walked.words is None
    await rig.walk()
    alive = [number for number in (*orders, *new) if number in rig.store.orders]
    known = {number: await rig.kit.order(number) for number in alive}
    for number in (orders[3], orders[110], orders[200]):
        assert known[number]["woo_status"] == "completed"
    assert await rig.walk() == (len(rig.seen), 0, 0)


async def test_a_bad_order_holds_up_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    first, odd, raising, last = rig.buy_many(4)
    real = receive_delivery.receive

    def receive(connection: Any, now: Any, delivery: Any, *more: Any, **named: Any) -> Any:
        if delivery.woo_order_id == raising:
            raise ValueError("nobody expected this")
        return real(connection, now, delivery, *more, **named)

    monkeypatch.setattr(receive_delivery, "receive", receive)
    rig.store.orders[odd].status = "?!"
    assert await rig.walk() == (0, 3, 1)
    await rig.all_created([first, last])
    told = (await rig.kit.api("GET", "/deliveries?per_page=100")).json()["data"]
    verdicts = sorted(each["verdict"] for each in told)
    assert verdicts == ["failed", "order", "order", "order"]
    assert [each["code"] for each in (await rig.kit.order(odd))["reasons"]] == ["unreadable"]
    monkeypatch.setattr(receive_delivery, "receive", real)
    known, found, failed = await rig.walk()
    assert (known, found, failed) == (3, 1, 0)  # a failed order is tried again
    await rig.all_created([first, raising, last])


async def test_a_failed_order_can_be_replayed_like_a_delivery(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    number = rig.buy()

    def receive(*_: Any, **__: Any) -> Any:
        raise ValueError("nobody expected this")

    with monkeypatch.context() as broken:
        broken.setattr(receive_delivery, "receive", receive)
        assert await rig.walk() == (0, 0, 1)
    (kept,) = (await rig.kit.api("GET", "/deliveries?verdict=failed")).json()["data"]
    assert (await rig.kit.api("POST", f"/deliveries/{kept['id']}/replay")).status_code == 200
    await rig.all_created([number])


async def test_a_store_that_is_unwell_for_a_while_is_asked_again(rig: Rig) -> None:
    number = rig.buy()
    action = LISTS[rig.orders_api]
    rig.store.faults.add("status", action=action, status=500, times=None)
    walked = await rig.backfill.run_store("default")
    assert walked is not None
    assert "500" in (walked.words or "")
    mark = await rig.cursor()
    assert (mark["words"], mark["failures"], mark["holder"]) == (walked.words, 1, None)
    assert mark["failing_since"] is not None
    rig.store.faults.clear()
    rig.store.faults.add("close", action=action, times=2)  # the client repeats reads
    assert await rig.walk() == (0, 1, 0)
    mark = await rig.cursor()
    assert (mark["words"], mark["failures"], mark["failing_since"]) == (None, 0, None)
    await rig.all_created([number])


async def test_a_key_that_is_wrong_is_tried_less_and_less_often(rig: Rig) -> None:
    rig.store.faults.add("status", action=LISTS[rig.orders_api], status=401, times=None)
    pauses = []
    other = rig.another(every=timedelta(minutes=5))
    for _ in range(4):
        await other.run_store("default", at_once=True)
        mark = await rig.cursor()
        pauses.append(round((mark["next_at"] - not_null(mark["failing_since"])).total_seconds() / 60))
    assert pauses == [10, 20, 40, 60]


async def test_a_page_that_hangs_does_not_hold_up_the_end(
    settings: Settings, panelr: tuple[str, Panel], orders_api: str
) -> None:
    async with asyncio.timeout(90):
        async with rig_of(settings, panelr[1], orders_api, backfill_minutes=0.001) as rig:
            rig.store.faults.add("hang", action=LISTS[orders_api], seconds=600, times=None)
            while not any(asked.fault == "hang" for asked in rig.store.requests):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_it_runs_on_its_schedule_and_several_processes_share_the_runs(
    settings: Settings, panelr: tuple[str, Panel], orders_api: str
) -> None:
    async with rig_of(settings, panelr[1], orders_api, backfill_minutes=0.005) as rig:
        other = rig.another(every=timedelta(seconds=0.3))
        running = asyncio.create_task(other.run())
        orders = []
        for _ in range(5):
            orders.append(rig.buy())
            await asyncio.sleep(0.2)
        async with asyncio.timeout(60):
            while (await rig.cursor())["found_in_all"] < len(orders):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await rig.all_created(orders)
        other.stop()
        await asyncio.wait_for(running, 60)


async def test_a_deletion_after_the_answer_was_read_is_not_undone(rig: Rig) -> None:
    number = rig.buy()
    held = Held(rig.kit.runtime.shops["default"], after=0)
    rig.buy()
    walker = rig.another(held)
    walking = asyncio.create_task(walker.run_store("default"))
    await held.reached.wait()
    for each in rig.store.orders:
        await rig.kit.post({"id": each}, topic="order.deleted")
    held.go_on.set()
    await walking
    assert (await rig.kit.order(number))["woo_status"] == "trash"
    assert not rig.kit.panel.work_orders


async def test_an_order_that_came_back_from_the_trash_is_found(rig: Rig) -> None:
    number = rig.buy()
    await rig.kit.post({"id": number}, topic="order.deleted")
    await asyncio.sleep(0.01)
    assert await rig.walk() == (0, 1, 0)
    await rig.all_created([number])


async def test_newcomers_do_not_wait_behind_what_was_found(
    settings: Settings, panelr: tuple[str, Panel], orders_api: str
) -> None:
    slow = {"panelr_rate_per_minute": 60}
    async with rig_of(settings, panelr[1], orders_api, **slow) as rig:
        rig.buy_many(40)
        assert await rig.walk() == (0, 40, 0)
        for number in range(5001, 5011):
            await rig.kit.post(order(id=number), topic="order.created")
        for number in range(5001, 5011):
            await rig.kit.until(number, "created")
        waiting = (await rig.kit.api("GET", "/stats")).json()["data"]["orders"]["by_state"]["queued"]
        assert waiting >= 20
        mark = await rig.cursor()
        # one order every two seconds: half of the rate limit
        assert not_null(mark["paced_until"]) - not_null(mark["began_at"]) > timedelta(seconds=77)


async def test_a_dry_run_stores_nothing_and_shows_what_would_be(rig: Rig) -> None:
    paid, unpaid = rig.buy_many(2)
    rig.store.orders[unpaid].status = "pending"
    seen: list[ComparedOrder] = []
    walked = await rig.backfill.dry_run("default", report=seen.append)
    assert (walked.looked_at, walked.found, walked.words) == (2, 2, None)
    assert {each.woo_order_id: each.state for each in seen} == {paid: OrderState.QUEUED, unpaid: OrderState.WAITING}
    assert all(each.kind is OrderComparison.FOUND and each.stored_status is None for each in seen)
    assert (await rig.kit.api("GET", "/deliveries")).json()["data"] == []
    assert (await rig.kit.api("GET", "/orders")).json()["data"] == []
