"""The migrations on both databases, and the rows that the tables refuse."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BindParameter, Connection, bindparam, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import CallAction, OrderState
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.store import database, known_stores, migrate, orders, owed_calls, schema_version, subscriptions
from panelr_bridge.store.column_types import UtcDateTime
from panelr_bridge.store.database import Database
from panelr_bridge.store.deliveries import Delivery
from panelr_bridge.store.rows import NewOrderRow, with_columns
from panelr_bridge.store.schema import metadata
from panelr_bridge.store.subscriptions import SubscriptionOrder
from panelr_bridge.store.tables import Columns, follow_ups
from panelr_bridge.store.tables import deliveries as deliveries_table
from panelr_bridge.store.tables import orders as orders_table
from tests.support.old_rows import add_delivery
from tests.support.owed_rows import standing
from tests.support.postgres import wait_for_lock

OWED = (
    "(store, order_id, action, attempt, next_attempt_at, owed_since)"
    " VALUES ('default', :order_id, 'create_work_order', 0, :now, :now)"
)
STANDING = (
    "(store, woo_order_id, woo_order_number, woo_status, state, reasons, adopted, awaits_mapping, mapping_revision,"
    " created_at, updated_at, reference_code)"
    " VALUES ('default', :number, '1', 'processing', :state, '[]', FALSE, FALSE, 0, :now, :now, :code) RETURNING id"
)
AT_NOW: "BindParameter[Any]" = bindparam("now", type_=UtcDateTime)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
QUEUED = {"number": 1, "state": "queued", "code": None, "now": NOW}


async def test_the_migrations_run_up_and_down_and_up_again(empty_database_url: str) -> None:
    async with database.open_database(empty_database_url) as opened:
        assert await opened.read(schema_version.is_behind)
        await opened.write(migrate.upgrade)
        assert not await opened.read(schema_version.is_behind)
        await opened.write(migrate.upgrade)
        await opened.write(migrate.downgrade)
        assert await opened.read(_tables) == ["alembic_version"]
        await opened.write(migrate.upgrade)
        assert set(await opened.read(_tables)) == {*metadata.tables, "alembic_version"}


async def test_what_is_owed_survives_the_migration_of_its_table(empty_database_url: str) -> None:
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade)
        states = (OrderState.QUEUED, OrderState.SENDING, OrderState.UNCONFIRMED, OrderState.WAITING)
        for number, state in enumerate(states, start=1):
            looked_up = {"not_found_since": NOW} if state is OrderState.UNCONFIRMED else {}
            await opened.write(orders.add, _order(woo_order_id=number, **standing(state, now=NOW) | looked_up))
        before = await opened.read(_owed)
        assert [row["call_slot"] for row in before] == [None, 7, None, None]
        assert [row["owes"] for row in before] == ["create_work_order"] * 2 + ["look_up", None]
        await opened.write(migrate.downgrade, "0008")
        await opened.write(migrate.upgrade)
        assert await opened.read(_owed) == before


async def test_mappings_survive_the_migrations_and_older_versions_know_no_conditions(empty_database_url: str) -> None:
    """Without its conditions, a mapping would fit every line."""
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade)
        before = "0013"
        await opened.write(migrate.downgrade, before)
        await opened.write(_add_mapping, key="product:12")
        await opened.write(migrate.upgrade)
        await opened.write(_add_mapping, key="product:12", conditions="duration=12 months")
        assert await opened.read(_mappings) == [(1, "product:12", ""), (2, "product:12", "duration=12 months")]
        for conditions in ("", "duration=12 months"):
            with pytest.raises(IntegrityError):
                await opened.write(_add_mapping, key="product:12", conditions=conditions)
        await opened.write(migrate.downgrade, before)
        with pytest.raises(IntegrityError):
            await opened.write(_add_mapping, key="product:12")
        await opened.write(migrate.upgrade)
        assert await opened.read(_mappings) == [(1, "product:12", "")]


async def test_an_older_version_gets_the_orders_without_what_it_does_not_know(empty_database_url: str) -> None:
    """It knows no relations and no refunds; what is owed besides stays."""
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade)
        order_id = await opened.write(_add_related_order)
        await opened.write(migrate.downgrade, "0013")
        assert await opened.read(_follow_up_kinds) == ["status"]
        await opened.write(migrate.upgrade)
        assert await opened.read(_follow_up_kinds) == ["status"]
        row = await opened.read(lambda connection: orders.find(connection, store="default", woo_order_id=1))
        assert row is not None
        assert (row["id"], row["continuation"], row["shop_refunds"]) == (order_id, None, None)


@pytest.mark.parametrize(("before", "to"), [("0008", "0009"), ("0009", "0008"), ("0009", "0010")])
async def test_what_another_version_writes_meanwhile_survives_too(
    empty_database_url: str, dialect: str, before: str, to: str
) -> None:
    if dialect == "sqlite":
        pytest.skip("there is one writer")
    url = empty_database_url.replace("postgresql://", "postgresql+asyncpg://")
    step = migrate.upgrade if before < to else migrate.downgrade
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade, before)
        other = create_async_engine(url)
        async with other.connect() as connection:
            order_id = (await connection.execute(text(f"INSERT INTO orders {STANDING}"), QUEUED)).scalar_one()
            await connection.execute(text(f"INSERT INTO outbox {OWED}"), {"order_id": order_id, "now": NOW})
            migrating = asyncio.create_task(opened.write(step, to))
            await wait_for_lock(opened)
            assert not migrating.done()
            await connection.commit()
        await migrating
        await other.dispose()
        found = "SELECT order_id FROM outbox" if to < "0010" else "SELECT id FROM orders WHERE owes IS NOT NULL"
        owed = await opened.read(lambda connection: connection.execute(text(found)).all())
    assert [tuple(row) for row in owed] == [(order_id,)]


async def test_what_was_received_before_says_since_when_and_from_where_a_stores_orders_come(
    empty_database_url: str,
) -> None:
    addresses: dict[str, list[Any]] = {
        "default": ["https://old.test/", *["https://www.shop.test/"] * 3, "https://staging.test", None],
        "eu": [None, "no address", "http://[", 17],
    }
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade, "0014")
        for store, sent in addresses.items():
            for number, address in enumerate(sent):
                headers = {} if address is None else {"x-wc-webhook-source": address}
                moment = NOW + timedelta(hours=number)
                delivery = Delivery(store=store, topic="t", body=f"{number}".encode(), headers=headers, verdict="order")
                await opened.write(add_delivery, delivery, now=moment)
        await opened.write(migrate.upgrade)
        found = await opened.read(known_stores.list_all)
    assert [(row["store"], row["first_seen_at"], row["source"]) for row in found] == [
        ("default", NOW, "shop.test"),
        ("eu", NOW, None),
    ]


def test_the_newest_revision_is_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema_version.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema_version.newest_revision()]


async def test_the_migrations_make_the_tables_that_the_code_knows(opened: Database) -> None:
    assert await opened.read(_differences) == []


def _add_mapping(connection: Connection, /, **values: str) -> None:
    columns = {"store": "default", "panelr_product_id": 3, "intent": "new_activation", "quantity": 1, **values}
    names = ", ".join(columns)
    statement = f"INSERT INTO product_mappings ({names}, created_at, updated_at) VALUES ({{}}, :now, :now)"  # noqa: S608  our own names
    connection.execute(
        text(statement.format(", ".join(f":{name}" for name in columns))).bindparams(AT_NOW), columns | {"now": NOW}
    )


def _mappings(connection: Connection) -> list[Any]:
    found = connection.execute(text("SELECT id, key, conditions FROM product_mappings ORDER BY id"))
    return [tuple(row) for row in found]


def _tables(connection: Connection) -> list[str]:
    return sorted(inspect(connection).get_table_names())


def _owed(connection: Connection) -> list[dict[str, Any]]:
    found = connection.execute(select(orders_table).order_by(orders_table.c.id)).mappings()
    return [{name: row[name] for name in owed_calls.NO_OWED_CALL} for row in found]


def _differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _order(**changes: Any) -> NewOrderRow:
    return with_columns(
        orders.empty_row(store="default", woo_order_id=1, now=NOW), {"state": OrderState.WAITING} | changes
    )


async def test_an_order_is_stored_once(opened: Database) -> None:
    assert await opened.write(orders.add, _order()) == 1
    assert await opened.write(orders.add, _order()) is None
    assert await opened.write(orders.add, _order(store="other")) is not None


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("ck_orders_state", {"state": "lost"}),
        ("ck_orders_created_has_result", {"state": OrderState.CREATED}),
        ("ck_orders_result_means_created", {"state": OrderState.HELD, "reference_code": "WO-2026-00001"}),
        ("ck_orders_result_means_created", {"state": OrderState.HELD, "work_order_id": 1}),
        ("ck_orders_owes", {"state": OrderState.QUEUED}),
    ],
)
async def test_the_database_refuses_a_state_that_contradicts_the_row(
    opened: Database, dialect: str, rule: str, changes: Columns
) -> None:
    """The error names the rule, whatever the statement. PostgreSQL's names the order's number and no customer."""
    order_id = await opened.write(orders.add, _order(likeness="ada@example.test"))
    assert order_id is not None
    with pytest.raises(IntegrityError, match=rule):
        await opened.write(orders.add, _order(woo_order_id=2, **changes))
    with pytest.raises(IntegrityError, match=rule) as raised:
        await opened.write(orders.change, order_id, changes, now=NOW)
    if dialect == "postgresql":
        assert f'order 1 of store "default" contradicts itself: "{rule}"' in str(raised.value)
    assert "ada@example.test" not in str(raised.value)
    assert (await opened.read(_first))["state"] == OrderState.WAITING


MAY_OWE = {
    OrderState.QUEUED: {"create_work_order, waiting"},
    OrderState.SENDING: {"create_work_order, under way"},
    OrderState.UNCONFIRMED: {"nothing", "look_up, waiting", "look_up, under way"},
}


@pytest.mark.parametrize("state", OrderState)
async def test_the_database_refuses_what_an_order_in_its_state_cannot_owe(opened: Database, state: OrderState) -> None:
    """For example: a queued or sending order without an owed call would wait for ever."""
    result = {"reference_code": "WO-1"} if state is OrderState.CREATED else {}
    owing = {"nothing": owed_calls.NO_OWED_CALL}
    for action in CallAction:
        owing[f"{action}, waiting"] = owed_calls.owed_columns(action=action, due=NOW, now=NOW)
        owing[f"{action}, under way"] = owed_calls.owed_columns(
            action=action, due=NOW, now=NOW, lease_until=NOW, slot=1
        )
    taken = set()
    for number, (name, owed) in enumerate(owing.items()):
        try:
            await opened.write(orders.add, _order(woo_order_id=number, state=state, **result, **owed))
        except IntegrityError:
            continue
        taken.add(name)
    assert taken == MAY_OWE.get(state, {"nothing"})


@pytest.mark.parametrize("column", ["owes_since", "tries", "next_attempt_at"])
@pytest.mark.parametrize("state", [OrderState.QUEUED, OrderState.UNCONFIRMED])
async def test_what_is_owed_is_whole_or_nothing(opened: Database, state: OrderState, column: str) -> None:
    columns = standing(state, now=NOW)
    whole = _order(**columns)
    for half in (with_columns(whole, {column: None}), _order(**{column: columns[column]})):
        with pytest.raises(IntegrityError):
            await opened.write(orders.add, half)
    assert await opened.write(orders.add, whole) is not None


async def test_a_call_that_the_version_before_had_lost_is_owed_again(empty_database_url: str) -> None:
    """A call that contradicts its order is dropped: no version would have made it."""
    rows = [
        (OrderState.QUEUED, None),
        (OrderState.SENDING, None),
        (OrderState.HELD, "create_work_order"),
        (OrderState.CREATED, "look_up"),
        (OrderState.QUEUED, "look_up"),
    ]

    def as_before(connection: Connection) -> None:
        for number, (state, action) in enumerate(rows, start=1):
            values = {"number": number, "state": state, "now": NOW, "code": "x" if state == "created" else None}
            connection.execute(text(f"INSERT INTO orders {STANDING}").bindparams(AT_NOW), values)
            if action:
                owed = text(f"INSERT INTO outbox {OWED.replace('create_work_order', action)}")
                connection.execute(owed.bindparams(AT_NOW), {"order_id": number, "now": NOW})
        sent = text("UPDATE orders SET first_sent_at = :now WHERE id = 5").bindparams(AT_NOW)
        connection.execute(sent, {"now": NOW})

    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade, "0009")
        await opened.write(as_before)
        await opened.write(migrate.upgrade)
        assert [(row["owes"], row["call_until"]) for row in await opened.read(_owed)] == [
            ("create_work_order", None),
            ("create_work_order", NOW),  # an expired lease: it is looked up
            (None, None),
            (None, None),
            ("create_work_order", NOW),  # it may have been sent, so it is looked up too
        ]
        states = await opened.read(lambda connection: connection.execute(select(orders_table.c.state)).scalars().all())
        assert sorted(states) == ["created", "held", "queued", "sending", "sending"]


async def test_two_orders_cannot_adopt_one_work_order(opened: Database) -> None:
    adopted = {"state": OrderState.CREATED, "reference_code": "WO-2026-00001", "adopted": True}
    await opened.write(orders.add, _order(**adopted))

    def adopt_again(connection: Connection) -> None:
        connection.execute(orders_table.insert().values(_order(**adopted, woo_order_id=2)))

    with pytest.raises(IntegrityError):
        await opened.write(adopt_again)


async def test_money_and_moments_come_back_as_they_went(opened: Database) -> None:
    total = Decimal("1234567890.123456")
    await opened.write(orders.add, _order(woo_total=total, woo_modified_at=NOW))
    row = await opened.read(_first)
    assert row["woo_total"] == total
    assert row["woo_modified_at"] == NOW
    assert row["woo_modified_at"].tzinfo is UTC


def _first(connection: Connection) -> dict[str, Any]:
    return dict(connection.execute(select(orders_table)).mappings().one())


def _add_related_order(connection: Connection) -> int:
    """Add an order with a follow-up of each kind of today, a line and a subscription."""
    more = {"continuation": {"chosen": [5]}, "shop_refunds": {"ids": []}}
    order_id = orders.add(connection, _order(woo_order_id=1, **standing(OrderState.WAITING, now=NOW) | more))
    assert order_id is not None
    for kind in ("relation", "activations", "refunds", "status"):
        values = {
            "store": "default",
            "order_id": order_id,
            "kind": kind,
            "due_at": NOW,
            "owed_since": NOW,
            "attempt": 0,
            "told": {},
        }
        connection.execute(insert(follow_ups).values(values))
    subscriptions.add_activations(connection, [Activation(77, 3)], order_id=order_id)
    subscriptions.add_orders(connection, [SubscriptionOrder(459, 1, RelationKind.RENEWAL)], store="default")
    return order_id


def _follow_up_kinds(connection: Connection) -> list[str]:
    return list(connection.execute(select(follow_ups.c.kind)).scalars())


async def test_what_brought_no_order_before_is_unread_after_the_update(empty_database_url: str) -> None:
    def read(connection: Connection) -> list[tuple[str, datetime | None]]:
        c = deliveries_table.c
        return [tuple(row) for row in connection.execute(select(c.verdict, c.unresolved_since).order_by(c.id))]

    verdicts = ["order", "failed", "woocommerce_error", "unreadable", "other_topic"]
    async with database.open_database(empty_database_url) as opened:
        await opened.write(migrate.upgrade, "0014")
        for number, verdict in enumerate(verdicts):
            stored = Delivery(store="default", topic="t", body=f"{number}".encode(), headers={}, verdict=verdict)
            await opened.write(add_delivery, stored, now=NOW)
        await opened.write(migrate.upgrade)
        found = await opened.read(read)
    assert found == [(each, NOW if each in verdicts[1:4] else None) for each in verdicts]
