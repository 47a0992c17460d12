"""Lists of the orders changed since a time, in a shop that changes meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from panelr_bridge.errors import ShopMisconfigured, ShopUnreachable
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from panelr_bridge.woocommerce.rest import changed_orders as changed
from panelr_bridge.woocommerce.rest.models import ChangedPage
from tests.support.shop_client import SHOP, WC, Orders, changed_orders, client, resource

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
FAR = datetime.max.replace(tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def walked(orders: Orders, moment: datetime, per_page: int = 2) -> list[int]:
    return [order["id"] for page in await pages_of(orders, moment, per_page) for order in page.orders]


async def pages_of(orders: Orders, moment: datetime, per_page: int = 2, horizon: datetime = FAR) -> list[ChangedPage]:
    with respx.mock() as mock:
        mock.get(url__startswith=f"{SHOP}/wp-json/wc/v3/orders").mock(side_effect=orders)
        async with client() as shop:
            return [page async for page in shop.changed_pages(moment, horizon=horizon, per_page=per_page)]


async def test_wc_v3_is_listed_from_the_very_second() -> None:
    orders = Orders({order: at(order) for order in range(1, 8)})
    assert await walked(orders, at(3.9)) == [3, 4, 5, 6, 7]
    assert orders.asked[0]["modified_after"] == "2026-11-21T19:00:02"


async def test_nothing_has_changed() -> None:
    assert await walked(Orders({1: at(0)}), at(5)) == []


async def test_260_orders_of_one_second_are_all_listed_once() -> None:
    orders = Orders(dict.fromkeys(range(1, 261), at(5)))
    assert await walked(orders, at(0), 100) == [*range(1, 261)]


@pytest.mark.parametrize("window", [1, 2, 3, 7])
async def test_a_list_in_windows_is_whole_and_says_how_far(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(changed, "WINDOW", window)
    modified = {order: at(order % 4) for order in range(1, 40)}
    pages = await pages_of(Orders(modified), at(0))
    listed: set[int] = set()
    for page in pages:
        listed |= {order["id"] for order in page.orders}
        if page.complete_to is not None:
            assert listed >= {order for order, when in modified.items() if when <= page.complete_to}
    assert listed == set(modified)
    assert len([page for page in pages if page.complete_to]) >= 2


async def test_a_modification_in_the_future_does_not_say_how_far() -> None:
    orders = Orders({1: at(1), 2: at(9000), 3: at(2)})
    (page,) = await pages_of(orders, at(0), 100, horizon=at(100))
    assert ([order["id"] for order in page.orders], page.complete_to) == ([1, 2, 3], at(2))


async def test_what_is_modified_during_a_long_list_is_left_to_the_next_one() -> None:
    """Order 1 changes after its page, and so does order 9 before its page: `complete_to` is before both."""
    orders = Orders({order: at(order) for order in range(1, 10)})

    def after(pages: int) -> None:
        if pages == 1:
            orders.modified |= {1: at(50), 9: at(51)}

    orders.after = after
    pages = await pages_of(orders, at(0))
    assert pages[-1].complete_to == at(2)


@pytest.mark.parametrize("per_page", [1, 2, 3, 5])
@pytest.mark.parametrize("crowd", [2, 3, 6, 7])
async def test_a_second_with_more_orders_than_a_page_is_listed_whole(crowd: int, per_page: int) -> None:
    modified = {order: at(5) for order in range(1, crowd + 1)} | {100: at(4), 101: at(6), 102: at(7)}
    assert set(await walked(Orders(modified), at(0), per_page)) == set(modified)


@pytest.mark.parametrize("per_page", [1, 2, 3])
@pytest.mark.parametrize("moment", range(1, 12))
@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("change", ["moved", "gone"])
async def test_whatever_changes_meanwhile_nothing_else_is_missed(
    change: str, crowded: bool, moment: int, per_page: int
) -> None:
    """After each page in turn, the oldest order is modified or removed, so the others move up by one."""
    modified = {order: at(5 if crowded else order) for order in range(1, 9)}
    orders = Orders(dict(modified))

    def after(pages: int) -> None:
        if pages == moment and change == "moved":
            orders.modified[1] = at(50)
        elif pages == moment:
            orders.modified.pop(1)

    orders.after = after
    assert set(await walked(orders, at(0), per_page)) >= set(modified) - {1}


async def test_an_order_that_is_modified_over_and_over_does_not_keep_a_list_going_round() -> None:
    orders = Orders({order: at(order) for order in range(1, 6)})

    def after(pages: int) -> None:
        orders.modified[3] = at(100 + pages)

    orders.after = after
    found = await walked(orders, at(0))
    assert set(found) == {1, 2, 3, 4, 5}
    assert len(orders.asked) < 12


@pytest.mark.parametrize("per_page", [2, 3])
@pytest.mark.parametrize("moment", range(1, 9))
async def test_orders_that_enter_and_leave_at_once_hide_none(moment: int, per_page: int) -> None:
    """The length of the list stays the same, so only its content shows that it moved."""
    modified = {order: at(order) for order in range(10, 20)}
    orders = Orders(dict(modified) | {1: at(-50)})

    def after(pages: int) -> None:
        if pages == moment:
            orders.modified |= {1: at(50)}
            del orders.modified[10], orders.modified[11]

    orders.after = after
    assert set(await walked(orders, at(0), per_page)) >= set(modified) - {10, 11}


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("hidden", [{3}, {4}, {3, 4}, {6, 7}, {9}])
async def test_a_filter_that_removes_orders_ends_no_list(hidden: set[int], totals: bool) -> None:
    orders = Orders({order: at(order) for order in range(1, 10)})
    orders.sends_totals = totals

    def answer(request: httpx.Request) -> httpx.Response:
        whole = orders(request)
        kept = {str(place): each for place, each in enumerate(whole.json()) if each["id"] not in hidden}
        return httpx.Response(200, json=kept, headers={k: v for k, v in whole.headers.items() if "wp" in k})

    assert set(await walked(answer, at(0), 4)) == {*range(1, 10)} - hidden  # type: ignore[arg-type]


@pytest.mark.parametrize("empty", [1, 3, 4, 5, 9])
async def test_null_entries_are_passed_over(empty: int) -> None:
    orders = Orders({order: at(order) for order in range(1, 10)})

    def answer(request: httpx.Request) -> httpx.Response:
        whole = orders(request)
        entries = [None if each["id"] == empty else each for each in whole.json()]
        return httpx.Response(200, json=entries, headers={k: v for k, v in whole.headers.items() if "wp" in k})

    assert set(await walked(answer, at(0), 3)) == {*range(1, 10)} - {empty}  # type: ignore[arg-type]


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("shows_ids", [True, False])
@pytest.mark.parametrize("broken", [{1}, {3}, {5}, {9}, {3, 4}, {1, 2, 3}, {*range(1, 10)}])
async def test_a_page_that_cannot_be_read_is_halved_down_to_the_broken_order(
    broken: set[int], shows_ids: bool, totals: bool
) -> None:
    orders = Orders({order: at(order) for order in range(1, 10)})
    orders.broken, orders.shows_ids, orders.sends_totals = broken, shows_ids, totals
    pages = await pages_of(orders, at(0), 4)
    assert {order["id"] for page in pages for order in page.orders} == {*range(1, 10)} - broken
    unread = [each for page in pages for each in page.unread]
    assert len(unread) == len(broken)
    assert {each.order_id for each in unread} == (broken if shows_ids else {None})
    assert all("cannot show" in each.words and "500" in each.words for each in unread)
    assert not shows_ids or all(f"order {each.order_id}" in each.words for each in unread)


async def test_a_shop_that_shows_nothing_has_no_broken_order() -> None:
    orders = Orders({order: at(order) for order in range(1, 200)})
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders").respond(500)
        async with client() as shop:
            with pytest.raises(ShopUnreachable, match="500"):
                await changed_orders(shop, START)
    assert route.call_count < 20
    assert orders.asked == []


async def test_a_shop_that_does_not_know_the_filter_is_no_endless_list() -> None:
    page = [{"id": order, "date_modified_gmt": "2020-01-01T00:00:00"} for order in (1, 2)]
    with respx.mock() as mock:
        mock.get(f"{WC}/orders").respond(200, json=page)
        async with client() as shop:
            with pytest.raises(ShopMisconfigured, match=r"WooCommerce 5\.8"):
                await changed_orders(shop, START, per_page=2)


async def test_a_shop_without_positions_is_no_endless_list() -> None:
    page = [{"id": order, "date_modified_gmt": "2026-11-21T19:00:01"} for order in (1, 2)]
    with respx.mock() as mock:
        mock.get(f"{WC}/orders").respond(200, json=page)
        async with client() as shop:
            with pytest.raises(ShopMisconfigured, match="the same orders on every page"):
                await changed_orders(shop, START, per_page=2)


async def test_a_shop_that_does_not_sort_is_said_so() -> None:
    page = [{"id": order, "date_modified_gmt": "2026-11-21T19:00:01"} for order in (2, 1)]
    with respx.mock() as mock:
        mock.get(f"{WC}/orders").respond(200, json=page)
        async with client() as shop:
            with pytest.raises(ShopMisconfigured, match="does not sort"):
                await changed_orders(shop, START, per_page=2)


class Clock:
    """A clock that advances by a second at every reading."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


async def made(url: str, count: int) -> list[int]:
    async with resource(url) as shop:
        return [(await shop.create_order({"status": "processing"}))["id"] for _ in range(count)]


async def test_an_orders_resource_is_listed_newest_first_to_the_first_older_order() -> None:
    clock = Clock()
    async with running(create_app(clock=clock)) as url, resource(url) as shop:
        await made(url, 3)
        moment = clock()
        newer = await made(url, 5)
        found = await changed_orders(shop, moment, per_page=2)
        assert [order["id"] for order in found] == newer[::-1]
        assert found[0]["line_items"] == []


@pytest.mark.parametrize("per_page", [1, 2, 3])
@pytest.mark.parametrize("moment", range(1, 7))
@pytest.mark.parametrize("change", ["gone", "two gone", "moved", "made"])
async def test_whatever_changes_meanwhile_an_orders_resource_hides_nothing(
    change: str, moment: int, per_page: int
) -> None:
    """After each page in turn, orders at the top are removed, or one is added there."""
    app = create_app(clock=Clock())
    store: Any = app.state.shop
    async with running(app) as url, resource(url) as shop:
        ids = await made(url, 7)

        def act(change: str) -> None:
            if "gone" in change:
                for order in ids[-2:] if "two" in change else ids[-1:]:
                    store.delete(order)
            elif change == "moved":
                store.touch(ids[3])
            else:
                store.touch(ids[0])

        found: set[int] = set()
        pages = shop.changed_pages(START, horizon=FAR, per_page=per_page)
        number = 0
        async for page in pages:
            found |= {order["id"] for order in page.orders}
            number += 1
            if number == moment:
                act(change)
        touched = {"moved": {ids[3]}, "made": {ids[0]}}.get(change, set(ids[-2:]))
        assert found >= set(ids) - touched


@pytest.mark.parametrize("failure", [httpx.Response(503), httpx.Response(500), httpx.ConnectError("x")])
async def test_a_page_is_read_again_while_the_shop_is_unwell(failure: Any) -> None:
    orders = Orders({1: at(1)})
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders")
        route.side_effect = [httpx.Response(200, json=[]), failure, failure, orders_answer(orders)]
        async with client() as shop:
            assert [order["id"] for order in await changed_orders(shop, START)] == [1]


def orders_answer(orders: Orders) -> httpx.Response:
    return httpx.Response(
        200,
        json=[{"id": order, "date_modified_gmt": "2026-11-21T19:00:01"} for order in orders.modified],
        headers={"X-WP-Total": str(len(orders.modified))},
    )
