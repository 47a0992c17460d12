"""The migrations on both databases, and what the tables refuse."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from panelr_bridge.store import database, migrate, orders, outbox, revision
from panelr_bridge.store.columns import metadata
from panelr_bridge.store.database import Database
from panelr_bridge.store.tables import Row
from panelr_bridge.store.tables import orders as orders_table
from panelr_bridge.values import Action, State

OWED = (
    "(store, order_id, action, attempt, next_attempt_at, owed_since)"
    " VALUES ('default', :order_id, 'create_work_order', 0, :now, :now)"
)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_the_migrations_run_up_and_down_and_up_again(empty_database_url: str) -> None:
    async with database.opened(empty_database_url) as opened:
        assert await opened.read(revision.pending)
        await opened.write(migrate.upgrade)
        assert not await opened.read(revision.pending)
        await opened.write(migrate.upgrade)
        await opened.write(migrate.downgrade)
        assert await opened.read(_tables) == ["alembic_version"]
        await opened.write(migrate.upgrade)
        assert set(await opened.read(_tables)) == {*metadata.tables, "alembic_version"}


async def test_what_is_owed_survives_the_migration_of_its_table(empty_database_url: str) -> None:
    async with database.opened(empty_database_url) as opened:
        await opened.write(migrate.upgrade)
        for number, state in enumerate((State.QUEUED, State.SENDING), start=1):
            order_id = await opened.write(orders.add, _order(woo_order_id=number, state=state))
            assert order_id == number
        lease, slot = NOW + timedelta(seconds=35), 7
        owed = outbox.owed(store="default", action=Action.CREATE_WORK_ORDER, due=NOW, now=NOW)
        await opened.write(outbox.put, owed | {"order_id": 2, "lease_until": lease, "slot": slot})
        await opened.write(outbox.put, owed | {"order_id": 1})
        before = await opened.read(_owed)
        assert [row["slot"] for row in before] == [None, 7]
        await opened.write(migrate.downgrade, "0008")
        await opened.write(migrate.upgrade)
        assert await opened.read(_owed) == before


@pytest.mark.parametrize("to", ["0009", "0008"])
async def test_what_another_version_writes_meanwhile_survives_too(
    empty_database_url: str, dialect: str, to: str
) -> None:
    if dialect == "sqlite":
        pytest.skip("there is one writer")
    url = empty_database_url.replace("postgresql://", "postgresql+asyncpg://")
    step = migrate.upgrade if to == "0009" else migrate.downgrade
    async with database.opened(empty_database_url) as opened:
        await opened.write(migrate.upgrade, "0008" if to == "0009" else "0009")
        before = create_async_engine(url)
        async with before.connect() as connection:
            order_id = await connection.run_sync(orders.add, _order(state=State.QUEUED))
            await connection.execute(text(f"INSERT INTO outbox {OWED}"), {"order_id": order_id, "now": NOW})
            migrating = asyncio.create_task(opened.write(step, to))
            await asyncio.sleep(0.5)
            assert not migrating.done()
            await connection.commit()
        await migrating
        await before.dispose()
        owed = await opened.read(lambda connection: connection.execute(text("SELECT order_id FROM outbox")).all())
    assert [tuple(row) for row in owed] == [(order_id,)]


def test_the_newest_revision_is_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(revision.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [revision.newest()]


async def test_the_migrations_make_the_tables_that_the_code_knows(opened: Database) -> None:
    assert await opened.read(_differences) == []


def _tables(connection: Connection) -> list[str]:
    return sorted(inspect(connection).get_table_names())


def _owed(connection: Connection) -> list[Row]:
    return [each for number in (1, 2) for each in orders.owed_by(connection, number)]


def _differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _order(**changes: Any) -> Row:
    return orders.new(store="default", woo_order_id=1, now=NOW) | {"state": State.WAITING} | changes


async def test_an_order_is_stored_once(opened: Database) -> None:
    assert await opened.write(orders.add, _order()) == 1
    assert await opened.write(orders.add, _order()) is None
    assert await opened.write(orders.add, _order(store="other")) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "lost"},
        {"state": State.CREATED},
        {"state": State.HELD, "reference_code": "WO-2026-00001"},
        {"state": State.QUEUED, "work_order_id": 1},
    ],
)
async def test_the_database_refuses_a_state_that_contradicts_the_row(opened: Database, changes: Row) -> None:
    with pytest.raises(IntegrityError):
        await opened.write(orders.add, _order(**changes))


async def test_the_database_refuses_a_second_call_for_one_order(opened: Database) -> None:
    order_id = await opened.write(orders.add, _order(state=State.QUEUED))

    def owe(connection: Connection, action: Action) -> None:
        assert order_id is not None
        outbox.add(connection, store="default", order_id=order_id, action=action, due=NOW, now=NOW)

    await opened.write(owe, Action.CREATE_WORK_ORDER)
    for action in Action:
        with pytest.raises(IntegrityError):
            await opened.write(owe, action)


async def test_two_orders_cannot_adopt_one_work_order(opened: Database) -> None:
    adopted = {"state": State.CREATED, "reference_code": "WO-2026-00001", "adopted": True}
    await opened.write(orders.add, _order(**adopted))

    def adopt_again(connection: Connection) -> None:
        connection.execute(orders_table.insert().values(_order(**adopted) | {"woo_order_id": 2}))

    with pytest.raises(IntegrityError):
        await opened.write(adopt_again)


async def test_money_and_moments_come_back_as_they_went(opened: Database) -> None:
    total = Decimal("1234567890.123456")
    await opened.write(orders.add, _order(woo_total=total, woo_modified_at=NOW))
    row = await opened.read(_first)
    assert row["woo_total"] == total
    assert row["woo_modified_at"] == NOW
    assert row["woo_modified_at"].tzinfo is UTC


def _first(connection: Connection) -> Row:
    return dict(connection.execute(select(orders_table)).mappings().one())
