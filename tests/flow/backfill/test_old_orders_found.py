"""Backfill and old orders, wrong clocks, and orders of another shop."""

from datetime import timedelta
from typing import Any

from panelr_bridge.application.backfill.compared_order import ComparedOrder
from panelr_bridge.simulators.woocommerce import OrderChanges
from panelr_bridge.store import known_stores
from panelr_bridge.store.rows import not_null
from tests.support.shops import Rig

YEARS = timedelta(days=1000)


def buy_long_ago(rig: Rig, ago: timedelta = YEARS) -> int:
    """Place an order that was made long ago and is saved again now."""
    number = rig.buy()
    rig.store.orders[number].created -= ago
    return number


async def reasons(rig: Rig, number: int) -> list[str]:
    return [each["code"] for each in (await rig.kit.order(number))["reasons"]]


async def test_an_old_order_that_was_saved_again_is_found_and_ignored(rig: Rig) -> None:
    old, new = buy_long_ago(rig), rig.buy()
    assert await rig.walk() == (0, 2, 0)
    await rig.all_created([new])
    assert await reasons(rig, old) == ["older_than_bridge"]
    assert await rig.walk() == (2, 0, 0)


async def test_a_backfill_from_an_earlier_date_includes_the_orders_made_since_then(rig: Rig) -> None:
    ancient, old = buy_long_ago(rig, 2 * YEARS), buy_long_ago(rig)
    await rig.walk()
    since = rig.clock.now - YEARS - timedelta(days=1)
    seen: list[ComparedOrder] = []
    dry = await rig.backfill.dry_run("default", since=since, report=seen.append)
    assert (dry.known, dry.found) == (1, 1)
    assert [(each.woo_order_id, each.state) for each in seen if each.words or each.state] == [(old, "queued")]
    assert await reasons(rig, old) == ["older_than_bridge"]
    assert await rig.walk(since=since) == (1, 1, 0)
    await rig.all_created([old])
    assert await reasons(rig, ancient) == ["older_than_bridge"]
    assert await rig.walk(since=since) == (2, 0, 0)
    assert len(rig.kit.panel.work_orders) == 1


async def test_an_old_order_that_no_run_saw_before_is_included_at_once_and_stays_so(rig: Rig) -> None:
    old = buy_long_ago(rig)
    rig.store.orders[old].status = "pending"
    assert await rig.walk(since=rig.clock.now - 2 * YEARS) == (0, 1, 0)
    assert (await rig.kit.order(old))["state"] == "waiting"
    rig.clock.advance(1)
    rig.store.update(old, OrderChanges(status="processing"))
    assert await rig.walk() == (0, 1, 0)
    await rig.all_created([old])


async def test_the_first_run_says_since_when_a_stores_orders_count(rig: Rig) -> None:
    assert (await rig.kit.runtime.database.read(known_stores.find, "default")).first_seen_at is None
    before = rig.kit.runtime.bridge.clock()
    await rig.walk()
    known = await rig.kit.runtime.database.read(known_stores.find, "default")
    assert before <= not_null(known.first_seen_at) <= rig.kit.runtime.bridge.clock()


def ahead(rig: Rig, content: dict[str, Any]) -> dict[str, Any]:
    moment = rig.kit.runtime.bridge.clock() + timedelta(hours=9)
    return content | {"date_modified_gmt": moment.isoformat()[:19]}


async def test_a_time_in_the_future_hides_no_change_whose_webhook_is_lost(rig: Rig) -> None:
    number = rig.buy()
    rig.store.orders[number].status = "pending"
    rig.store.orders[number].paid = None
    await rig.kit.post(ahead(rig, rig.webhook_content(number)), topic="order.created")
    assert (await rig.kit.order(number))["state"] == "waiting"
    rig.clock.advance(1)
    rig.store.update(number, OrderChanges(status="processing"))
    assert await rig.walk() == (0, 1, 0)
    await rig.all_created([number])
    assert await rig.walk() == (1, 0, 0)


async def test_an_order_from_the_future_moves_no_cursor_beyond_now(rig: Rig) -> None:
    number = rig.buy()
    rig.store.orders[number].modified += timedelta(hours=9)
    assert await rig.walk() == (0, 1, 0)
    assert (await rig.cursor())["moment"] < rig.kit.runtime.bridge.clock()
    later = rig.buy()
    await rig.walk()
    await rig.all_created([number, later])


async def test_another_shops_order_with_the_same_id_is_reported_and_changes_nothing(rig: Rig) -> None:
    number = rig.buy()
    await rig.kit.post(rig.webhook_content(number) | {"order_key": "wc_order_before"})
    await rig.kit.until(number, "created")
    rig.clock.advance(1)
    rig.store.update(number, OrderChanges(status="cancelled"))
    shows_keys = rig.orders_api == "wc/v3"
    assert await rig.walk() == ((0, 0, 1) if shows_keys else (0, 1, 0))
    story = await rig.kit.order(number)
    attention = "another_order_same_id" if shows_keys else "ended_after_creation"
    assert [each["code"] for each in story["attention"]] == [attention]
