"""Lists of the orders changed since a time, in a shop that changes meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from panelr_bridge.errors import ShopMisconfigured
from panelr_bridge.simulators.server import running
from panelr_bridge.simulators.woocommerce import create_app
from panelr_bridge.woocommerce.rest import changed_orders
from panelr_bridge.woocommerce.rest.models import OrdersPage, OrdersQuery
from tests.support.shop_client import WC, Orders, client, resource

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def walked(orders: Orders, moment: datetime, per_page: int = 2) -> list[int]:
    with respx.mock() as mock:
        mock.get(f"{WC}/orders").mock(side_effect=orders)
        async with client() as shop:
            return [order["id"] async for order in shop.changed_since(moment, per_page=per_page)]


async def test_wc_v3_is_listed_oldest_first_from_the_very_second() -> None:
    orders = Orders({order: at(order) for order in range(1, 8)})
    assert await walked(orders, at(3.9)) == [3, 4, 5, 6, 7]
    assert orders.asked[0]["modified_after"] == "2026-11-21T19:00:02"


async def test_nothing_has_changed() -> None:
    assert await walked(Orders({1: at(0)}), at(5)) == []


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


async def test_a_shop_that_does_not_know_the_filter_is_no_endless_list() -> None:
    page = [{"id": order, "date_modified_gmt": "2020-01-01T00:00:00"} for order in (1, 2)]
    with respx.mock() as mock:
        mock.get(f"{WC}/orders").respond(200, json=page)
        async with client() as shop:
            with pytest.raises(ShopMisconfigured, match=r"WooCommerce 5\.8"):
                _ = [order async for order in shop.changed_since(START, per_page=2)]


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
        found = [order async for order in shop.changed_since(moment, per_page=2)]
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
        pages = 0

        async def read(query: OrdersQuery) -> OrdersPage:
            nonlocal pages
            page = await shop.list_orders(query=query)
            pages += 1
            if pages == moment:
                act(change)
            return page

        def act(change: str) -> None:
            if "gone" in change:
                for order in ids[-2:] if "two" in change else ids[-1:]:
                    store.delete(order)
            elif change == "moved":
                store.touch(ids[3])
            else:
                store.touch(ids[0])

        found = {order["id"] async for order in changed_orders.newest_first(read, START, per_page=per_page)}
        touched = {"moved": {ids[3]}, "made": {ids[0]}}.get(change, set(ids[-2:]))
        assert found >= set(ids) - touched


async def test_a_page_is_read_again_while_the_shop_is_unwell() -> None:
    orders = Orders({1: at(1)})
    with respx.mock() as mock:
        route = mock.get(f"{WC}/orders")
        route.side_effect = [httpx.Response(503), httpx.ConnectError("x"), orders_answer(orders)]
        async with client() as shop:
            assert [order["id"] async for order in shop.changed_since(START)] == [1]


def orders_answer(orders: Orders) -> httpx.Response:
    return httpx.Response(
        200, json=[{"id": order, "date_modified_gmt": "2026-11-21T19:00:01"} for order in orders.modified]
    )
