"""The order counters are exact: after every change, under contention, and after rollbacks."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select, update

from panelr_bridge.domain.models import OrderState
from panelr_bridge.store import database, migrate, orders
from panelr_bridge.store import order_counts as counts
from panelr_bridge.store.database import Database
from panelr_bridge.store.rows import NewOrderRow, with_columns
from panelr_bridge.store.tables import Columns, order_counts
from panelr_bridge.store.tables import orders as orders_table
from tests.support.owed_rows import standing

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FLAG = [{"code": "x", "words": "y"}]
Counted = dict[tuple[str, str, bool], int]


class RolledBack(Exception):
    """Rolls the transaction back."""


def new_order(number: int, state: OrderState, *, store: str = "default") -> NewOrderRow:
    return with_columns(orders.empty_row(store=store, woo_order_id=number, now=NOW), standing(state, now=NOW))


def result(state: OrderState) -> Columns:
    return standing(state, now=NOW) | {"reference_code": "WO-2026-00001" if state is OrderState.CREATED else None}


def known(connection: Connection) -> Counted:
    return {(each.store, each.state, each.attention): each.n for each in counts.count_orders(connection)}


def counted(connection: Connection) -> Counted:
    columns = orders_table.c
    flagged = columns.attention.is_not(None)
    rows = connection.execute(
        select(columns.store, columns.state, flagged, func.count()).group_by(columns.store, columns.state, flagged)
    )
    return {(store, state, bool(attention)): n for store, state, attention, n in rows}


async def exact(opened: Database) -> Counted:
    """Check the counters against the rows; return them."""
    found = await opened.read(known)
    assert found == await opened.read(counted)
    return found


async def test_every_change_is_counted(opened: Database) -> None:
    order_id = await opened.write(orders.add, new_order(1, OrderState.WAITING))
    assert order_id is not None
    assert await exact(opened) == {("default", "waiting", False): 1}
    assert await opened.write(orders.add, new_order(1, OrderState.HELD)) is None  # already stored
    for values in (
        result(OrderState.QUEUED),
        result(OrderState.SENDING),
        {"attention": FLAG},
        result(OrderState.CREATED),
        {"attention": None},
        {"attention": FLAG},
        {"store": "eu"},
        {"woo_status": "completed"},
    ):
        await opened.write(orders.change, order_id, values, now=NOW)
        assert sum((await exact(opened)).values()) == 1
    assert await exact(opened) == {("eu", "created", True): 1}
    await opened.write(lambda connection: connection.execute(delete(orders_table)))
    assert await exact(opened) == {}


async def test_an_ordinary_order_changes_one_counter_once(opened: Database) -> None:
    """Insert an order as `sending`, which has no counter, then create it: no counter row exists at its insertion."""
    order_id = await opened.write(orders.add, new_order(1, OrderState.SENDING))
    rows = select(func.count()).select_from(order_counts)
    assert await opened.read(lambda connection: connection.execute(rows).scalar()) == 0
    assert await exact(opened) == {("default", "sending", False): 1}
    assert order_id is not None
    await opened.write(orders.change, order_id, result(OrderState.CREATED), now=NOW)
    assert await opened.read(lambda connection: connection.execute(rows).scalar()) == 1
    assert await exact(opened) == {("default", "created", False): 1}


async def test_transactions_at_once_with_rollbacks_lose_no_count(opened: Database) -> None:
    chance = random.Random(7)  # noqa: S311  no secret
    stores = ("default", "eu")
    for number in range(40):
        await opened.write(orders.add, new_order(number, OrderState.HELD, store=stores[number % 2]))

    def move(connection: Connection, numbers: list[int], states: list[OrderState], *, fails: bool) -> None:
        for number, state in zip(numbers, states, strict=True):
            values: dict[str, Any] = result(state) | {"attention": FLAG if number % 3 == 0 else None}
            connection.execute(
                update(orders_table).where(orders_table.c.woo_order_id == number).values(values | {"updated_at": NOW})
            )
        if fails:
            raise RolledBack

    async def mover(mine: list[int]) -> None:
        """Each task changes its own orders, so they can wait for the counters only."""
        for _ in range(12):
            states = [chance.choice(list(OrderState)) for _ in mine]
            fails = chance.random() < 0.3
            try:
                await opened.write(move, mine, states, fails=fails)
            except RolledBack:
                assert fails

    await asyncio.gather(*(mover(list(range(first, 40, 10))) for first in range(10)))
    assert sum((await exact(opened)).values()) == 40


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_nobody_waits_for_a_counter(opened: Database, database_url: str) -> None:
    """A transaction changes a counter and commits while another open transaction has changed the same one."""
    await opened.write(orders.add, new_order(1, OrderState.HELD))
    changed, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async with database.open_database(database_url) as another:

        async def slow() -> None:
            engine = another._engine  # type: ignore[attr-defined]
            async with engine.begin() as connection:
                await connection.run_sync(orders.add, new_order(2, OrderState.HELD))
                changed.set()
                await go_on.wait()

        task = loop.create_task(slow())
        await changed.wait()
        for number in range(3, 6):
            await opened.write(orders.add, new_order(number, OrderState.HELD))
        assert await exact(opened) == {("default", "held", False): 4}
        go_on.set()
        await task
    assert await exact(opened) == {("default", "held", False): 5}
    rows = await opened.read(lambda connection: connection.execute(select(order_counts.c.n)).scalars().all())
    assert Counter(rows).total() == 2


async def test_the_migration_counts_what_is_there(empty_database_url: str) -> None:
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade)
        for number, state in enumerate([OrderState.HELD, OrderState.HELD, OrderState.SENDING, OrderState.IGNORED]):
            await opened.write(orders.add, new_order(number, state))
        before = await exact(opened)
        await opened.write(migrate.downgrade, "0002")
        await opened.write(migrate.upgrade)
        assert await exact(opened) == before
        await opened.write(orders.add, new_order(9, OrderState.HELD))
        assert (await exact(opened))["default", "held", False] == 3
